// Message: one published application message, immutable and shared by every queue that holds it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "mqtt/types.h"

namespace vmq::mqtt {

class MessagePtr;

/// What a Message is made of. Views are copied.
struct MessageParts {
    std::string_view mountpoint = {};
    std::string_view topic = {};
    std::string_view payload = {};
    std::string_view properties = {};  // encoded, those that are forwarded unaltered; empty for v3
    QoS qos = QoS::AtMostOnce;
    bool retain = false;
    std::uint64_t publisher = 0;  // hash of the publisher's mountpoint and client id, for no-local
    TimePoint expires_at = kNever;  // [v5 3.3.2.3.3]
    std::uint64_t store_id = 0;  // names it in the store when several queues hold it; 0: one does
    std::uint64_t origin = 0;    // names it among all nodes; 0: it has not left its node
};

/// Immutable after make(); the bytes stand behind the object in one allocation. The reference count
/// is atomic because messages, and only messages, are shared between shards.
class Message final {
public:
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;

    [[nodiscard]] static MessagePtr make(const MessageParts& parts);

    [[nodiscard]] std::string_view mountpoint() const noexcept {
        return {bytes(), mountpoint_size_};
    }
    [[nodiscard]] std::string_view topic() const noexcept {
        return {bytes() + mountpoint_size_, topic_size_};
    }
    [[nodiscard]] std::string_view properties() const noexcept {
        return {bytes() + mountpoint_size_ + topic_size_, properties_size_};
    }
    [[nodiscard]] std::string_view payload() const noexcept {
        return {bytes() + mountpoint_size_ + topic_size_ + properties_size_, payload_size_};
    }
    [[nodiscard]] QoS qos() const noexcept { return qos_; }
    [[nodiscard]] bool retain() const noexcept { return retain_; }
    [[nodiscard]] std::uint64_t publisher() const noexcept { return publisher_; }
    [[nodiscard]] TimePoint expires_at() const noexcept { return expires_at_; }
    [[nodiscard]] std::uint64_t store_id() const noexcept { return store_id_; }
    [[nodiscard]] std::uint64_t origin() const noexcept { return origin_; }
    [[nodiscard]] bool expired(TimePoint now) const noexcept { return now >= expires_at_; }
    /// What is left of the Message Expiry Interval [v5 MQTT-3.3.2-6], rounded up so that it is
    /// never 0; nothing if the message does not expire.
    [[nodiscard]] std::optional<std::uint32_t> seconds_left(TimePoint now) const noexcept;

    /// A message whose records on several shards have to become safe together: begin_parts() before
    /// it is shared, part_done() once by each of the shards.
    void begin_parts(std::uint32_t count) const noexcept {
        parts_missing_.store(count, std::memory_order_relaxed);
    }
    void part_done() const noexcept { parts_missing_.fetch_sub(1, std::memory_order_acq_rel); }
    [[nodiscard]] std::uint32_t parts_missing() const noexcept {
        return parts_missing_.load(std::memory_order_acquire);
    }

    /// Bytes of memory this message takes.
    [[nodiscard]] std::size_t footprint() const noexcept {
        return sizeof(Message) + mountpoint_size_ + topic_size_ + properties_size_ + payload_size_;
    }

private:
    friend class MessagePtr;

    explicit Message(const MessageParts& parts) noexcept;
    ~Message() = default;

    [[nodiscard]] const char* bytes() const noexcept {
        return reinterpret_cast<const char*>(this) + sizeof(Message);
    }
    static void destroy(const Message* message) noexcept;

    mutable std::atomic<std::uint32_t> references_{1};
    std::uint32_t payload_size_;
    std::uint32_t properties_size_;
    std::uint16_t topic_size_;
    std::uint16_t mountpoint_size_;
    std::uint64_t publisher_;
    TimePoint expires_at_;
    std::uint64_t store_id_;
    std::uint64_t origin_;
    mutable std::atomic<std::uint32_t> parts_missing_{0};
    QoS qos_;
    bool retain_;
};

/// A counted reference to a Message. Copying is an atomic increment, moving is free.
class MessagePtr final {
public:
    MessagePtr() noexcept = default;
    MessagePtr(std::nullptr_t) noexcept {}
    MessagePtr(const MessagePtr& other) noexcept : message_(other.message_) {
        if (message_ != nullptr) message_->references_.fetch_add(1, std::memory_order_relaxed);
    }
    MessagePtr(MessagePtr&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
    MessagePtr& operator=(MessagePtr other) noexcept {
        std::swap(message_, other.message_);
        return *this;
    }
    ~MessagePtr() { release(); }

    [[nodiscard]] const Message* get() const noexcept { return message_; }
    const Message& operator*() const noexcept { return *message_; }
    const Message* operator->() const noexcept { return message_; }
    explicit operator bool() const noexcept { return message_ != nullptr; }
    bool operator==(const MessagePtr&) const noexcept = default;

private:
    friend class Message;
    explicit MessagePtr(const Message* adopted) noexcept : message_(adopted) {}

    void release() noexcept {
        if (message_ == nullptr) return;
        // A count of one seen by its only owner cannot change under it: no atomic decrement needed.
        if (message_->references_.load(std::memory_order_acquire) == 1 ||
            message_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            Message::destroy(message_);
        }
    }

    const Message* message_ = nullptr;
};

}  // namespace vmq::mqtt
