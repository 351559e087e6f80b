// Keys of session tickets: what lets a client resume without the server remembering it.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <vector>

#include "transport/tls_certificate.h"
#include "transport/tls_handles.h"

namespace vmq::transport {

/// The key that seals new tickets and older ones that still open theirs. Immutable, so that all
/// shards can share it; a reload makes a successor. Wiped from memory when it goes.
///
/// A key seals for a day and opens for one more: a ticket lives a day at most, and who steals a key
/// reads only what was resumed in that time. (With TLS 1.3 not even that: it agrees on new keys.)
class TicketKeys final {
public:
    static constexpr std::chrono::hours kSealsFor{24};
    static constexpr std::chrono::hours kTicketLifetime{24};

    /// One new key.
    [[nodiscard]] static TicketKeys make(WallTime now);
    /// What the successor of a context uses: the same keys, a new one first if it is time.
    [[nodiscard]] TicketKeys carried_over(WallTime now) const;

    ~TicketKeys();
    TicketKeys(TicketKeys&&) = default;
    TicketKeys& operator=(TicketKeys&&) = default;
    TicketKeys(const TicketKeys&) = delete;
    TicketKeys& operator=(const TicketKeys&) = delete;

    /// Whether the first key has sealed long enough.
    [[nodiscard]] bool due(WallTime now) const noexcept;

    enum class Opened : std::uint8_t { Yes, YesButOld, No };
    static constexpr std::size_t kNameBytes = 16;
    static constexpr std::size_t kIvBytes = 16;

    /// Prepares `cipher` and `mac` to seal a ticket; writes the key's name and the IV. False: the
    /// machine has no randomness or no cipher.
    [[nodiscard]] bool seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX& cipher,
                            EVP_MAC_CTX& mac) const;
    /// Prepares `cipher` and `mac` to open the ticket sealed by the key called `name`.
    [[nodiscard]] Opened open(const unsigned char* name, const unsigned char* iv,
                              EVP_CIPHER_CTX& cipher, EVP_MAC_CTX& mac) const;

private:
    struct Key {
        std::array<unsigned char, kNameBytes> name;
        std::array<unsigned char, 32> cipher;
        std::array<unsigned char, 32> mac;
        WallTime made;
    };

    TicketKeys();
    [[nodiscard]] static Key new_key(WallTime now);
    [[nodiscard]] bool prepare(const Key& key, const unsigned char* iv, EVP_CIPHER_CTX& cipher,
                               EVP_MAC_CTX& mac, bool seals) const;

    std::vector<Key> keys_;  // newest first, never empty
    CipherPtr aes_;          // fetched once: looking it up for each ticket takes a global lock
};

}  // namespace vmq::transport
