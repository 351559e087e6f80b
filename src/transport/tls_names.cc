#include "transport/tls_names.h"

#include <fmt/core.h>
#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>

#include "transport/tls_handles.h"

namespace vmq::transport {
namespace {

constexpr std::string_view kTls13Ciphers =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

constexpr std::string_view kCertificateCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"
    "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA";

constexpr std::string_view kPskCiphers =
    "ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES128-CBC-SHA256:ECDHE-PSK-AES256-CBC-SHA384:"
    "PSK-AES128-GCM-SHA256:PSK-AES256-GCM-SHA384:PSK-CHACHA20-POLY1305:"
    "PSK-AES128-CBC-SHA256:PSK-AES256-CBC-SHA384:PSK-AES128-CBC-SHA:PSK-AES256-CBC-SHA";

// Curves of Erlang's list that have another name in OpenSSL.
struct Alias {
    std::string_view erlang;
    std::string_view openssl;
};
constexpr std::array kAliases = {
    Alias{"secp256r1", "P-256"}, Alias{"secp384r1", "P-384"}, Alias{"secp521r1", "P-521"},
    Alias{"x25519", "X25519"},   Alias{"x448", "X448"},       Alias{"secp192r1", "P-192"},
    Alias{"secp224r1", "P-224"},
};

// Less than 112 bits of security (NIST SP 800-57), which OpenSSL's security level 2 refuses.
constexpr std::array<std::string_view, 11> kWeakCurves = {
    "sect193r1", "sect193r2", "secp192k1", "secp192r1", "sect163k1", "sect163r1",
    "sect163r2", "secp160k1", "secp160r1", "secp160r2", "P-192"};

std::string_view trim(std::string_view text) {
    constexpr std::string_view kAround = " \t[]";
    const std::size_t first = text.find_first_not_of(kAround);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kAround) - first + 1);
}

SslContextPtr scratch_context() {
    SslContextPtr context(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_security_level(context.get(), 0);
    return context;
}

bool is_known_cipher(SSL_CTX* scratch, const std::string& name) {
    const bool known = SSL_CTX_set_cipher_list(scratch, name.c_str()) == 1;
    ERR_clear_error();
    return known;
}

bool is_known_tls13_cipher(SSL_CTX* scratch, const std::string& name) {
    const bool known = SSL_CTX_set_ciphersuites(scratch, name.c_str()) == 1;
    ERR_clear_error();
    return known;
}

bool is_known_group(SSL_CTX* scratch, const std::string& name) {
    const bool known = SSL_CTX_set1_groups_list(scratch, name.c_str()) == 1;
    ERR_clear_error();
    return known;
}

// Suites of VerneMQ's built-in list and older ones that OpenSSL 3 was built without.
bool is_legacy_cipher(std::string_view name) {
    constexpr std::array<std::string_view, 9> kGone = {"DES",  "RC4",  "RC2",      "SEED", "IDEA",
                                                       "DSS-", "SRP-", "CAMELLIA", "ECDH-"};
    return std::any_of(kGone.begin(), kGone.end(), [name](std::string_view part) {
        return name.find(part) != std::string_view::npos;
    });
}

void append(std::string& list, std::string_view word) {
    if (!list.empty()) list += ':';
    list += word;
}

std::string_view openssl_name(std::string_view curve) {
    const auto* found = std::find_if(kAliases.begin(), kAliases.end(),
                                     [curve](const Alias& alias) { return alias.erlang == curve; });
    return found == kAliases.end() ? curve : found->openssl;
}

// Erlang's curves are named secpNNN, sectNNN and brainpoolPNNN: a name of that kind that OpenSSL
// does not know is a curve it lacks, any other is a mistake.
bool looks_like_curve(std::string_view name) {
    return name.starts_with("sec") || name.starts_with("brainpool");
}

bool is_weak_curve(std::string_view name) {
    return std::find(kWeakCurves.begin(), kWeakCurves.end(), name) != kWeakCurves.end();
}

int version_number(std::string_view word) {
    if (word == "tlsv1") return TLS1_VERSION;
    if (word == "tlsv1.1") return TLS1_1_VERSION;
    if (word == "tlsv1.2") return TLS1_2_VERSION;
    if (word == "tlsv1.3") return TLS1_3_VERSION;
    return 0;
}

}  // namespace

Result<CipherLists> split_ciphers(std::string_view list, std::vector<std::string>& notices) {
    const SslContextPtr scratch = scratch_context();
    CipherLists lists;
    while (!list.empty()) {
        const std::size_t end = list.find(':');
        const std::string name(trim(list.substr(0, end)));
        list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
        if (name.empty()) continue;
        if (name.starts_with("TLS_")) {
            if (!is_known_tls13_cipher(scratch.get(), name))
                return Error{ErrorCode::InvalidValue,
                             fmt::format("ciphers: {} is not a cipher suite of TLS 1.3; `openssl "
                                         "ciphers -s -tls1_3` lists them",
                                         name)};
            append(lists.tls13, name);
        } else if (is_known_cipher(scratch.get(), name)) {
            append(lists.up_to_tls12, name);
        } else if (is_legacy_cipher(name)) {
            notices.push_back(
                fmt::format("ciphers: {} is left out, this OpenSSL no longer has it", name));
        } else {
            return Error{
                ErrorCode::InvalidValue,
                fmt::format("ciphers: {} is unknown; `openssl ciphers` lists the names", name)};
        }
    }
    return lists;
}

std::string default_ciphers(bool certificates, bool psk) {
    std::string list;
    if (certificates) append(list, kCertificateCiphers);
    if (psk) append(list, kPskCiphers);
    return list;
}

std::string_view default_tls13_ciphers() noexcept { return kTls13Ciphers; }

Result<std::string> openssl_groups(const std::vector<std::string>& curves,
                                   std::vector<std::string>& notices) {
    if (curves.empty()) return std::string("X25519:P-256:P-384:P-521");
    const SslContextPtr scratch = scratch_context();
    std::string groups;
    std::string left_out;
    for (const std::string& word : curves) {
        const std::string_view curve = trim(word);
        if (curve.empty()) continue;
        const std::string name(openssl_name(curve));
        const bool known = is_known_group(scratch.get(), name);
        if (!known && !looks_like_curve(curve))
            return Error{ErrorCode::InvalidValue,
                         fmt::format("eccs: {} is not a curve; secp256r1 is one", curve)};
        if (known && !is_weak_curve(curve)) {
            append(groups, name);
        } else {
            left_out += fmt::format("{}{}", left_out.empty() ? "" : ", ", curve);
        }
    }
    if (!left_out.empty())
        notices.push_back(fmt::format(
            "eccs: left out, because this OpenSSL lacks them or takes them for too weak: {}",
            left_out));
    if (groups.empty())
        return Error{ErrorCode::InvalidValue,
                     "eccs: names no curve that can be used; secp256r1 is one"};
    return groups;
}

bool TlsVersions::allows(int version) const noexcept {
    return version >= lowest && version <= highest &&
           std::find(left_out.begin(), left_out.end(), version) == left_out.end();
}

Result<TlsVersions> parse_versions(const std::vector<std::string>& words) {
    std::vector<int> versions;
    for (const std::string& word : words) {
        const int version = version_number(word);
        if (version == 0)
            return Error{
                ErrorCode::InvalidValue,
                fmt::format("tls_version: '{}' is none of tlsv1, tlsv1.1, tlsv1.2, tlsv1.3", word)};
        versions.push_back(version);
    }
    if (versions.empty())
        return Error{ErrorCode::InvalidValue, "tls_version: names no version; tlsv1.2 is one"};
    TlsVersions result;
    const auto [lowest, highest] = std::minmax_element(versions.begin(), versions.end());
    result.lowest = *lowest;
    result.highest = *highest;
    for (int version = result.lowest + 1; version < result.highest; ++version)
        if (std::find(versions.begin(), versions.end(), version) == versions.end())
            result.left_out.push_back(version);
    return result;
}

}  // namespace vmq::transport
