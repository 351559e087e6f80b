// Messages and deliveries for tests, in a few words.
#pragma once

#include <string_view>

#include "mqtt/message.h"
#include "mqtt/types.h"

namespace vmq::testing {

[[nodiscard]] inline mqtt::MessagePtr message(std::string_view payload,
                                              TimePoint expires_at = kNever,
                                              std::string_view topic = "t") {
    mqtt::MessageParts parts;
    parts.topic = topic;
    parts.payload = payload;
    parts.qos = mqtt::QoS::ExactlyOnce;
    parts.expires_at = expires_at;
    return mqtt::Message::make(parts);
}

}  // namespace vmq::testing
