// MetricsCollector: all metrics of this node at one moment, for whoever shows them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "metrics/snapshot.h"
#include "runtime/published.h"

namespace vmq::admin {

/// Made and given its sources before anybody asks; from then on any thread may, as long as the
/// sources live.
class MetricsCollector final {
public:
    /// Adds its series. Called on the thread of whoever asks, also by several at once.
    using Source = std::function<void(metrics::Snapshot& snapshot)>;

    explicit MetricsCollector(std::string node) : node_(std::move(node)) {}
    MetricsCollector(const MetricsCollector&) = delete;
    MetricsCollector& operator=(const MetricsCollector&) = delete;

    /// Before anybody asks.
    void add(Source source) { sources_.push_back(std::move(source)); }

    [[nodiscard]] const std::string& node() const noexcept { return node_; }

    /// Counters and histograms since the start or the last reset().
    [[nodiscard]] metrics::Snapshot snapshot() const;
    /// For everybody: counters and histograms begin again at 0.
    void reset();

private:
    [[nodiscard]] metrics::Snapshot collect() const;

    const std::string node_;
    std::vector<Source> sources_;
    runtime::Published<const metrics::Snapshot> at_reset_;
};

}  // namespace vmq::admin
