// NetsplitWatch: whether enough members of the cluster run for clients to be served.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "broker/readiness.h"
#include "config/settings.h"
#include "metrics/counters.h"

namespace vmq::broker {

/// Owned by the ClusterService, used on its thread. Told which members run, it sets the Readiness
/// of the broker, counts netsplits and writes the log. Does no I/O and reads no clock.
class NetsplitWatch final {
public:
    /// Both outlive it.
    NetsplitWatch(config::NetsplitPolicy policy, Readiness& readiness,
                  metrics::ShardMetrics& metrics) noexcept
        : policy_(policy), readiness_(readiness), metrics_(metrics) {}

    struct Member {
        std::string_view name;
        bool running = false;  // and this node knows what its clients want
    };
    /// All of them, this node included. To be called when something has changed.
    void look(std::span<const Member> members, TimePoint now);
    /// It has just become a member: those it does not see yet are not lost.
    void begin_anew() noexcept { was_complete_ = false; }
    /// From the next look() on.
    void set_policy(config::NetsplitPolicy policy) noexcept { policy_ = policy; }
    [[nodiscard]] config::NetsplitPolicy policy() const noexcept { return policy_; }

    /// Whether `running` of `members` are enough.
    [[nodiscard]] static bool enough(config::NetsplitPolicy policy, std::size_t running,
                                     std::size_t members) noexcept;

private:
    void tell_missing(std::size_t members, bool ready) const;
    void tell_complete(std::size_t members, TimePoint now);

    config::NetsplitPolicy policy_;
    Readiness& readiness_;
    metrics::ShardMetrics& metrics_;
    bool was_complete_ = false;  // since it became a member or was started
    bool looked_ = false;
    bool ready_ = true;
    std::vector<std::string> missing_;  // at the last look
    TimePoint since_{};                 // when the first of them was missed
};

/// As the setting is written.
[[nodiscard]] std::string_view word_of(config::NetsplitPolicy policy) noexcept;

}  // namespace vmq::broker
