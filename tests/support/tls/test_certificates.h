// Certificates, keys and revocation lists made at run time, so that nothing private is checked in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transport/tls_handles.h"

namespace vmq::testing {

struct CertificateSpec {
    std::string common_name{};
    std::string alternative_names{};  // OpenSSL's syntax: "DNS:a.example.com,URI:x:y"; empty: none
    int begins_in_days = -1;
    int ends_in_days = 30;
    bool is_authority = false;
    enum class Key : std::uint8_t { Ec, Rsa } key = Key::Ec;  // RSA keys take a while to make
    int rsa_bits = 2048;
    int common_name_type = MBSTRING_UTF8;  // or V_ASN1_UTF8STRING, unchecked
};

/// A certificate and its key.
struct TestCertificate {
    transport::CertificatePtr certificate;
    transport::KeyPtr key;

    [[nodiscard]] std::string pem() const;
    /// PKCS#8; encrypted if there is a `password`.
    [[nodiscard]] std::string key_pem(const std::string& password = "") const;
};

/// Signed by `issuer`, or by itself if that is null.
[[nodiscard]] TestCertificate make_certificate(const CertificateSpec& spec,
                                               const TestCertificate* issuer);

[[nodiscard]] std::string make_crl(const TestCertificate& issuer,
                                   const std::vector<const TestCertificate*>& revoked,
                                   int begins_in_days = -1, int ends_in_days = 30);

/// A well-known group of 2048 bits, in PEM.
[[nodiscard]] std::string make_dh_parameters();

/// Writes the file with mode 0600 and returns its path.
std::string write_private(const std::string& folder, const std::string& name,
                          std::string_view text);

}  // namespace vmq::testing
