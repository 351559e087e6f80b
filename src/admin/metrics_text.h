// /metrics: a node's metrics in the Prometheus text format 0.0.4.
#pragma once

#include <string>
#include <string_view>

#include "metrics/snapshot.h"

namespace vmq::admin {

/// `prefix` stands before every name, the label node before all others. Series of one name stand
/// together in `snapshot`.
[[nodiscard]] std::string metrics_text(const metrics::Snapshot& snapshot, std::string_view node,
                                       std::string_view prefix);

}  // namespace vmq::admin
