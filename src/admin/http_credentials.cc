#include "admin/http_credentials.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cctype>

namespace vmq::admin {
namespace {

constexpr std::string_view kBasic = "basic ";

/// Empty if it is none.
std::string from_base64(std::string_view text) {
    const std::size_t end = std::min(text.find('='), text.size());
    const std::size_t padding = text.size() - end;
    if (text.empty() || text.size() % 4 != 0 || padding > 2 ||
        text.find_first_not_of('=', end) != std::string_view::npos) {
        return {};
    }
    std::string bytes(text.size() / 4 * 3, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
    if (size < 0) return {};
    bytes.resize(static_cast<std::size_t>(size) - padding);
    return bytes;
}

}  // namespace

std::string shown_key(std::string_view authorization, std::string_view x_api_key) {
    if (authorization.empty()) return std::string(x_api_key);
    if (authorization.size() < kBasic.size() ||
        !std::ranges::equal(kBasic, authorization.substr(0, kBasic.size()), {}, {},
                            [](unsigned char c) { return std::tolower(c); })) {
        return {};
    }
    authorization.remove_prefix(kBasic.size());
    const std::string both = from_base64(authorization);
    return both.substr(0, both.find(':'));
}

}  // namespace vmq::admin
