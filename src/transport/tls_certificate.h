// What people want to know of an X.509 certificate: names, dates, the identity it stands for.
#pragma once

#include <openssl/x509.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace vmq::transport {

using WallTime = std::chrono::system_clock::time_point;

/// A certificate of ours, for `tls show`.
struct CertificateInfo {
    std::string file;
    WallTime not_before;
    WallTime not_after;
    std::string common_name;                     // empty: none
    std::string issuer_common_name;              // empty: none
    std::vector<std::string> alternative_names;  // "DNS:name", "IP:address", "email:...", "URI:..."
};

[[nodiscard]] CertificateInfo describe(const X509& certificate, const std::string& file);

/// The first CN of the subject (VerneMQ's choice) or, if there is none, the first DNS, e-mail or
/// URI name among the SANs (our addition); empty if there is neither. An Error if what would be
/// taken is not UTF-8 or holds a NUL: such a name is made to look like another one.
[[nodiscard]] Result<std::optional<std::string>> identity_of(const X509& certificate);

/// The names a client may ask for to get this certificate, in lower case: the DNS names of the SANs
/// or, if there are none, the CN.
[[nodiscard]] std::vector<std::string> host_names(const X509& certificate);

/// "CN=meter, serial 0a1b": for messages; control characters are replaced, length is limited.
[[nodiscard]] std::string title_of(const X509& certificate);
/// The CN, or the whole name if there is none.
[[nodiscard]] std::string title_of(const X509_NAME& name);

[[nodiscard]] WallTime time_of(const ASN1_TIME& time);
/// "2026-01-02 03:04:05 UTC"
[[nodiscard]] std::string text_of(const ASN1_TIME& time);

/// Text a stranger chose, fit for a message: printable, at most some 100 bytes.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace vmq::transport
