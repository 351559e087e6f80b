// Against guessing passwords: who has failed too often is refused for a while, unheard.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "runtime/guarded.h"

namespace vmq::broker {

struct LoginLimits {
    std::uint32_t per_address = 0;  // failed logins within the window, 0: no limit
    std::uint32_t per_user = 0;
    Seconds window{60};

    [[nodiscard]] bool none() const noexcept { return per_address == 0 && per_user == 0; }
};

/// Counts failed logins by address (of IPv6 the network of 64 bits, which is what one host has) and
/// by user name. The window begins with the first failure; a success does not end it, or whoever
/// has one account could go on guessing others. Shared by the shards. Memory is bounded: of more
/// than kMaxKeys the ones that failed least make room.
class LoginGuard final {
public:
    static constexpr std::size_t kMaxKeys = 65'536;

    explicit LoginGuard(LoginLimits limits) : limits_(limits) {}
    LoginGuard(const LoginGuard&) = delete;
    LoginGuard& operator=(const LoginGuard&) = delete;

    /// Whether a login is to be refused. `username`: empty without one.
    [[nodiscard]] bool blocks(std::string_view address, std::string_view username, TimePoint now);
    /// A login has failed. Logs what is blocked from now on.
    void failed(std::string_view address, std::string_view username, TimePoint now);

    [[nodiscard]] std::size_t keys() const;

private:
    struct Failures {
        TimePoint since;
        std::uint32_t count = 0;
    };
    using Table = boost::unordered_flat_map<std::string, Failures>;
    using Part = runtime::Guarded<Table>;
    static constexpr std::size_t kParts = 16;

    [[nodiscard]] Part& part_of(std::string_view key) noexcept;
    [[nodiscard]] bool reached(const std::string& key, std::uint32_t limit, TimePoint now);
    /// True: this failure is the one that reaches `limit`.
    [[nodiscard]] bool count(const std::string& key, std::uint32_t limit, TimePoint now);
    void make_room(Table& table, TimePoint now) const;

    const LoginLimits limits_;
    std::array<Part, kParts> parts_;
};

}  // namespace vmq::broker
