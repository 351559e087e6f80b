// Delivery: one message on its way to one client, with what the matching subscription asked for.
#pragma once

#include <cstdint>
#include <utility>

#include "mqtt/message.h"
#include "mqtt/types.h"
#include "store/message_store.h"

namespace vmq::queue {

struct Delivery {
    mqtt::MessagePtr message;               // null: finished with, or only on disk
    std::uint64_t shared_group = 0;         // the shared group it was chosen for, 0: none
    std::uint64_t store_sequence = 0;       // its record in the message store, 0: not stored
    store::WritePosition written_at = 0;    // of that record, 0: long ago
    std::uint32_t subscription_id = 0;      // 0: none
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;  // effective: min(publish, subscription) or upgraded
    bool retain = false;                    // the flag to send, not the publisher's
    bool sent_before = false;               // perhaps, by an earlier connection: DUP
};

[[nodiscard]] inline Delivery make_delivery(mqtt::MessagePtr message, std::uint32_t subscription_id,
                                            mqtt::QoS qos, bool retain) {
    Delivery delivery;
    delivery.message = std::move(message);
    delivery.subscription_id = subscription_id;
    delivery.qos = qos;
    delivery.retain = retain;
    return delivery;
}

}  // namespace vmq::queue
