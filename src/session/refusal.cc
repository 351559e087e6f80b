#include "session/refusal.h"

#include <cstddef>

#include "mqtt/reason_sets.h"
#include "mqtt/topic.h"

namespace vmq::session {

using mqtt::PacketType;
using mqtt::ReasonCode;

namespace {

constexpr std::size_t kMaxText = 65'535;  // [v5 1.5.4, 1.5.6]

bool allowed(PacketType type, ReasonCode reason) noexcept {
    switch (type) {
        case PacketType::Connack:
            return mqtt::kConnackReasons.contains(reason);
        case PacketType::Puback:
        case PacketType::Pubrec:
            return mqtt::kPubackReasons.contains(reason);
        case PacketType::Suback:
            return mqtt::kSubackReasons.contains(reason);
        case PacketType::Disconnect:
            return mqtt::kServerDisconnectReasons.contains(reason);
        default:
            return false;
    }
}

}  // namespace

ReasonCode refusal_in(PacketType type, ReasonCode reason) noexcept {
    return mqtt::is_error(reason) && allowed(type, reason) ? reason : ReasonCode::NotAuthorized;
}

void add_user_property(mqtt::Properties& properties, std::string_view name,
                       std::string_view value) {
    const auto can_be = [](std::string_view text) {
        return text.size() <= kMaxText && mqtt::is_valid_utf8(text);
    };
    if (!can_be(name) || !can_be(value)) return;  // [v5 MQTT-1.5.7-1]
    properties.user_properties.emplace_back(name, value);
    properties.set(mqtt::Property::UserProperty);
}

void set_text(mqtt::Properties& properties, mqtt::Property property, std::string_view& field,
              std::string_view text) {
    if (mqtt::is_valid_utf8(text)) set_binary(properties, property, field, text);
}

void set_binary(mqtt::Properties& properties, mqtt::Property property, std::string_view& field,
                std::string_view data) {
    if (data.empty() || data.size() > kMaxText) return;
    field = data;
    properties.set(property);
}

}  // namespace vmq::session
