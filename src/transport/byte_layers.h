// ByteLayers: what stands between the socket of a connection and MQTT: PROXY header, TLS,
// WebSocket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/output_buffer.h"
#include "transport/http_upgrade.h"
#include "transport/peer_address.h"
#include "transport/proxy_header.h"
#include "transport/tls_session.h"
#include "transport/websocket_codec.h"

namespace vmq::transport {

/// How the WebSocket connections of a listener begin, and which proxies may speak for clients.
struct WebSocketOptions {
    HttpUpgradeOptions upgrade;
    std::uint64_t max_frame_size = WebSocketCodec::kNoLimit;  // bytes of payload
    /// Addresses, in canonical form, of proxies whose X-Forwarded-For names the client; with any,
    /// others are refused.
    std::vector<std::string> trusted_proxies;
    bool common_name_as_username = false;
};

/// The layers of a listener's connections. Immutable, shared by them.
struct LayerOptions {
    bool proxy_header = false;
    bool proxy_common_name_as_username = true;
    std::optional<WebSocketOptions> websocket;

    /// Besides TLS, of which each connection brings its context.
    [[nodiscard]] bool none() const noexcept { return !proxy_header && !websocket; }
};

/// The layers of one connection. Bytes in, bytes out: no I/O and no clock. Owned by the connection,
/// used on its shard, and moves with it.
class ByteLayers final {
public:
    /// `tls`: null for none. `peer`: of the socket.
    ByteLayers(std::shared_ptr<const LayerOptions> options, std::shared_ptr<const TlsContext> tls,
               PeerAddress peer);
    ByteLayers(const ByteLayers&) = delete;
    ByteLayers& operator=(const ByteLayers&) = delete;
    ~ByteLayers();

    /// What comes next.
    enum class Stage : std::uint8_t { Proxy, Tls, Upgrade, Mqtt };
    [[nodiscard]] Stage stage() const noexcept { return stage_; }

    enum class Status : std::uint8_t {
        Open,
        Ended,   // the peer ended a layer in order; what it sent before is in `plain`
        Failed,  // error() says why
    };
    /// Takes all bytes from the socket. Those for MQTT are appended to `plain`, what has to be
    /// written at once to `wire`. After Ended or Failed nothing more is taken.
    [[nodiscard]] Status receive(std::string_view bytes, std::string& plain, OutputBuffer& wire);
    /// Takes everything out of `plain`, which is whole packets, and appends what goes over the wire
    /// to `wire`. Requires ready().
    void send(OutputBuffer& plain, OutputBuffer& wire);
    /// Says good-bye in every layer that can. `code`: of RFC 6455 7.4.
    void close(std::uint16_t code, OutputBuffer& wire);

    /// MQTT may begin.
    [[nodiscard]] bool ready() const noexcept { return stage_ == Stage::Mqtt; }
    /// What is missing until ready(), for logs: "PROXY header".
    [[nodiscard]] std::string_view waiting_for() const noexcept;
    /// Nothing is left to do for them: the rest is plain MQTT.
    [[nodiscard]] bool done() const noexcept { return ready() && !websocket_ && !tls_; }

    /// An operator's sentence, after Failed.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    /// The client's address, as far as it is known.
    [[nodiscard]] const PeerAddress& peer() const noexcept { return peer_; }
    /// Who the client is, proven by a certificate; replaces the MQTT user name.
    [[nodiscard]] const std::optional<std::string>& username() const noexcept { return username_; }
    /// Null: there is no TLS.
    [[nodiscard]] const TlsSession* tls() const noexcept { return tls_.get(); }

private:
    [[nodiscard]] Status take_proxy_header(std::string_view& bytes);
    [[nodiscard]] Status take_records(std::string_view bytes, std::string& plain,
                                      OutputBuffer& wire);
    [[nodiscard]] Status take_above_tls(std::string_view bytes, std::string& plain,
                                        OutputBuffer& wire);
    void say(std::string bytes, OutputBuffer& wire);
    [[nodiscard]] Status take_upgrade(std::string_view& bytes, OutputBuffer& wire);
    [[nodiscard]] Status take_frames(std::string_view bytes, std::string& plain,
                                     OutputBuffer& wire);
    static void frame_packets(OutputBuffer& plain, OutputBuffer& wire);
    [[nodiscard]] bool believe_proxy(const UpgradeRequest& request);
    [[nodiscard]] Stage after(Stage stage) const noexcept;
    Status fail(std::string why);

    std::shared_ptr<const LayerOptions> options_;
    PeerAddress peer_;
    std::optional<std::string> username_;
    std::string pending_;  // an incomplete PROXY header
    std::unique_ptr<TlsSession> tls_;
    std::unique_ptr<HttpUpgrade> upgrade_;
    std::unique_ptr<WebSocketCodec> websocket_;
    std::string error_;
    Stage stage_;
};

}  // namespace vmq::transport
