// The value types of vernemq.conf: text to typed value, and in words what each type expects.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "config/setting.h"

namespace vmq::config {

/// Where a listener listens: an IP address and port, or a path of a unix socket.
struct Endpoint {
    std::string address;  // literal IPv4 or IPv6 without brackets; empty for a unix socket
    std::uint16_t port = 0;
    std::string unix_path;

    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// infinity, never, client: no limit.
struct Unlimited {
    friend bool operator==(const Unlimited&, const Unlimited&) = default;
};

using Value = std::variant<bool, std::int64_t, std::string, std::vector<std::int64_t>,
                           std::vector<std::string>, Endpoint, Unlimited>;

/// Reads `text` as `setting` demands. An error says what was expected and never repeats `text`.
[[nodiscard]] Result<Value> parse_value(const Setting& setting, std::string_view text);

/// What `setting` accepts, as a phrase: "an integer from 1 to 65535".
[[nodiscard]] std::string expectation(const Setting& setting);

/// Cuttlefish's duration (`1h30m`, `.5s`; units f w d h m s ms), in milliseconds, rounded up.
[[nodiscard]] Result<std::int64_t> parse_duration_ms(std::string_view text);

/// VerneMQ's duration (`3d`; units s h d w, m = 28 days, y = 336 days), in seconds.
[[nodiscard]] Result<std::int64_t> parse_long_duration_s(std::string_view text);

/// `ADDR:PORT`, cut at the last colon; IPv6 with or without brackets.
[[nodiscard]] Result<Endpoint> parse_address(std::string_view text);

/// The parts of `text` between `separator`.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace vmq::config
