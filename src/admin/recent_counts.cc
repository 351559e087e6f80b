#include "admin/recent_counts.h"

#include <algorithm>

namespace vmq::admin {

namespace {

bool began_anew(const WatchedCounts& before, const WatchedCounts& now) {
    for (std::size_t i = 0; i < now.drops.size(); ++i) {
        if (now.drops[i] < before.drops[i]) return true;
    }
    return now.queues_nearly_full < before.queues_nearly_full;
}

}  // namespace

std::uint64_t WatchedCounts::dropped(std::string_view reason) const noexcept {
    const auto* const found = std::ranges::find(kDropReasons, reason);
    return found == kDropReasons.end()
               ? 0
               : drops[static_cast<std::size_t>(found - kDropReasons.begin())];
}

WatchedCounts watched_counts(const broker::NodeSnapshot& node) noexcept {
    using metrics::Counter;
    using metrics::VersionCounter;
    const auto& totals = node.numbers.totals;
    WatchedCounts counts;
    counts.drops = {totals.get(Counter::QueueMessageDrop),
                    totals.get(Counter::QueueMessageExpired),
                    totals.get(Counter::QueueMessageDropMaxPacketSize),
                    totals.get(Counter::DropOffline),
                    totals.get(Counter::DropSessionEnded),
                    totals.get(Counter::DropNoSubscriber),
                    totals.get(VersionCounter::MqttPublishAuthError, false) +
                        totals.get(VersionCounter::MqttPublishAuthError, true),
                    totals.get(Counter::DropStoreRefused),
                    totals.get(Counter::DropNodeUnreachable),
                    totals.get(Counter::DropTooLargeForNode),
                    totals.get(Counter::DropNetsplit)};
    counts.queues_nearly_full = totals.get(Counter::QueueNearlyFull);
    return counts;
}

WatchedCounts RecentCounts::add(const WatchedCounts& counts, TimePoint now) {
    if (!kept_.empty() && began_anew(kept_.back().counts, counts)) kept_ = {{now, {}}};
    if (kept_.empty() || now - kept_.back().at >= kStep) kept_.push_back({now, counts});
    // One that is too old stays while it is the only one that reaches back far enough.
    while (kept_.size() > 1 && now - kept_[1].at >= kWindow) kept_.pop_front();
    const WatchedCounts& oldest = kept_.front().counts;
    WatchedCounts recent;
    for (std::size_t i = 0; i < recent.drops.size(); ++i) {
        recent.drops[i] = counts.drops[i] - oldest.drops[i];
    }
    recent.queues_nearly_full = counts.queues_nearly_full - oldest.queues_nearly_full;
    return recent;
}

}  // namespace vmq::admin
