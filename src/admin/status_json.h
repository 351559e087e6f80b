// /status.json and the answers of /health, in the format of VerneMQ 2.2.
#pragma once

#include <string>
#include <vector>

#include "admin/node_view.h"

namespace vmq::admin {

/// An array with one object: node name -> its numbers. The fields after "listeners" are ours.
[[nodiscard]] std::string status_json(const NodeView& view);

/// The types of listeners that do not run, each once, such as "[mqtt,http]"; empty: all run.
[[nodiscard]] std::string listeners_not_ready(const NodeView& view);

/// `reasons` empty: {"status":"OK"}.
[[nodiscard]] std::string health_json(const std::vector<std::string>& reasons);
/// The shape of /health/listeners, which has a single reason; empty: OK.
[[nodiscard]] std::string listener_health_json(const std::string& reason);

}  // namespace vmq::admin
