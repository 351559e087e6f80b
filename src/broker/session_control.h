// What operators do to sessions and retained messages, from outside the shards.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "broker/rights.h"
#include "mqtt/message.h"

namespace vmq::broker {

class Broker;
class Shard;

/// Asks the shards and waits for their answers, none longer than `patience`; an Error then says so,
/// and what was asked for may still happen. Any thread but a shard's; `broker` has been started and
/// outlives every call.
class SessionControl final {
public:
    explicit SessionControl(Broker& broker, Millis patience = Seconds(5))
        : broker_(broker), patience_(patience) {}

    // For these see Shard.
    [[nodiscard]] Result<bool> disconnect(const std::string& mountpoint,
                                          const std::string& client_id, bool cleanup) const;
    [[nodiscard]] Result<std::size_t> disconnect_some(std::size_t count,
                                                      std::vector<std::string> spared,
                                                      bool cleanup) const;
    [[nodiscard]] Result<bool> unsubscribe(const std::string& mountpoint,
                                           const std::string& client_id, const std::string& filter,
                                           bool tell_plugins) const;
    /// Waits for plugins that answer later as well, these up to hook_timeout each.
    [[nodiscard]] Result<Reauthorization> reauthorize(const std::string& mountpoint,
                                                      const std::string& client_id,
                                                      std::optional<std::string> username) const;
    /// How many retained messages had expired and are gone now.
    [[nodiscard]] Result<std::size_t> delete_expired_retained() const;
    [[nodiscard]] Result<bool> delete_retained(const std::string& mountpoint,
                                               const std::string& topic) const;

private:
    template <typename T>
    [[nodiscard]] Result<T> ask(ShardId shard, std::function<T(Shard&)> work) const;
    [[nodiscard]] ShardId home_of(const std::string& mountpoint,
                                  const std::string& client_id) const;

    Broker& broker_;
    const Millis patience_;
};

}  // namespace vmq::broker
