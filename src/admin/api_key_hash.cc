#include "admin/api_key_hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/assert.h"

namespace vmq::admin {
namespace {

constexpr std::size_t kDigestBytes = 32;

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

int value_of(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    return -1;
}

}  // namespace

std::string random_bytes(std::size_t size) {
    std::string bytes(size, '\0');
    VMQ_ASSERT(RAND_bytes(bytes_of(bytes), static_cast<int>(size)) == 1);
    return bytes;
}

std::string random_key(std::size_t size) {
    constexpr std::string_view kCharacters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    // Bytes beyond the last whole multiple would favour the first characters.
    constexpr unsigned kLimit = 256 / kCharacters.size() * kCharacters.size();
    std::string key;
    while (key.size() < size) {
        for (const char random : random_bytes(2 * size)) {
            const unsigned value = static_cast<unsigned char>(random);
            if (value < kLimit && key.size() < size) key += kCharacters[value % kCharacters.size()];
        }
    }
    return key;
}

std::string digest_of(std::string_view key, std::string_view salt, std::uint32_t rounds) {
    std::string digest(kDigestBytes, '\0');
    if (rounds > 1) {
        VMQ_ASSERT(PKCS5_PBKDF2_HMAC(key.data(), static_cast<int>(key.size()), bytes_of(salt),
                                     static_cast<int>(salt.size()), static_cast<int>(rounds),
                                     EVP_sha256(), kDigestBytes, bytes_of(digest)) == 1);
        return digest;
    }
    const std::string both = std::string(salt) + std::string(key);
    VMQ_ASSERT(EVP_Digest(both.data(), both.size(), bytes_of(digest), nullptr, EVP_sha256(),
                          nullptr) == 1);
    return digest;
}

std::string keyed_digest_of(std::string_view key, std::string_view secret) {
    std::string digest(kDigestBytes, '\0');
    VMQ_ASSERT(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(key),
                    key.size(), bytes_of(digest), nullptr) != nullptr);
    return digest;
}

bool same_digest(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_hex(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const char each : bytes) {
        const auto byte = static_cast<unsigned char>(each);
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 15U];
    }
    return text;
}

std::optional<std::string> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = value_of(text[i]);
        const int low = value_of(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes += static_cast<char>(high * 16 + low);
    }
    return bytes;
}

}  // namespace vmq::admin
