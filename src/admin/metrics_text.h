// /metrics: the node's counters and gauges in the Prometheus text format 0.0.4.
#pragma once

#include <string>
#include <string_view>

#include "admin/node_view.h"

namespace vmq::admin {

/// `prefix` stands before every name. All samples of a name stand together under one HELP and one
/// TYPE; the label node comes first.
[[nodiscard]] std::string metrics_text(const NodeView& view, std::string_view prefix);

}  // namespace vmq::admin
