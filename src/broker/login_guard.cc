#include "broker/login_guard.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include "base/log.h"

namespace vmq::broker {
namespace {

constexpr std::size_t kIpv6Network = 8;  // bytes

/// Keys of addresses and of user names never meet.
std::string address_key(std::string_view address) {
    std::array<unsigned char, 16> bytes{};
    const std::string text(address);
    if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return "a" + text;
    static constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
    if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) {
        std::array<char, INET_ADDRSTRLEN> v4{};
        ::inet_ntop(AF_INET, &bytes[kMapped.size()], v4.data(), v4.size());
        return "a" + std::string(v4.data());
    }
    return "n" + std::string(reinterpret_cast<const char*>(bytes.data()), kIpv6Network);
}

/// Of a name of any length not more than this: names are the client's.
constexpr std::size_t kLongestName = 128;

std::string user_key(std::string_view username) {
    std::string key = "u" + std::string(username.substr(0, kLongestName));
    if (username.size() > kLongestName) {
        key += fmt::format("/{}/{:x}", username.size(), std::hash<std::string_view>{}(username));
    }
    return key;
}

}  // namespace

bool LoginGuard::blocks(std::string_view address, std::string_view username, TimePoint now) {
    return (limits_.per_address != 0 && reached(address_key(address), limits_.per_address, now)) ||
           (limits_.per_user != 0 && !username.empty() &&
            reached(user_key(username), limits_.per_user, now));
}

void LoginGuard::failed(std::string_view address, std::string_view username, TimePoint now) {
    if (limits_.per_address != 0 && count(address_key(address), limits_.per_address, now)) {
        log::warning("logins from {} are refused for up to {} s: {} have failed", address,
                     limits_.window.count(), limits_.per_address);
    }
    if (limits_.per_user != 0 && !username.empty() &&
        count(user_key(username), limits_.per_user, now)) {
        log::warning("logins as {} are refused for up to {} s: {} have failed, the last from {}",
                     username.substr(0, kLongestName), limits_.window.count(), limits_.per_user,
                     address);
    }
}

std::size_t LoginGuard::keys() const {
    std::size_t all = 0;
    for (const Part& part : parts_) {
        all += part.with([](const Table& table) { return table.size(); });
    }
    return all;
}

LoginGuard::Part& LoginGuard::part_of(std::string_view key) noexcept {
    return parts_[std::hash<std::string_view>{}(key) % kParts];
}

bool LoginGuard::reached(const std::string& key, std::uint32_t limit, TimePoint now) {
    return part_of(key).with([&](Table& table) {
        const auto found = table.find(key);
        if (found == table.end()) return false;
        if (now - found->second.since >= limits_.window) {
            table.erase(found);
            return false;
        }
        return found->second.count >= limit;
    });
}

bool LoginGuard::count(const std::string& key, std::uint32_t limit, TimePoint now) {
    return part_of(key).with([&](Table& table) {
        if (table.size() >= kMaxKeys / kParts && !table.contains(key)) make_room(table, now);
        Failures& failures = table[key];
        if (failures.count == 0 || now - failures.since >= limits_.window) failures = {now, 0};
        return ++failures.count == limit;
    });
}

/// Half of the table, so that it is seldom.
void LoginGuard::make_room(Table& table, TimePoint now) const {
    const auto expired = [&](const auto& entry) {
        return now - entry.second.since >= limits_.window;
    };
    if (boost::unordered::erase_if(table, expired) > 0) return;
    std::vector<std::uint32_t> counts;
    for (const auto& [key, failures] : table) counts.push_back(failures.count);
    const auto middle = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2);
    std::nth_element(counts.begin(), middle, counts.end());
    std::size_t room = table.size() / 2;
    boost::unordered::erase_if(table, [&, most = *middle](const auto& entry) {
        if (entry.second.count > most || room == 0) return false;
        --room;
        return true;
    });
}

}  // namespace vmq::broker
