// Certificates, keys and revocation lists, read from PEM files and checked against each other.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "transport/tls_certificate.h"
#include "transport/tls_files.h"
#include "transport/tls_handles.h"

namespace vmq::transport {

/// Where a certificate of the listener and its key are. An empty `keyfile`: the key is in
/// `certfile` as well.
struct TlsKeyPairFiles {
    std::string certfile{};
    std::string keyfile{};
    std::string keypasswd{};  // empty: none

    friend bool operator==(const TlsKeyPairFiles&, const TlsKeyPairFiles&) = default;
};

/// What the listener shows: its certificate, those between it and the root, and its key.
struct KeyPair {
    CertificatePtr certificate;
    std::vector<CertificatePtr> chain;
    KeyPtr key;
    CertificateInfo info;
};

// All of these block on files, name the file and what to do in their errors, never hold a secret in
// them, and note expired or soon useless content as a notice.

/// Fails if the key does not belong to the certificate or cannot be decrypted.
[[nodiscard]] Result<KeyPair> load_key_pair(const TlsKeyPairFiles& files, TlsLoadNotes& notes);

/// The first certificate of a file, for `tls show`; its key is not looked at.
[[nodiscard]] Result<CertificateInfo> describe_certificate_file(const std::string& certfile);

/// The certificates clients are checked against. At least one.
[[nodiscard]] Result<std::vector<CertificatePtr>> load_authorities(const std::string& cafile,
                                                                   TlsLoadNotes& notes);

/// The revocation lists. Fails if one is not signed by the certificate of `authorities` whose name
/// it bears.
[[nodiscard]] Result<std::vector<CrlPtr>> load_revocations(
    const std::string& crlfile, const std::vector<CertificatePtr>& authorities,
    TlsLoadNotes& notes);

/// The parameters for suites with DHE.
[[nodiscard]] Result<KeyPtr> load_dh_parameters(const std::string& dhfile, TlsLoadNotes& notes);

}  // namespace vmq::transport
