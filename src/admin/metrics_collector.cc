#include "admin/metrics_collector.h"

namespace vmq::admin {

metrics::Snapshot MetricsCollector::collect() const {
    metrics::Snapshot snapshot;
    for (const Source& source : sources_) source(snapshot);
    metrics::group_by_name(snapshot);
    return snapshot;
}

metrics::Snapshot MetricsCollector::snapshot() const {
    // First: what is counted meanwhile must not come out below zero.
    const auto at_reset = at_reset_.get();
    metrics::Snapshot snapshot = collect();
    if (at_reset) metrics::subtract(snapshot, *at_reset);
    return snapshot;
}

void MetricsCollector::reset() {
    at_reset_.set(std::make_shared<const metrics::Snapshot>(collect()));
}

}  // namespace vmq::admin
