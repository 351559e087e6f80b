// The Prometheus text of the node's metrics, read back into metrics for the command line.
#pragma once

#include <string_view>
#include <vector>

#include "admin/commands/node.h"

namespace vmq::admin {

/// `text` as metrics_text() writes it with no prefix. The label node is left out, samples that are
/// no whole numbers as well.
[[nodiscard]] std::vector<commands::Metric> metrics_of(std::string_view text);

}  // namespace vmq::admin
