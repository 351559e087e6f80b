// Random messages and records for tests, all from one seed. Internal to the tests of this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/random.h"
#include "mqtt/message.h"
#include "store/records.h"

namespace vmq::store::test {

/// One owner, one thread.
class RandomRecords final {
public:
    explicit RandomRecords(std::uint64_t seed) : random_(seed) {}

    std::uint32_t below(std::uint32_t bound) { return random_.below(bound); }
    bool flip() { return below(2) == 1; }
    /// Small and large ones alike.
    std::uint64_t number() { return random_.next() >> below(64); }
    mqtt::QoS qos() { return static_cast<mqtt::QoS>(below(3)); }

    std::string text(std::size_t longest) {
        std::string result(below(static_cast<std::uint32_t>(longest) + 1), '\0');
        for (char& byte : result) byte = static_cast<char>(random_.next());
        return result;
    }
    std::string optional_text(std::size_t longest) {
        return flip() ? text(longest) : std::string{};
    }

    mqtt::MessagePtr message(std::uint64_t store_id, std::size_t largest_payload = 300) {
        const std::string mountpoint = optional_text(10);
        const std::string topic = text(40);
        const std::string payload = text(largest_payload);
        const std::string properties = optional_text(200);
        return mqtt::Message::make(
            {.mountpoint = mountpoint,
             .topic = topic,
             .payload = payload,
             .properties = properties,
             .qos = qos(),
             .retain = flip(),
             .publisher = number(),
             .expires_at = flip() ? TimePoint{Millis{below(1'000'000'000)}} : kNever,
             .store_id = store_id});
    }

    PutMessage put(SessionId session, std::uint64_t sequence, mqtt::MessagePtr message) {
        PutMessage put{session, sequence, std::move(message), nullptr, 0, qos(), flip()};
        if (below(4) == 0) {
            put.shared_filter = std::make_unique<const std::string>("$share/g/" + text(20));
        }
        if (below(4) == 0) put.subscription_id = 1 + below(268'435'455);
        return put;
    }

    SessionRecord session() {
        SessionRecord record;
        record.key = {optional_text(10), text(30)};
        record.expiry_interval_s = static_cast<std::uint32_t>(number());
        record.expires_at = flip() ? static_cast<WallMillis>(number()) : 0;
        record.sent_through = number();
        if (flip()) record.username = optional_text(20);
        if (flip()) {
            StoredWill& will = record.will.emplace();
            will.mountpoint = optional_text(10);
            will.topic = text(30);
            will.payload = text(100);
            will.properties = optional_text(50);
            if (flip()) will.message_expiry_s = static_cast<std::uint32_t>(number());
            will.delay_s = static_cast<std::uint32_t>(number());
            will.due_at = flip() ? static_cast<WallMillis>(number()) : 0;
            will.qos = qos();
            will.retain = flip();
        }
        return record;
    }

    mqtt::SubscriptionOptions options() {
        return {qos(), flip(), flip(), static_cast<mqtt::RetainHandling>(below(3))};
    }

private:
    Random random_;
};

inline bool same(const mqtt::Message& a, const mqtt::Message& b) {
    return a.mountpoint() == b.mountpoint() && a.topic() == b.topic() &&
           a.properties() == b.properties() && a.payload() == b.payload() && a.qos() == b.qos() &&
           a.retain() == b.retain() && a.publisher() == b.publisher() &&
           a.expires_at() == b.expires_at() && a.store_id() == b.store_id();
}

inline bool same(const SessionRecord& a, const SessionRecord& b) {
    return a.key.mountpoint == b.key.mountpoint && a.key.client_id == b.key.client_id &&
           a.expiry_interval_s == b.expiry_interval_s && a.expires_at == b.expires_at &&
           a.sent_through == b.sent_through && a.username == b.username && a.will == b.will;
}

}  // namespace vmq::store::test
