// The words of the configuration for cipher suites, curves and versions, in OpenSSL's words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vmq::transport {

/// OpenSSL keeps the suites of TLS 1.3 apart from the older ones; VerneMQ has one list.
struct CipherLists {
    std::string up_to_tls12;  // for SSL_CTX_set_cipher_list; empty: none named
    std::string tls13;        // for SSL_CTX_set_ciphersuites; empty: none named
};

/// Splits `list`, OpenSSL's names separated by ':'. A legacy suite that this OpenSSL no longer has
/// is left out with a notice; any other unknown name is an Error.
[[nodiscard]] Result<CipherLists> split_ciphers(std::string_view list,
                                                std::vector<std::string>& notices);

/// The default suites up to TLS 1.2: ECDHE with AEAD, then ECDHE with CBC for old devices. No RSA
/// key exchange (no forward secrecy, padding oracles) and no DHE (slow); naming them allows them.
/// With `certificates` off only suites with pre-shared keys are meant, with `psk` on those as well.
[[nodiscard]] std::string default_ciphers(bool certificates, bool psk);
/// The suites of TLS 1.3, the cheapest hash first, which is also the one of pre-shared keys.
[[nodiscard]] std::string_view default_tls13_ciphers() noexcept;

/// Erlang's curve names (brackets and blanks around them allowed) as a list for
/// SSL_CTX_set1_groups_list. Curves this OpenSSL does not have for TLS or takes for too weak are
/// left out with a notice; a name that is no curve, or nothing left, is an Error. No name at all
/// gives X25519, P-256, P-384 and P-521.
[[nodiscard]] Result<std::string> openssl_groups(const std::vector<std::string>& curves,
                                                 std::vector<std::string>& notices);

/// The versions allowed, of "tlsv1", "tlsv1.1", "tlsv1.2" and "tlsv1.3".
struct TlsVersions {
    int lowest = 0;  // OpenSSL's numbers, TLS1_VERSION and so on
    int highest = 0;
    std::vector<int> left_out;  // between the two

    [[nodiscard]] bool allows(int version) const noexcept;
};
[[nodiscard]] Result<TlsVersions> parse_versions(const std::vector<std::string>& words);

}  // namespace vmq::transport
