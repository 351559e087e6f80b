// The keys of the store's column families: what they order and what they name. Internal to this
// folder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mqtt/types.h"
#include "store/records.h"

namespace vmq::store {

// Values and functions of any thread. Parsing gives nothing for bytes that are no such key.

/// A key of fixed size.
template <std::size_t Size>
struct FixedKey {
    std::array<char, Size> bytes;
    [[nodiscard]] std::string_view view() const noexcept { return {bytes.data(), Size}; }
};

/// Stands in every column family from its making, so that each has a table file which tells its
/// name when only table files are left. Sorts before all keys.
inline constexpr std::string_view kAnchorKey{"\0", 1};

/// What a record of the column family `sessions` is about; the order is that of the keys.
enum class SessionKeyKind : std::uint8_t {
    Main = 0,
    Subscription = 1,
    Received = 2,
    Released = 3,
    Doomed = 4,  // deleted; its queue is still to be
};

[[nodiscard]] FixedKey<8> message_key(std::uint64_t store_id) noexcept;
[[nodiscard]] FixedKey<16> queue_key(SessionId session, std::uint64_t sequence) noexcept;
/// For Main and Doomed.
[[nodiscard]] FixedKey<9> session_key(SessionId session, SessionKeyKind kind) noexcept;
[[nodiscard]] std::string subscription_key(SessionId session, std::string_view filter);
[[nodiscard]] FixedKey<11> received_key(SessionId session, mqtt::PacketId id) noexcept;
[[nodiscard]] FixedKey<17> released_key(SessionId session, std::uint64_t sequence) noexcept;
[[nodiscard]] std::string retained_key(std::string_view mountpoint, std::string_view topic);

/// Not the anchor key, whatever the cluster's key is.
[[nodiscard]] std::string fact_key(std::string_view key);

struct QueueKey {
    SessionId session;
    std::uint64_t sequence;
};
[[nodiscard]] std::optional<QueueKey> parse_queue_key(std::string_view key) noexcept;

[[nodiscard]] std::optional<std::uint64_t> parse_message_key(std::string_view key) noexcept;

struct SessionKeyParts {
    SessionId session;
    SessionKeyKind kind;
    std::string_view filter;     // of Subscription
    std::uint64_t sequence = 0;  // of Released
    mqtt::PacketId id{};         // of Received
};
[[nodiscard]] std::optional<SessionKeyParts> parse_session_key(std::string_view key) noexcept;

}  // namespace vmq::store
