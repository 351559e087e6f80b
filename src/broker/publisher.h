// Publisher: messages that the broker publishes itself.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mqtt/types.h"

namespace vmq::broker {

class Broker;

struct Publication {
    std::string mountpoint;
    std::string topic;  // valid; may begin with $
    std::string payload;
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;
    bool retain = false;
    std::string properties = {};  // encoded, see mqtt::append_properties()
    std::optional<std::uint32_t> message_expiry_interval = {};  // seconds
};

/// For what is not a client: no hook is asked. Any thread, while the broker runs; afterwards
/// nothing is published. The broker outlives it.
class Publisher final {
public:
    explicit Publisher(const Broker& broker) : broker_(broker) {}

    /// Hands the messages to a shard, which publishes them in their order in one of its next turns.
    /// Whether somebody subscribes is not known here.
    /// `done` is called on the shard afterwards.
    void publish(std::vector<Publication> publications, std::function<void()> done = {}) const;

private:
    const Broker& broker_;
};

}  // namespace vmq::broker
