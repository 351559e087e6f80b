#include "mqtt/message.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "base/assert.h"

namespace vmq::mqtt {
namespace {

char* append(char* at, std::string_view bytes) noexcept {
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    return at + bytes.size();
}

}  // namespace

Message::Message(const MessageParts& parts) noexcept
    : payload_size_(static_cast<std::uint32_t>(parts.payload.size())),
      properties_size_(static_cast<std::uint32_t>(parts.properties.size())),
      topic_size_(static_cast<std::uint16_t>(parts.topic.size())),
      mountpoint_size_(static_cast<std::uint16_t>(parts.mountpoint.size())),
      publisher_(parts.publisher),
      expires_at_(parts.expires_at),
      store_id_(parts.store_id),
      origin_(parts.origin),
      qos_(parts.qos),
      retain_(parts.retain) {}

MessagePtr Message::make(const MessageParts& parts) {
    VMQ_ASSERT(parts.topic.size() <= std::numeric_limits<std::uint16_t>::max());
    VMQ_ASSERT(parts.mountpoint.size() <= std::numeric_limits<std::uint16_t>::max());
    const std::size_t size = sizeof(Message) + parts.mountpoint.size() + parts.topic.size() +
                             parts.properties.size() + parts.payload.size();
    void* memory = ::operator new(size);
    auto* message = new (memory) Message(parts);
    char* at = static_cast<char*>(memory) + sizeof(Message);
    at = append(at, parts.mountpoint);
    at = append(at, parts.topic);
    at = append(at, parts.properties);
    append(at, parts.payload);
    return MessagePtr(message);
}

std::optional<std::uint32_t> Message::seconds_left(TimePoint now) const noexcept {
    if (expires_at_ == kNever) return std::nullopt;
    const auto left = std::max<std::int64_t>((expires_at_ - now).count(), 1);
    return static_cast<std::uint32_t>((left + 999) / 1000);
}

void Message::destroy(const Message* message) noexcept {
    message->~Message();
    ::operator delete(const_cast<Message*>(message));
}

}  // namespace vmq::mqtt
