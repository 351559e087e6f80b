#include "broker/netsplit_watch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/log.h"

namespace vmq::broker {

using config::NetsplitPolicy;
using metrics::Counter;

namespace {

/// The log names no more of them.
constexpr std::size_t kNamed = 8;

std::string names_of(const std::vector<std::string>& names) {
    const std::size_t named = std::min(names.size(), kNamed);
    std::string text = fmt::format(
        "{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(named), ", "));
    if (names.size() > named) text += fmt::format(" and {} more", names.size() - named);
    return text;
}

}  // namespace

bool NetsplitWatch::enough(NetsplitPolicy policy, std::size_t running,
                           std::size_t members) noexcept {
    switch (policy) {
        case NetsplitPolicy::All:
            return running == members;
        case NetsplitPolicy::Quorum:
            return running * 2 > members;
        case NetsplitPolicy::None:
            return true;
    }
    return true;
}

void NetsplitWatch::look(std::span<const Member> members, TimePoint now) {
    std::vector<std::string> missing;
    for (const Member& member : members) {
        if (!member.running) missing.emplace_back(member.name);
    }
    const bool ready = enough(policy_, members.size() - missing.size(), members.size());
    const bool news = !std::exchange(looked_, true) || missing != missing_ || ready != ready_;
    if (!news) return;
    const bool was_missing = !missing_.empty();
    missing_ = std::move(missing);
    ready_ = ready;
    // Before the log says so.
    readiness_.set_ready(ready);
    if (missing_.empty()) {
        if (was_missing) tell_complete(members.size(), now);
        was_complete_ = true;
        return;
    }
    if (!was_missing) {
        since_ = now;
        if (was_complete_) metrics_.add(Counter::NetsplitDetected);
    }
    tell_missing(members.size(), ready);
}

void NetsplitWatch::tell_missing(std::size_t members, bool ready) const {
    const std::size_t running = members - missing_.size();
    const std::string away = names_of(missing_);
    if (ready) {
        log::warning(
            "netsplit: {} of {} nodes run, away: {}; this node goes on serving clients "
            "(netsplit_policy = {})",
            running, members, away, word_of(policy_));
        return;
    }
    const std::string_view event = was_complete_ ? "netsplit" : "waiting for the cluster";
    log::warning(
        "{}: {} of {} nodes run, away: {}; until netsplit_policy = {} is met clients are refused "
        "what the settings allow_*_during_netsplit do not allow. Bring the nodes back, or remove "
        "one that is gone for good: vmq-admin cluster leave node=NAME",
        event, running, members, away, word_of(policy_));
}

void NetsplitWatch::tell_complete(std::size_t members, TimePoint now) {
    if (was_complete_) metrics_.add(Counter::NetsplitResolved);
    const auto refused = readiness_.take_refused();
    std::string counts;
    for (std::size_t i = 0; i < refused.size(); ++i) {
        if (refused[i] == 0) continue;
        counts += fmt::format("{}{} {}", counts.empty() ? "; meanwhile refused: " : ", ",
                              refused[i], packet_of(static_cast<ClientAction>(i)));
    }
    log::notice("{} after {} s: all {} nodes run{}",
                was_complete_ ? "netsplit resolved" : "the cluster is complete",
                (now - since_).count() / 1000, members, counts);
}

std::string_view word_of(NetsplitPolicy policy) noexcept {
    switch (policy) {
        case NetsplitPolicy::All:
            return "all";
        case NetsplitPolicy::Quorum:
            return "quorum";
        case NetsplitPolicy::None:
            return "none";
    }
    return {};
}

}  // namespace vmq::broker
