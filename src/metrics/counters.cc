#include "metrics/counters.h"

namespace vmq::metrics {

void ShardMetrics::add_to(Totals& totals) const noexcept {
    for (std::size_t i = 0; i < cells_.size(); ++i) totals.cells[i] += read(i);
}

}  // namespace vmq::metrics
