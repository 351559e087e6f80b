#include "transport/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace vmq::transport {

TicketKeys::TicketKeys() : aes_(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)) {
    VMQ_ASSERT(aes_ != nullptr);
}

TicketKeys::~TicketKeys() {
    if (!keys_.empty()) OPENSSL_cleanse(keys_.data(), keys_.size() * sizeof(Key));
}

TicketKeys::Key TicketKeys::new_key(WallTime now) {
    Key key{};
    VMQ_ASSERT(RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1);
    VMQ_ASSERT(RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1);
    VMQ_ASSERT(RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) == 1);
    key.made = now;
    return key;
}

TicketKeys TicketKeys::make(WallTime now) {
    TicketKeys result;
    result.keys_.push_back(new_key(now));
    return result;
}

TicketKeys TicketKeys::carried_over(WallTime now) const {
    TicketKeys result;
    result.keys_.reserve(keys_.size() + 1);
    if (due(now)) result.keys_.push_back(new_key(now));
    for (const Key& key : keys_)
        if (result.keys_.empty() || now - key.made < kSealsFor + kTicketLifetime)
            result.keys_.push_back(key);
    return result;
}

bool TicketKeys::due(WallTime now) const noexcept { return now - keys_.front().made >= kSealsFor; }

bool TicketKeys::prepare(const Key& key, const unsigned char* iv, EVP_CIPHER_CTX& cipher,
                         EVP_MAC_CTX& mac, bool seals) const {
    char digest[] = "SHA256";
    std::array<unsigned char, 32> mac_key = key.mac;  // the parameter is not const
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key.data(), mac_key.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    const bool ready =
        EVP_MAC_CTX_set_params(&mac, parameters) == 1 &&
        EVP_CipherInit_ex2(&cipher, aes_.get(), key.cipher.data(), iv, seals ? 1 : 0, nullptr) == 1;
    OPENSSL_cleanse(mac_key.data(), mac_key.size());
    return ready;
}

bool TicketKeys::seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX& cipher,
                      EVP_MAC_CTX& mac) const {
    const Key& key = keys_.front();
    if (RAND_bytes(iv, kIvBytes) != 1) return false;
    std::memcpy(name, key.name.data(), key.name.size());
    return prepare(key, iv, cipher, mac, true);
}

TicketKeys::Opened TicketKeys::open(const unsigned char* name, const unsigned char* iv,
                                    EVP_CIPHER_CTX& cipher, EVP_MAC_CTX& mac) const {
    const auto found = std::find_if(keys_.begin(), keys_.end(), [name](const Key& key) {
        return std::memcmp(key.name.data(), name, key.name.size()) == 0;
    });
    if (found == keys_.end() || !prepare(*found, iv, cipher, mac, false)) return Opened::No;
    return found == keys_.begin() ? Opened::Yes : Opened::YesButOld;
}

}  // namespace vmq::transport
