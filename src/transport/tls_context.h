// What a TLS listener is set up with: certificates, who may connect and how, as one immutable
// object.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "transport/tls_certificate.h"
#include "transport/tls_credentials.h"

struct ssl_st;  // SSL

namespace vmq::transport {

struct TlsContextState;

/// VerneMQ's TLS options of one listener, with its names, and ours: `more_certificates`, `dhfile`
/// and TLS 1.3 by default (VerneMQ: 1.2 only).
struct TlsOptions {
    /// Shown to clients that ask for no host name, or for one that no certificate has. An empty
    /// certfile is fine with psk_support: only suites with pre-shared keys are offered then.
    TlsKeyPairFiles certificate;
    /// Shown to clients that ask for a host name in their SANs, wildcards included. One that has
    /// the same names as another and a different kind of key stands beside it.
    std::vector<TlsKeyPairFiles> more_certificates;

    std::string cafile;   // needed by require_certificate and use_identity_as_username
    std::string crlfile;  // empty: revocation is not checked
    std::uint32_t depth = 1;
    bool require_certificate = false;
    bool use_identity_as_username = false;  // asks for a certificate; one that is sent must be good

    /// Empty: our defaults. Suites of TLS 1.3 that are not named at all keep their default, suites
    /// up to 1.2 do not.
    std::string ciphers;
    std::vector<std::string> eccs;
    std::vector<std::string> tls_version = {"tlsv1.2", "tlsv1.3"};
    std::string dhfile;  // empty: OpenSSL's groups, if ciphers names suites with DHE

    bool psk_support = false;
    std::string psk_identity_hint;
    std::string pskfile;
    char pskfile_separator = ':';

    friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

/// The set-up of one listener, loaded from its files. Immutable, shared by all shards; each session
/// keeps the one it began with alive. A reload makes another one, and new connections use that.
///
/// Decided: TLS compression, renegotiation, early data and a session cache are off; sessions resume
/// by tickets; the order of suites is ours, except that a client without AES hardware that puts
/// ChaCha20 first gets it. Security level 2 (RSA keys of 2048 bits, no SHA-1 signatures), lowered
/// to 0 with a notice if tls_version allows 1.0 or 1.1. With crlfile, see make_store().
/// A client that has a pre-shared key is not asked for a certificate, whatever
/// require_certificate says.
class TlsContext final {
public:
    /// Blocks on files: at start and on a blocking thread for reloads. Errors name the option, the
    /// file, what is wrong and what to do; never a secret.
    /// Tickets of `previous` (may be null) go on resuming if nothing changed that decides who may
    /// connect and how: cafile, crlfile, pskfile, or any option besides the certificates.
    [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> load(const TlsOptions& options,
                                                                        const TlsContext* previous);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    /// Whether a file is not what it was when this was loaded, or is gone. One stat per file. Stays
    /// true until there is a context that was loaded from the new ones.
    [[nodiscard]] bool files_changed() const noexcept;
    /// Whether the key of session tickets is a day old: load() with this as `previous` renews it.
    /// Without that sessions go on resuming, with less forward secrecy.
    [[nodiscard]] bool ticket_key_due() const noexcept;

    /// What the operator should know although loading worked, one sentence each.
    [[nodiscard]] const std::vector<std::string>& notices() const noexcept;
    [[nodiscard]] const std::vector<WatchedFile>& files() const noexcept;
    /// The certificates shown to clients, the default one first.
    [[nodiscard]] const std::vector<CertificateInfo>& certificates() const noexcept;
    [[nodiscard]] bool takes_identity() const noexcept;

    /// A server-side connection without a BIO, for TlsSession, which owns it. Null: out of memory.
    [[nodiscard]] ssl_st* new_connection() const;

private:
    explicit TlsContext(std::unique_ptr<const TlsContextState> state);

    const std::unique_ptr<const TlsContextState> state_;
};

}  // namespace vmq::transport
