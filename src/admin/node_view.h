// What the HTTP server shows: the node's numbers and its own.
#pragma once

#include <cstdint>

#include "broker/inspect.h"

namespace vmq::admin {

struct NodeView {
    broker::NodeSnapshot node;  // its listeners include those of HTTP
    std::uint64_t http_connections_refused = 0;
};

}  // namespace vmq::admin
