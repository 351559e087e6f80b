// What the HTTP server shows: the node's numbers and its own.
#pragma once

#include <chrono>

#include "admin/recent_counts.h"
#include "broker/inspect.h"

namespace vmq::admin {

struct NodeView {
    broker::NodeSnapshot node;  // its listeners include those of HTTP
    WatchedCounts recent;       // within RecentCounts::kWindow
    std::chrono::system_clock::time_point wall_now;
    bool stopping = false;  // somebody has asked for the end
};

}  // namespace vmq::admin
