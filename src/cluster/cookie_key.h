// What nodes prove to each other that they know: the cookie of their cluster, as a key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace vmq::cluster {

using Mac = std::array<std::uint8_t, 32>;

/// Made once at the start from `distributed_cookie`; the cookie itself is not kept and never goes
/// over the wire. Whoever records a handshake can try cookies on it, each for the price of one
/// scrypt: a short cookie is still a bad one. Used on one thread; wiped when it goes.
class CookieKey final {
public:
    /// Takes some 16 MiB and tens of milliseconds. Fails only without memory.
    [[nodiscard]] static Result<CookieKey> derive(std::string_view cookie);

    CookieKey(const CookieKey&) = delete;
    CookieKey& operator=(const CookieKey&) = delete;
    CookieKey(CookieKey&& other) noexcept;
    CookieKey& operator=(CookieKey&&) = delete;
    ~CookieKey();

    /// HMAC-SHA256 over the parts, each with its length, so that no two lists are alike.
    [[nodiscard]] Mac sign(std::span<const std::string_view> parts) const;

private:
    CookieKey() = default;

    std::array<std::uint8_t, 32> key_{};
};

/// Takes the same time wherever they differ.
[[nodiscard]] bool equal(const Mac& a, const Mac& b) noexcept;

}  // namespace vmq::cluster
