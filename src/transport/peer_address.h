// Where one end of a connection is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vmq::transport {

struct PeerAddress {
    std::string address;  // without brackets; "local" for a client of a Unix socket
    std::uint16_t port = 0;

    bool operator==(const PeerAddress&) const = default;
};

/// Only programs of this machine reach a listener at `address`, which has no brackets.
[[nodiscard]] bool is_loopback(std::string_view address) noexcept;

/// The one form in which addresses are compared and logged (that of inet_ntop), or nothing if
/// `text` is no address of that family. No brackets, no port, no zone.
[[nodiscard]] std::optional<std::string> canonical_ipv4(std::string_view text);
[[nodiscard]] std::optional<std::string> canonical_ipv6(std::string_view text);

/// Of either family, also with a port: "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80".
[[nodiscard]] std::optional<std::string> canonical_host(std::string_view text);

}  // namespace vmq::transport
