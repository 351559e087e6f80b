// Metrics for a Graphite server, in its plaintext protocol over TCP.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "admin/metrics_collector.h"
#include "base/clock.h"
#include "config/settings.h"

namespace vmq::admin {

/// One line per name, the sum over its labels: [API_KEY.][PREFIX.]mqtt.publish.received 12 TIME.
/// With graphite_include_labels one more per series, with .LABEL_VALUE for each of its labels.
[[nodiscard]] std::string graphite_lines(const metrics::Snapshot& snapshot,
                                         const config::GraphiteSettings& settings, WallSeconds now);

/// Sends them at intervals over one connection, on a thread of its own, and connects again when
/// that breaks. What could not be sent is not sent later. Made and destroyed on one thread, before
/// the collector.
class GraphiteSender final {
public:
    GraphiteSender(config::GraphiteSettings settings, const MetricsCollector& collector);
    ~GraphiteSender();
    GraphiteSender(const GraphiteSender&) = delete;
    GraphiteSender& operator=(const GraphiteSender&) = delete;

    /// Other settings from now on. Any thread.
    void apply(config::GraphiteSettings settings);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vmq::admin
