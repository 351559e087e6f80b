// TopStream: what happens on this node, as one JSON object per interval.
#pragma once

#include <functional>
#include <optional>

#include "admin/commands/node.h"
#include "admin/commands/stream.h"
#include "base/clock.h"
#include "broker/activity_watch.h"
#include "broker/inspect.h"
#include "metrics/snapshot.h"

namespace vmq::admin {

/// Each object is a line; docs/operating/top.md says what is in it. Rates are those of the
/// interval.
class TopStream final : public commands::Stream {
public:
    struct Source {
        std::function<broker::NodeSnapshot()> node;
        /// The histograms of hooks, with labels plugin and hook.
        std::function<metrics::Snapshot()> hooks;
        // Of a watch, which they keep.
        std::function<void()> ask;
        std::function<broker::ActivityWatches::Watch::Answer()> answer;
    };

    TopStream(Source source, commands::TopOptions options, TimePoint now = steady_now());

    Piece take() override { return take(steady_now()); }
    [[nodiscard]] Piece take(TimePoint now);

private:
    struct Sample {
        TimePoint at;
        broker::NodeSnapshot node;
        metrics::Snapshot hooks;
    };
    [[nodiscard]] Sample sample(TimePoint now) const {
        return {now, source_.node(), source_.hooks()};
    }

    const Source source_;
    const commands::TopOptions options_;
    Sample before_;
    TimePoint asked_at_{};  // of the shards, who have not all answered yet
};

/// The smallest bound of a histogram below which `percent` of its durations are, in microseconds;
/// nothing if there are none or it has no bound.
[[nodiscard]] std::optional<std::uint64_t> percentile_bound(
    const metrics::HistogramValue& histogram, std::uint32_t percent) noexcept;

}  // namespace vmq::admin
