#include "broker/session_control.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "broker/broker.h"
#include "broker/limits.h"
#include "broker/shard.h"
#include "mqtt/topic.h"
#include "runtime/coordination.h"

namespace vmq::broker {
namespace {

/// Clients disconnected before a shard turns to others again.
constexpr std::size_t kClientsAtOnce = 200;

}  // namespace

template <typename T>
Result<T> SessionControl::ask(ShardId id, std::function<T(Shard&)> work) const {
    Shard& shard = *broker_.shards()[id];
    auto answer = runtime::ask<T>(
        [this, id](std::function<void()> part) { broker_.post(id, std::move(part)); },
        [&shard, work = std::move(work)] { return work(shard); }, patience_);
    if (answer) return std::move(*answer);
    return Error{ErrorCode::Unavailable, "the broker is too busy to answer; try again"};
}

ShardId SessionControl::home_of(const std::string& mountpoint, const std::string& client_id) const {
    return broker_.shards().front()->home_of(mountpoint, client_id);
}

Result<bool> SessionControl::disconnect(const std::string& mountpoint, const std::string& client_id,
                                        bool cleanup) const {
    return ask<bool>(home_of(mountpoint, client_id), [=](Shard& shard) {
        return shard.disconnect_client(mountpoint, client_id, cleanup);
    });
}

Result<std::size_t> SessionControl::disconnect_some(std::size_t count,
                                                    std::vector<std::string> spared,
                                                    bool cleanup) const {
    std::ranges::sort(spared);
    const auto kept = std::make_shared<const std::vector<std::string>>(std::move(spared));
    std::size_t gone = 0;
    for (ShardId shard = 0; shard < broker_.shard_count() && gone < count;) {
        const std::size_t portion = std::min(count - gone, kClientsAtOnce);
        const auto some = ask<std::size_t>(shard, [kept, portion, cleanup](Shard& asked) {
            return asked.disconnect_some(portion, *kept, cleanup);
        });
        if (!some) return some;
        gone += some.value();
        if (some.value() < portion) ++shard;
    }
    return gone;
}

Result<bool> SessionControl::unsubscribe(const std::string& mountpoint,
                                         const std::string& client_id, const std::string& filter,
                                         bool tell_plugins) const {
    return ask<bool>(home_of(mountpoint, client_id), [=](Shard& shard) {
        return shard.unsubscribe_client(mountpoint, client_id, filter, tell_plugins);
    });
}

Result<Reauthorization> SessionControl::reauthorize(const std::string& mountpoint,
                                                    const std::string& client_id,
                                                    std::optional<std::string> username) const {
    const ShardId home = home_of(mountpoint, client_id);
    Shard& shard = *broker_.shards()[home];
    auto answer = runtime::ask_later<Reauthorization>(
        [this, home](std::function<void()> part) { broker_.post(home, std::move(part)); },
        [&shard, mountpoint, client_id,
         username = std::move(username)](const std::function<void(Reauthorization)>& give) {
            shard.reauthorize(mountpoint, client_id, username, give);
        },
        patience_ + broker_.shared().hook_timeout);
    if (answer) return *answer;
    return Error{ErrorCode::Unavailable,
                 "not all plugins have answered yet; what they answer later still counts"};
}

Result<std::size_t> SessionControl::delete_expired_retained() const {
    std::size_t gone = 0;
    for (;;) {
        const auto some = ask<std::size_t>(0, [](Shard& shard) {
            return shard.shared().retained.sweep(shard.now(), kRetainedSweep);
        });
        if (!some) return some;
        gone += some.value();
        if (some.value() < kRetainedSweep) return gone;
    }
}

Result<bool> SessionControl::delete_retained(const std::string& mountpoint,
                                             const std::string& topic) const {
    return ask<bool>(0, [=](Shard& shard) { return shard.delete_retained(mountpoint, topic); });
}

}  // namespace vmq::broker
