// Rights that end while clients are connected: what the rules of now no longer allow.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "hooks/chain.h"
#include "hooks/contexts.h"
#include "runtime/coordination.h"
#include "runtime/guarded.h"

namespace vmq::broker {

/// Those of a client's filters that a plugin no longer allows, views among `filters`. Called on
/// every shard at the same time.
using Suspects = std::function<std::vector<std::string_view>(
    const hooks::ClientContext& client, std::span<const std::string_view> filters)>;

/// Whether a plugin no longer allows a client's will on `topic`. Called on every shard at the same
/// time.
using WillSuspect = std::function<bool(const hooks::ClientContext& client, std::string_view topic)>;

/// Rules that are not those of before, or that are to be tried.
struct ChangedRules {
    std::string plugin;  // whose they are
    Suspects suspects;
    WillSuspect will_suspect;  // none: wills are not looked at
};

/// Whether a session of `username`, which the plugin at place `authenticated_by` has let in, has to
/// end. Called on every shard at the same time.
using Unwelcome = std::function<bool(std::string_view username, std::uint8_t authenticated_by)>;

struct LostSubscription {
    std::string mountpoint;
    std::string client_id;
    std::string filter;
};

/// A session whose login is no longer worth anything.
struct UnwelcomeSession {
    std::string mountpoint;
    std::string client_id;
    std::string username;
};

/// What came of asking for a session's rights again.
enum class Reauthorization : std::uint8_t { NoSession, Unchanged, Changed };

/// Sessions that would end.
struct UnwelcomeSessions {
    static constexpr std::size_t kMaxNamed = 1000;

    std::size_t count = 0;
    std::vector<UnwelcomeSession> named;  // the first kMaxNamed
};

/// What a check has found.
struct LostRights {
    static constexpr std::size_t kMaxNamed = 1000;

    std::size_t sessions = 0;  // that lose at least one subscription
    std::size_t subscriptions = 0;
    std::size_t wills = 0;
    std::size_t undecided = 0;            // plugins that answer later have been asked
    std::vector<LostSubscription> named;  // the first kMaxNamed
};

/// One check of the subscriptions and wills of all sessions, shared by the shards. Each asks the
/// suspicions of the changed rules and, about what they name, the other plugins that the session's
/// listener asks; the first plugin has said no. Shards take it in portions between their other
/// work.
class RightsCheck final {
public:
    RightsCheck(ChangedRules rules, bool apply, std::size_t shards)
        : rules_(std::move(rules)), apply_(apply), parts_(shards), shards_(shards) {}
    RightsCheck(const RightsCheck&) = delete;
    RightsCheck& operator=(const RightsCheck&) = delete;

    [[nodiscard]] const ChangedRules& rules() const noexcept { return rules_; }
    [[nodiscard]] std::string_view plugin() const noexcept { return rules_.plugin; }
    /// False: nothing ends, it is only told.
    [[nodiscard]] bool apply() const noexcept { return apply_; }

    /// A shard's own, until it has called shard_done().
    struct Part {
        bool begun = false;
        std::vector<ClientNumber> rest;  // sessions still to be looked at, from the end
        LostRights lost;

        void add(LostSubscription subscription) {
            ++lost.subscriptions;
            if (lost.named.size() < LostRights::kMaxNamed) {
                lost.named.push_back(std::move(subscription));
            }
        }
    };
    [[nodiscard]] Part& part(ShardId shard) noexcept { return parts_[shard]; }
    void shard_done() { shards_.done(); }

    /// Waits for all shards. Never on a shard's thread.
    [[nodiscard]] LostRights wait() const;

private:
    const ChangedRules rules_;
    const bool apply_;
    std::vector<Part> parts_;  // by shard
    runtime::Countdown shards_;
};

/// Logins that were accepted shortly before their password went: on their way to their shard nobody
/// finds them, so it asks here. Any thread.
class Revocations final {
public:
    /// For a login that is accepted now.
    [[nodiscard]] std::uint64_t now() const noexcept {
        return count_.load(std::memory_order_acquire);
    }
    void add(Unwelcome unwelcome);
    /// How often rules have changed. What was allowed before the last time and has no effect yet,
    /// so that no RightsCheck has found it, is to be asked about again.
    [[nodiscard]] std::uint64_t rules() const noexcept {
        return rules_.load(std::memory_order_acquire);
    }
    /// The new rules are in force already.
    void rules_changed() noexcept { rules_.fetch_add(1, std::memory_order_acq_rel); }
    /// Whether a login of that moment is to be ended.
    [[nodiscard]] bool hit(std::uint64_t accepted_at, std::string_view username,
                           std::uint8_t authenticated_by) const;

private:
    /// A login that is older than these is ended in doubt.
    static constexpr std::size_t kKept = 64;

    std::atomic<std::uint64_t> count_{0};
    std::atomic<std::uint64_t> rules_{0};
    runtime::Guarded<std::deque<Unwelcome>> last_;  // the newest one at the end
};

}  // namespace vmq::broker
