// Delivery: one message on its way to one client, with what the matching subscription asked for.
#pragma once

#include <cstdint>

#include "mqtt/message.h"
#include "mqtt/types.h"

namespace vmq::queue {

struct Delivery {
    mqtt::MessagePtr message;
    std::uint64_t shared_group = 0;         // the shared group it was chosen for, 0: none
    std::uint64_t store_sequence = 0;       // its record in the message store, 0: not stored
    std::uint32_t subscription_id = 0;      // 0: none
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;  // effective: min(publish, subscription) or upgraded
    bool retain = false;                    // the flag to send, not the publisher's
};

}  // namespace vmq::queue
