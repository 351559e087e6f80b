#include "store/keys.h"

#include "store/coding.h"

namespace vmq::store {
namespace {

using detail::load_u64_be;
using detail::store_u64_be;

constexpr std::size_t kSessionPrefix = 9;  // session and kind

void store_prefix(SessionId session, SessionKeyKind kind, char* at) noexcept {
    store_u64_be(static_cast<std::uint64_t>(session), at);
    at[8] = static_cast<char>(kind);
}

}  // namespace

FixedKey<8> message_key(std::uint64_t store_id) noexcept {
    FixedKey<8> key;
    store_u64_be(store_id, key.bytes.data());
    return key;
}

FixedKey<16> queue_key(SessionId session, std::uint64_t sequence) noexcept {
    FixedKey<16> key;
    store_u64_be(static_cast<std::uint64_t>(session), key.bytes.data());
    store_u64_be(sequence, key.bytes.data() + 8);
    return key;
}

FixedKey<9> session_key(SessionId session, SessionKeyKind kind) noexcept {
    FixedKey<9> key;
    store_prefix(session, kind, key.bytes.data());
    return key;
}

std::string subscription_key(SessionId session, std::string_view filter) {
    std::string key(kSessionPrefix, '\0');
    store_prefix(session, SessionKeyKind::Subscription, key.data());
    key.append(filter);
    return key;
}

FixedKey<11> received_key(SessionId session, mqtt::PacketId id) noexcept {
    FixedKey<11> key;
    store_prefix(session, SessionKeyKind::Received, key.bytes.data());
    const auto number = static_cast<std::uint16_t>(id);
    key.bytes[9] = static_cast<char>(number >> 8U);
    key.bytes[10] = static_cast<char>(number & 0xFFU);
    return key;
}

FixedKey<17> released_key(SessionId session, std::uint64_t sequence) noexcept {
    FixedKey<17> key;
    store_prefix(session, SessionKeyKind::Released, key.bytes.data());
    store_u64_be(sequence, key.bytes.data() + kSessionPrefix);
    return key;
}

std::string fact_key(std::string_view key) {
    std::string bytes(1, '\1');
    bytes.append(key);
    return bytes;
}

std::string retained_key(std::string_view mountpoint, std::string_view topic) {
    std::string key;
    key.reserve(2 + mountpoint.size() + topic.size());
    detail::append_string(mountpoint, key);
    key.append(topic);
    return key;
}

std::optional<QueueKey> parse_queue_key(std::string_view key) noexcept {
    if (key.size() != 16) return std::nullopt;
    return QueueKey{SessionId{load_u64_be(key.data())}, load_u64_be(key.data() + 8)};
}

std::optional<std::uint64_t> parse_message_key(std::string_view key) noexcept {
    if (key.size() != 8) return std::nullopt;
    return load_u64_be(key.data());
}

std::optional<SessionKeyParts> parse_session_key(std::string_view key) noexcept {
    if (key.size() < kSessionPrefix) return std::nullopt;
    SessionKeyParts parts{SessionId{load_u64_be(key.data())},
                          static_cast<SessionKeyKind>(static_cast<std::uint8_t>(key[8])),
                          {}};
    const std::string_view rest = key.substr(kSessionPrefix);
    switch (parts.kind) {
        case SessionKeyKind::Main:
        case SessionKeyKind::Doomed:
            if (!rest.empty()) return std::nullopt;
            return parts;
        case SessionKeyKind::Subscription:
            parts.filter = rest;
            return parts;
        case SessionKeyKind::Received:
            if (rest.size() != 2) return std::nullopt;
            parts.id = mqtt::PacketId{static_cast<std::uint16_t>(
                static_cast<std::uint8_t>(rest[0]) << 8U | static_cast<std::uint8_t>(rest[1]))};
            return parts;
        case SessionKeyKind::Released:
            if (rest.size() != 8) return std::nullopt;
            parts.sequence = load_u64_be(rest.data());
            return parts;
    }
    return std::nullopt;
}

}  // namespace vmq::store
