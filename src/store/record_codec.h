// Records of the store as bytes; format.md describes every one of them. Internal to this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "mqtt/message.h"
#include "store/records.h"

namespace vmq::store {

// Plain functions of any thread. Encoders append to `out`. Decoders trust nothing: bytes that are
// no such record, or one of a version unknown here, give false, and the result is of no use.

/// One moment on both clocks: stored deadlines are in wall milliseconds, those of a Message are
/// not.
struct ClockAnchors {
    TimePoint steady{};
    WallMillis wall = 0;

    [[nodiscard]] WallMillis to_wall(TimePoint time) const noexcept;
    /// What lies beyond the range of the clock is kNever or the earliest moment.
    [[nodiscard]] TimePoint to_steady(WallMillis time) const noexcept;
};

void encode_message(const mqtt::Message& message, const ClockAnchors& clocks, std::string& out);
[[nodiscard]] bool decode_message(std::string_view bytes, const ClockAnchors& clocks,
                                  mqtt::MessagePtr& message);

void encode_session(const SessionRecord& record, std::string& out);
[[nodiscard]] bool decode_session(std::string_view bytes, SessionRecord& record);

void encode_subscription(const mqtt::SubscriptionOptions& options, std::uint32_t subscription_id,
                         std::string& out);
[[nodiscard]] bool decode_subscription(std::string_view bytes, mqtt::SubscriptionOptions& options,
                                       std::uint32_t& subscription_id);

/// A queue's record, pointing into its bytes.
struct QueueRecord {
    std::uint64_t store_id = 0;  // 0: the message is `body`
    std::string_view body;
    std::string_view shared_filter;
    std::uint32_t subscription_id = 0;
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;
    bool retain = false;
};
/// With the message itself if its store_id() is 0.
void encode_queue_record(const PutMessage& put, const ClockAnchors& clocks, std::string& out);
[[nodiscard]] bool decode_queue_record(std::string_view bytes, QueueRecord& record);

/// The value of records whose key says everything.
void encode_fact(std::string_view fact, std::string& out);
/// `fact` points into `bytes`.
[[nodiscard]] bool decode_fact(std::string_view bytes, std::string_view& fact);

void encode_mark(std::string& out);
[[nodiscard]] bool decode_mark(std::string_view bytes);

/// A number of the column family `meta`.
void encode_number(std::uint64_t number, std::string& out);
[[nodiscard]] bool decode_number(std::string_view bytes, std::uint64_t& number);

}  // namespace vmq::store
