#include "vernemq/watchdog.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace vmq::launcher {
namespace {

/// Several looks within the limit: the answer to one is seen by the next, and a busy machine may be
/// late.
constexpr int kLooks = 4;
constexpr int kSilentAfter = 2;  // looks without an answer

}  // namespace

ShardPulse::ShardPulse(std::uint32_t shards, Post post) : post_(std::move(post)), missed_(shards) {
    for (std::uint32_t shard = 0; shard < shards; ++shard) {
        answered_.push_back(std::make_shared<std::atomic<bool>>(true));
    }
}

bool ShardPulse::look() {
    silent_.clear();
    for (std::size_t shard = 0; shard < answered_.size(); ++shard) {
        const auto& answered = answered_[shard];
        const auto id = static_cast<ShardId>(shard);
        if (!answered->exchange(false)) {
            if (++missed_[shard] >= kSilentAfter) silent_.push_back(id);
            continue;
        }
        missed_[shard] = 0;
        post_(id, [answered] { answered->store(true); });
    }
    return silent_.empty();
}

Watchdog::Watchdog(Millis limit, std::uint32_t shards, ShardPulse::Post post,
                   std::function<void()> all_is_well)
    : limit_(limit),
      pulse_(shards, std::move(post)),
      all_is_well_(std::move(all_is_well)),
      thread_(std::max(limit / kLooks, Millis(1)), [this] {
          look();
          return std::optional<Millis>();
      }) {}

void Watchdog::look() {
    if (pulse_.look()) {
        if (!well_) log::notice("all shards answer again");
        well_ = true;
        all_is_well_();
        return;
    }
    if (!well_) return;
    well_ = false;
    log::error(
        "shards that do not answer: {}. systemd hears nothing until they do, and ends the broker "
        "after {} ms",
        fmt::join(pulse_.silent(), ", "), limit_.count());
}

}  // namespace vmq::launcher
