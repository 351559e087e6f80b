#include "transport/peer_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace vmq::transport {
namespace {

std::optional<std::string> canonical(int family, std::string_view text) {
    std::array<char, INET6_ADDRSTRLEN> form{};
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    if (text.size() >= form.size() || text.find('\0') != std::string_view::npos)
        return std::nullopt;
    std::copy(text.begin(), text.end(), form.begin());
    if (::inet_pton(family, form.data(), bytes.data()) != 1) return std::nullopt;
    if (::inet_ntop(family, bytes.data(), form.data(), form.size()) == nullptr) return std::nullopt;
    return form.data();
}

bool is_port(std::string_view text) {
    return !text.empty() && text.size() <= 5 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_loopback(std::string_view address) noexcept {
    return address.starts_with("127.") || address == "::1";
}

std::optional<std::string> canonical_ipv4(std::string_view text) {
    return canonical(AF_INET, text);
}

std::optional<std::string> canonical_ipv6(std::string_view text) {
    return canonical(AF_INET6, text);
}

std::optional<std::string> canonical_host(std::string_view text) {
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        const auto rest = text.substr(end + 1);
        if (!rest.empty() && !(rest.front() == ':' && is_port(rest.substr(1)))) return std::nullopt;
        return canonical_ipv6(text.substr(1, end - 1));
    }
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return canonical_ipv4(text);
    if (text.find(':', colon + 1) != std::string_view::npos) return canonical_ipv6(text);
    if (!is_port(text.substr(colon + 1))) return std::nullopt;
    return canonical_ipv4(text.substr(0, colon));
}

}  // namespace vmq::transport
