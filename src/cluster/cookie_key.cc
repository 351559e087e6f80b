#include "cluster/cookie_key.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string>

#include "base/assert.h"
#include "cluster/wire.h"

namespace vmq::cluster {
namespace {

// All nodes of all clusters use the same: the point is the price of a guess.
constexpr std::string_view kSalt = "vernemq cluster cookie, 1";
constexpr std::uint64_t kWork = 16'384;
constexpr std::uint64_t kBlocks = 8;
constexpr std::uint64_t kLanes = 1;
constexpr std::uint64_t kMostMemory = 64UL * 1024 * 1024;

const std::uint8_t* bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

Result<CookieKey> CookieKey::derive(std::string_view cookie) {
    CookieKey key;
    if (EVP_PBE_scrypt(cookie.data(), cookie.size(), bytes_of(kSalt), kSalt.size(), kWork, kBlocks,
                       kLanes, kMostMemory, key.key_.data(), key.key_.size()) != 1) {
        ERR_clear_error();
        return Error{ErrorCode::SystemError,
                     "no key can be made from distributed_cookie (scrypt failed): it takes 16 MiB "
                     "of memory, see that they are there"};
    }
    return key;
}

CookieKey::CookieKey(CookieKey&& other) noexcept : key_(other.key_) {
    OPENSSL_cleanse(other.key_.data(), other.key_.size());
}

CookieKey::~CookieKey() { OPENSSL_cleanse(key_.data(), key_.size()); }

Mac CookieKey::sign(std::span<const std::string_view> parts) const {
    std::string message;
    for (const std::string_view part : parts) ByteWriter(message).string(part);
    Mac mac{};
    unsigned size = 0;
    VMQ_ASSERT(HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), bytes_of(message),
                    message.size(), mac.data(), &size) != nullptr);
    VMQ_ASSERT(size == mac.size());
    return mac;
}

bool equal(const Mac& a, const Mac& b) noexcept {
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace vmq::cluster
