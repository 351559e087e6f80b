// The header a proxy puts in front of a connection to say whose it is: the PROXY protocol of
// HAProxy, versions 1 and 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "transport/peer_address.h"

namespace vmq::transport {

/// Longest line of version 1, line end included.
inline constexpr std::size_t kMaxProxyLine = 107;
/// Version 2 has 16 bytes and up to 65,535 more; we take this many of them. The largest addresses
/// are 216 bytes, a certificate's name and a server name a few hundred.
inline constexpr std::size_t kMaxProxyBlock = 4096;
/// So many bytes are enough for any answer but NeedMore.
inline constexpr std::size_t kMaxProxyHeader = 16 + kMaxProxyBlock;

/// What the proxy tells of the client's TLS (PP2_TYPE_SSL).
struct ProxyTls {
    bool over_tls = false;                   // the client came over TLS
    bool certificate_on_connection = false;  // it showed a certificate on this connection
    bool certificate_in_session = false;     // or earlier in the TLS session this one resumes
    std::uint32_t verify_result = 0;         // 0: valid, or there is none
    std::string version;                     // "TLSv1.3"
    std::string cipher;
    std::string common_name;  // of the subject; UTF-8 without NUL

    /// Whether common_name is proven: only then it may become a username.
    [[nodiscard]] bool has_verified_certificate() const noexcept {
        return (certificate_on_connection || certificate_in_session) && verify_result == 0;
    }
};

struct ProxyHeader {
    enum class Command : std::uint8_t {
        Local,  // the proxy's own connection, a health check: the socket's peer is the peer
        Proxy,
    };
    enum class Family : std::uint8_t {
        Unspecified,  // UNKNOWN, UNSPEC or LOCAL: no addresses are told
        Tcp4,
        Tcp6,
        Unix,
    };

    std::uint8_t version = 0;
    Command command = Command::Local;
    Family family = Family::Unspecified;
    PeerAddress source;  // the client. Addresses are in the form of inet_ntop
    PeerAddress destination;

    // Version 2 with addresses only; empty: not told.
    std::optional<ProxyTls> tls;
    std::string authority;  // the server name (SNI) the client asked for; UTF-8 without NUL
    std::string unique_id;  // any bytes, at most 128

    /// If not, the socket's own addresses are the ones to use.
    [[nodiscard]] bool has_addresses() const noexcept { return family != Family::Unspecified; }
};

enum class ProxyHeaderStatus : std::uint8_t { NeedMore, Complete, Malformed };

struct ProxyHeaderResult {
    ProxyHeaderStatus status = ProxyHeaderStatus::NeedMore;
    std::size_t consumed = 0;  // bytes of the header, when Complete; the client's own follow
    ProxyHeader header;        // when Complete
    std::string reason;        // when Malformed: a phrase for the operator
};

/// Looks at the start of a connection, of which `buffer` is all that has come so far. The caller
/// keeps it until the answer is another than NeedMore, which comes with kMaxProxyHeader bytes at
/// the latest; the first byte that cannot belong to a header is Malformed at once.
///
/// Refused besides what breaks the format: datagram families, unknown commands and versions, a
/// CRC32C that does not match, and a repeated TLV of those read here, because two proxies in a row
/// may each take another one for the truth. Other TLVs are skipped.
/// Source: haproxy.org, proxy-protocol.txt 2.1 and 2.2.
[[nodiscard]] ProxyHeaderResult decode_proxy_header(std::string_view buffer);

}  // namespace vmq::transport
