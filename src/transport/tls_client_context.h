// What this node is set up with as a client of TLS servers: whom it trusts, what it shows, as one
// immutable object.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "transport/tls_credentials.h"

struct ssl_st;  // SSL

namespace vmq::transport {

struct TlsClientContextState;

/// With the names of a listener's options.
struct TlsClientOptions {
    std::string cafile;   // who vouches for servers; has to be set
    std::string crlfile;  // empty: revocation is not checked
    std::uint32_t depth = 1;
    TlsKeyPairFiles certificate;  // shown to servers that ask; an empty certfile: none

    std::string ciphers;  // empty: our defaults
    std::vector<std::string> eccs;
    std::vector<std::string> tls_version = {"tlsv1.2", "tlsv1.3"};

    friend bool operator==(const TlsClientOptions&, const TlsClientOptions&) = default;
};

/// Immutable, any thread; each session keeps the one it began with alive. Servers have to show a
/// certificate that an authority in cafile vouches for and that names the host they were reached
/// by. No session is resumed, no compression, no renegotiation. Security level 2.
class TlsClientContext final {
public:
    /// Blocks on files: at start and on a blocking thread for reloads. Errors name the option, the
    /// file and what to do; never a secret.
    [[nodiscard]] static Result<std::shared_ptr<const TlsClientContext>> load(
        const TlsClientOptions& options);
    ~TlsClientContext();
    TlsClientContext(const TlsClientContext&) = delete;
    TlsClientContext& operator=(const TlsClientContext&) = delete;

    /// Whether a file is not what it was when this was loaded, or is gone. One stat per file.
    [[nodiscard]] bool files_changed() const noexcept;
    /// What the operator should know although loading worked, one sentence each.
    [[nodiscard]] const std::vector<std::string>& notices() const noexcept;

    /// A client-side connection to `host` (not empty) without a BIO, for TlsSession, which owns it.
    /// Null: out of memory.
    [[nodiscard]] ssl_st* new_connection(const std::string& host) const;

private:
    explicit TlsClientContext(std::unique_ptr<const TlsClientContextState> state);

    const std::unique_ptr<const TlsClientContextState> state_;
};

}  // namespace vmq::transport
