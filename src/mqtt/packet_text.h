// Packets as text for people, in the form of VerneMQ's tracer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/decoder.h"
#include "mqtt/packets.h"
#include "mqtt/properties.h"

namespace vmq::mqtt {

enum class From : std::uint8_t { Client, Server };

/// What stands in the place of passwords and authentication data.
inline constexpr std::string_view kNotPrinted = "pw_no_print";

/// Appends `bytes` so that no terminal can be steered by them and none of them can look like a line
/// of its own: control characters, what is not UTF-8, and characters that change the direction of
/// text are written as \n, \r, \t and \xNN.
void append_printable(std::string_view bytes, std::string& out);

/// Appends `payload` like append_printable(), of a longer one the first `limit` bytes and
/// " (truncated)".
void append_payload(std::string_view payload, std::size_t limit, std::string& out);

/// Appends properties as an Erlang map: "#{p_receive_max => 20}". Never authentication data;
/// `values` false: of user properties only the names.
void append_property_map(const Properties& properties, bool values, std::string& out);

/// Appends the line "    with properties: #{...}" unless there are none.
void append_property_line(const Properties& properties, bool values, std::string& out);

/// Appends one line for each topic, two for MQTT 5.
void append_topic_lines(const std::vector<SubscribeEntry>& entries, bool v5, std::string& out);

/// Appends the packet: one line, and more for payloads, topics and properties, each with its
/// newline. Passwords, authentication data and the values of user properties of CONNECT and AUTH
/// are not in it. A packet that cannot be read is named with what is wrong with it. `version` is
/// not looked at for CONNECT.
void append_packet_text(const Frame& frame, From from, ProtocolVersion version,
                        std::size_t payload_limit, std::string& out);

}  // namespace vmq::mqtt
