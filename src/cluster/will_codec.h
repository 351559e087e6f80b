// Wills as nodes tell each other of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cluster/registrar_codec.h"
#include "cluster/wire.h"
#include "mqtt/types.h"

namespace vmq::cluster {

/// The will of a client, as any node can publish it.
struct LastWill {
    ClientKey key;           // whose it is
    std::string mountpoint;  // where it is published
    std::string topic;
    std::string payload;
    std::string properties;  // encoded, those forwarded unaltered
    std::optional<std::uint32_t> message_expiry_s;
    std::uint32_t delay_s = 0;  // after the end of the connection, at most until the session ends
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;
    bool retain = false;
    bool kept = false;  // its node has it on disk, and publishes it when it starts again

    /// About what it takes in memory.
    [[nodiscard]] std::size_t footprint() const noexcept {
        return sizeof *this + key.mountpoint.size() + key.client_id.size() + mountpoint.size() +
               topic.size() + payload.size() + properties.size();
    }
    bool operator==(const LastWill&) const = default;
};

//   will  := flags:u8 mountpoint:string client_id:string will_mountpoint:string topic:string
//            [properties:string] [message_expiry_s:varint] delay_s:varint payload:string
//   flags := 03 QoS, 04 retain, 08 properties, 10 message_expiry_s, 20 kept
void append(const LastWill& will, ByteWriter& body);
[[nodiscard]] bool read(ByteReader& reader, LastWill& will);

}  // namespace vmq::cluster
