// The HTTP request with which a connection to a WebSocket port begins, and the answer to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmq::transport {

/// Belongs to a listener and outlives its connections. Sizes in bytes.
struct HttpUpgradeOptions {
    std::vector<std::string> paths{
        "/mqtt"};  // at least one; compared as they are, a '/' at the end aside
    /// The header in which a proxy tells the common name of the client's certificate
    /// (proxy_xff_cn_header); empty: not looked at.
    std::string common_name_header;
    /// Whose pages may connect: origins like "https://example.org", or "localhost" for all pages of
    /// this machine; none: everybody's. Clients that are no browser send no origin and are let in.
    std::vector<std::string> allowed_origins;
    std::size_t max_request_line = 8'000;   // beyond it: 414
    std::size_t max_header_value = 4'096;   // beyond it: 431
    std::size_t max_request_size = 16'384;  // of the whole request, at most 65,535; beyond: 431
};

/// What an accepted request said. Whether a header of a proxy may be believed depends on who
/// sent it, which the caller knows.
struct UpgradeRequest {
    std::string_view subprotocol;  // "mqtt" or "mqttv3.1"
    std::string host;
    std::string origin;
    std::string user_agent;
    /// The first address of X-Forwarded-For without its port, in the form of canonical_host; empty
    /// if there is none or it is no address. Only a proxy that replaces what the client has sent
    /// makes it true: one that appends leaves the client's claim in front.
    std::string forwarded_for;
    std::string common_name;  // of common_name_header; empty if there is none
};

enum class HttpUpgradeStatus : std::uint8_t { NeedMore, Accepted, Refused };

struct HttpUpgradeResult {
    HttpUpgradeStatus status = HttpUpgradeStatus::NeedMore;
    std::size_t consumed = 0;  // of `wire`, unless Refused; after Accepted frames follow
    std::string response;      // to be written, unless NeedMore; after Refused close
    UpgradeRequest request;    // when Accepted
    std::uint16_t code = 0;    // 101, or the status of the refusal
    std::string reason;        // when Refused: a phrase for the log
};

/// The server's side of the opening handshake [RFC 6455 4.2], for one connection and one request.
/// Owned by the connection until it has answered; keeps the request until then, at most
/// max_request_size bytes.
///
/// Refused: other paths 404, a request that asks for no upgrade 426 with a text for humans, another
/// WebSocket version 426, other methods than GET 405, pages of other origins 403, and 400 for
/// whatever breaks the rules, which a body does too: its bytes would be taken for frames.
///
/// The client must offer the subprotocol mqtt [v5 MQTT-6.0.0-3] [v3.1.1 MQTT-6.0.0-3] or, like
/// VerneMQ, mqttv3.1; the first one in its list that we know is chosen. None: 400, for an answer
/// without a subprotocol is one a client must not accept [v5 MQTT-6.0.0-4] [v3.1.1 MQTT-6.0.0-4].
/// Extensions are not negotiated, so frames are never compressed [RFC 7692 5].
class HttpUpgrade final {
public:
    explicit HttpUpgrade(const HttpUpgradeOptions& options) : options_(options) {}

    /// Takes the next bytes from the client. Requires that no answer but NeedMore was given yet.
    [[nodiscard]] HttpUpgradeResult receive(std::string_view wire);

private:
    [[nodiscard]] HttpUpgradeResult take(std::string_view wire);

    const HttpUpgradeOptions& options_;
    std::string request_;  // what has come so far
    bool answered_ = false;
};

}  // namespace vmq::transport
