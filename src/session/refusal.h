// What hooks and the router say, made fit for the packet that tells the client.
#pragma once

#include <string_view>

#include "mqtt/properties.h"
#include "mqtt/types.h"

namespace vmq::session {

/// `reason` if a server may refuse with it in a packet of this type (CONNACK, PUBACK, PUBREC,
/// SUBACK, DISCONNECT) [v5 MQTT-3.2.2-8, MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.9.3-2,
/// MQTT-3.14.2-1], else NotAuthorized. Codes that are no errors are no refusals.
[[nodiscard]] mqtt::ReasonCode refusal_in(mqtt::PacketType type, mqtt::ReasonCode reason) noexcept;

/// Sets a string property, unless `text` is empty or cannot be one: too long or not UTF-8.
void set_text(mqtt::Properties& properties, mqtt::Property property, std::string_view& field,
              std::string_view text);
/// The same for binary data, which only can be too long.
void set_binary(mqtt::Properties& properties, mqtt::Property property, std::string_view& field,
                std::string_view data);
/// Adds a user property whose name and value can be ones; name and value stay the caller's.
void add_user_property(mqtt::Properties& properties, std::string_view name, std::string_view value);

}  // namespace vmq::session
