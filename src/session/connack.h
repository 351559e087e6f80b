// CONNACK: what the client is told about its session [v5 3.2].
#pragma once

#include <string>
#include <string_view>

#include "mqtt/properties.h"
#include "mqtt/types.h"
#include "session/connect_plan.h"

namespace vmq::session {

/// What the CONNACK that accepts `plan` tells beside its reason string; views into it.
[[nodiscard]] mqtt::Properties connack_properties(const ConnectPlan& plan);

/// Appends the CONNACK that accepts `plan`. False if it is larger than the client's Maximum Packet
/// Size whatever is left out: then nothing was appended.
[[nodiscard]] bool encode_accepting_connack(const ConnectPlan& plan, bool session_present,
                                            std::string& out);

/// Appends the CONNACK that refuses a client, or nothing if even its shortest form is too large.
/// `maximum_packet_size` 0: no limit known. For v5 `reason` must be one that CONNACK can have.
/// True: appended.
bool encode_refusing_connack(mqtt::ProtocolVersion version, mqtt::ReasonCode reason,
                             std::string_view reason_string, std::string_view server_reference,
                             std::uint32_t maximum_packet_size, std::string& out);

}  // namespace vmq::session
