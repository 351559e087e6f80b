// Hashes and random text of API keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vmq::admin {

/// `size` bytes that nobody can guess.
[[nodiscard]] std::string random_bytes(std::size_t size);
/// `size` characters of A-Z, a-z and 0-9 that nobody can guess.
[[nodiscard]] std::string random_key(std::size_t size);

/// 32 bytes. `rounds`: 1 is SHA-256 of salt and key, more is PBKDF2 with HMAC-SHA-256.
[[nodiscard]] std::string digest_of(std::string_view key, std::string_view salt,
                                    std::uint32_t rounds);
/// 32 bytes: HMAC-SHA-256 of `key` with `secret`.
[[nodiscard]] std::string keyed_digest_of(std::string_view key, std::string_view secret);
/// Takes as long for equal texts as for others of that size.
[[nodiscard]] bool same_digest(std::string_view a, std::string_view b) noexcept;

[[nodiscard]] std::string to_hex(std::string_view bytes);
/// Nothing if it is no even number of hexadecimal digits.
[[nodiscard]] std::optional<std::string> from_hex(std::string_view text);

}  // namespace vmq::admin
