// Rights that end while clients are connected: what the rules of now no longer allow.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "hooks/chain.h"
#include "hooks/contexts.h"

namespace vmq::broker {

/// Those of a client's filters that a plugin no longer allows, views among `filters`. Called on
/// every shard at the same time.
using Suspects = std::function<std::vector<std::string_view>(
    const hooks::ClientContext& client, std::span<const std::string_view> filters)>;

/// Whether a session of `username`, which the plugin at place `authenticated_by` has let in, has to
/// end. Called on every shard at the same time.
using Unwelcome = std::function<bool(std::string_view username, std::uint8_t authenticated_by)>;

struct LostSubscription {
    std::string mountpoint;
    std::string client_id;
    std::string filter;
};

/// What a check has found.
struct LostRights {
    static constexpr std::size_t kMaxNamed = 1000;

    std::size_t sessions = 0;  // that lose at least one subscription
    std::size_t subscriptions = 0;
    std::size_t undecided = 0;            // plugins that answer later have been asked
    std::vector<LostSubscription> named;  // the first kMaxNamed
};

/// One check of the subscriptions of all sessions, shared by the shards. Each asks `suspects` and,
/// about those, the other plugins that the session's listener asks; the first plugin has said no.
/// Shards take it in portions between their other work.
class RightsCheck final {
public:
    RightsCheck(Suspects suspects, std::string_view plugin, bool apply, std::size_t shards)
        : suspects_(std::move(suspects)),
          plugin_(plugin),
          apply_(apply),
          rest_(shards),
          done_(static_cast<std::ptrdiff_t>(shards)) {}
    RightsCheck(const RightsCheck&) = delete;
    RightsCheck& operator=(const RightsCheck&) = delete;

    [[nodiscard]] const Suspects& suspects() const noexcept { return suspects_; }
    /// Whose rules have changed.
    [[nodiscard]] std::string_view plugin() const noexcept { return plugin_; }
    /// False: nothing ends, it is only told.
    [[nodiscard]] bool apply() const noexcept { return apply_; }

    /// The shard's own: sessions it has still to look at, taken from the end.
    struct Rest {
        bool begun = false;
        std::vector<ClientNumber> clients;
    };
    [[nodiscard]] Rest& rest(ShardId shard) noexcept { return rest_[shard]; }

    // Any shard.
    void add_session() { ++sessions_; }
    void add_undecided() { ++undecided_; }
    void add(LostSubscription lost) {
        ++subscriptions_;
        const std::lock_guard lock(mutex_);
        if (named_.size() < LostRights::kMaxNamed) named_.push_back(std::move(lost));
    }
    void shard_done() { done_.count_down(); }

    /// Waits for all shards. Never on a shard's thread.
    [[nodiscard]] LostRights wait() {
        done_.wait();
        const std::lock_guard lock(mutex_);
        return {sessions_.load(), subscriptions_.load(), undecided_.load(), named_};
    }

private:
    const Suspects suspects_;
    const std::string plugin_;
    const bool apply_;
    std::vector<Rest> rest_;  // by shard
    std::atomic<std::size_t> sessions_{0};
    std::atomic<std::size_t> subscriptions_{0};
    std::atomic<std::size_t> undecided_{0};
    std::mutex mutex_;
    std::vector<LostSubscription> named_;
    std::latch done_;
};

}  // namespace vmq::broker
