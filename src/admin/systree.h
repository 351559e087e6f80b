// Metrics as messages below $SYS.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "admin/metrics_collector.h"
#include "broker/publisher.h"
#include "config/settings.h"
#include "runtime/periodic.h"
#include "runtime/published.h"

namespace vmq::admin {

/// One message per name, the sum over its labels, such as
/// $SYS/NODE/mqtt/publish/received; a histogram has several.
[[nodiscard]] std::vector<broker::Publication> systree_messages(
    const metrics::Snapshot& snapshot, std::string_view node,
    const config::SystreeSettings& settings);

/// Publishes them at intervals, on a thread of its own; for the first time a second after it was
/// made. Destroyed before the collector and what `publish` refers to.
class Systree final {
public:
    using Publish = std::function<void(std::vector<broker::Publication>)>;

    Systree(config::SystreeSettings settings, const MetricsCollector& collector, Publish publish);
    Systree(const Systree&) = delete;
    Systree& operator=(const Systree&) = delete;

    /// Other settings from now on. Any thread.
    void apply(config::SystreeSettings settings);

private:
    void publish() const;

    const MetricsCollector& collector_;
    const Publish publish_;
    runtime::Published<const config::SystreeSettings> settings_;
    runtime::Periodic periodic_;
};

}  // namespace vmq::admin
