// Who a node is: its name, what stays the same for a data directory, and for one run of the
// process.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vmq::cluster {

/// Longest node name in bytes: a host name has at most 253.
inline constexpr std::size_t kLongestNodeName = 512;

/// "name@host" in visible ASCII, as far as it may be shown in tables and lines of a log.
[[nodiscard]] bool is_valid_node_name(std::string_view name) noexcept;

/// Random, made together with the data directory: a node whose disk was wiped is a new incarnation
/// of the same name.
struct Incarnation {
    std::array<std::uint8_t, 16> bytes{};

    auto operator<=>(const Incarnation&) const noexcept = default;
};

/// As they stand in frames.
[[nodiscard]] inline std::string_view bytes_of(const Incarnation& incarnation) noexcept {
    return {reinterpret_cast<const char*>(incarnation.bytes.data()), incarnation.bytes.size()};
}

/// Where the clustering listener of a node is.
struct NodeAddress {
    std::string host;  // name or literal address
    std::uint16_t port = 0;
    bool tls = false;

    bool operator==(const NodeAddress&) const = default;
};

/// Random, another one for each start of the process.
enum class Boot : std::uint64_t {};

}  // namespace vmq::cluster
