// One message encoded once for many receivers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mqtt/message.h"
#include "mqtt/types.h"

namespace vmq::session {

/// Holds the encodings of the message that is being fanned out: one per protocol family, QoS and
/// RETAIN flag, made when first asked for. Owned by a shard; begin() starts the next message.
class PublishTemplate final {
public:
    void begin() noexcept { made_ = 0; }

    struct Encoding {
        std::string bytes;
        std::size_t id_at = 0;  // offset of the packet id, meaningful for QoS above 0
    };
    /// The PUBLISH of `message` without DUP, alias, identifier or expiry. Requires that it is the
    /// same message as in every call since begin(). Valid until the next begin().
    [[nodiscard]] const Encoding& encoding(const mqtt::Message& message, bool v5, mqtt::QoS qos,
                                           bool retain);

private:
    std::array<Encoding, 12> encodings_;
    std::uint32_t made_ = 0;  // a bit for each
};

}  // namespace vmq::session
