// What the HTTP server shows: the node's numbers and its own.
#pragma once

#include "broker/inspect.h"

namespace vmq::admin {

struct NodeView {
    broker::NodeSnapshot node;  // its listeners include those of HTTP
};

}  // namespace vmq::admin
