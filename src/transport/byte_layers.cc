#include "transport/byte_layers.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace vmq::transport {

ByteLayers::ByteLayers(std::shared_ptr<const LayerOptions> options,
                       std::shared_ptr<const TlsContext> tls, PeerAddress peer)
    : options_(std::move(options)), peer_(std::move(peer)), stage_(Stage::Proxy) {
    if (tls) tls_ = std::make_unique<TlsSession>(std::move(tls));
    if (!options_->proxy_header) stage_ = after(Stage::Proxy);
    if (options_->websocket) {
        upgrade_ = std::make_unique<HttpUpgrade>(options_->websocket->upgrade);
        websocket_ = std::make_unique<WebSocketCodec>(options_->websocket->max_frame_size);
    }
}

ByteLayers::~ByteLayers() = default;

ByteLayers::Stage ByteLayers::after(Stage stage) const noexcept {
    if (stage < Stage::Tls && tls_) return Stage::Tls;
    if (stage < Stage::Upgrade && options_->websocket) return Stage::Upgrade;
    return Stage::Mqtt;
}

std::string_view ByteLayers::waiting_for() const noexcept {
    switch (stage_) {
        case Stage::Proxy:
            return "PROXY header";
        case Stage::Tls:
            return "TLS handshake";
        case Stage::Upgrade:
            return "WebSocket handshake";
        case Stage::Mqtt:
            break;
    }
    return "";
}

ByteLayers::Status ByteLayers::fail(std::string why) {
    error_ = std::move(why);
    return Status::Failed;
}

ByteLayers::Status ByteLayers::receive(std::string_view bytes, std::string& plain,
                                       OutputBuffer& wire) {
    if (stage_ == Stage::Proxy) {
        const Status status = take_proxy_header(bytes);
        if (status != Status::Open || stage_ == Stage::Proxy) return status;
    }
    if (tls_) return take_records(bytes, plain, wire);
    return take_above_tls(bytes, plain, wire);
}

ByteLayers::Status ByteLayers::take_records(std::string_view bytes, std::string& plain,
                                            OutputBuffer& wire) {
    const bool to_mqtt = !options_->websocket;
    std::string decrypted;
    const TlsSession::Status status = tls_->receive(bytes, to_mqtt ? plain : decrypted, wire);
    // Handshake, CONNECT and the end may come in one piece: who it is must be known before that.
    if (stage_ == Stage::Tls && tls_->handshake_done()) {
        if (tls_->identity()) username_ = tls_->identity();
        stage_ = after(Stage::Tls);
    }
    if (!decrypted.empty()) {
        const Status above = take_above_tls(decrypted, plain, wire);
        if (above != Status::Open) return above;
    }
    switch (status) {
        case TlsSession::Status::Handshaking:
        case TlsSession::Status::Open:
            return Status::Open;
        case TlsSession::Status::PeerClosed:
            return Status::Ended;
        case TlsSession::Status::Failed:
            break;
    }
    return fail("TLS: " + tls_->error());
}

ByteLayers::Status ByteLayers::take_above_tls(std::string_view bytes, std::string& plain,
                                              OutputBuffer& wire) {
    if (stage_ == Stage::Upgrade) {
        const Status status = take_upgrade(bytes, wire);
        if (status != Status::Open || stage_ == Stage::Upgrade) return status;
    }
    if (websocket_) return take_frames(bytes, plain, wire);
    plain.append(bytes);
    return Status::Open;
}

/// What a layer above TLS answers itself.
void ByteLayers::say(std::string bytes, OutputBuffer& wire) {
    if (bytes.empty()) return;
    if (!tls_) {
        wire.bytes() += bytes;
        return;
    }
    OutputBuffer plain;
    plain.bytes() = std::move(bytes);
    (void)tls_->send(plain, wire);
}

ByteLayers::Status ByteLayers::take_proxy_header(std::string_view& bytes) {
    const std::size_t before = pending_.size();
    pending_.append(bytes);
    ProxyHeaderResult result = decode_proxy_header(pending_);
    switch (result.status) {
        case ProxyHeaderStatus::NeedMore:
            bytes = {};
            return Status::Open;
        case ProxyHeaderStatus::Malformed:
            return fail("PROXY header: " + result.reason);
        case ProxyHeaderStatus::Complete:
            break;
    }
    bytes.remove_prefix(result.consumed - before);
    std::string().swap(pending_);
    if (result.header.has_addresses()) peer_ = std::move(result.header.source);
    const auto& tls = result.header.tls;
    if (options_->proxy_common_name_as_username && tls && tls->has_verified_certificate() &&
        !tls->common_name.empty()) {
        username_ = tls->common_name;
    }
    stage_ = after(Stage::Proxy);
    return Status::Open;
}

ByteLayers::Status ByteLayers::take_upgrade(std::string_view& bytes, OutputBuffer& wire) {
    const HttpUpgradeResult result = upgrade_->receive(bytes);
    if (result.status == HttpUpgradeStatus::NeedMore) {
        bytes = {};
        return Status::Open;
    }
    if (result.status == HttpUpgradeStatus::Refused) {
        say(result.response, wire);
        return fail("WebSocket handshake refused with " + std::to_string(result.code) + ": " +
                    result.reason);
    }
    if (!believe_proxy(result.request)) return Status::Failed;
    say(result.response, wire);
    bytes.remove_prefix(result.consumed);
    upgrade_.reset();
    stage_ = Stage::Mqtt;
    return Status::Open;
}

/// What headers of a proxy say of the client, if it is one of ours.
bool ByteLayers::believe_proxy(const UpgradeRequest& request) {
    const WebSocketOptions& options = *options_->websocket;
    if (options.trusted_proxies.empty()) return true;
    const auto& trusted = options.trusted_proxies;
    if (std::find(trusted.begin(), trusted.end(), peer_.address) == trusted.end()) {
        fail(peer_.address + " is not one of proxy_xff_trusted_intermediate");
        return false;
    }
    if (request.forwarded_for.empty()) {
        fail("the proxy sent no address in X-Forwarded-For");
        return false;
    }
    if (options.common_name_as_username) {
        if (request.common_name.empty()) {
            fail("the proxy sent no " + options.upgrade.common_name_header);
            return false;
        }
        username_ = request.common_name;
    }
    peer_.address = request.forwarded_for;
    return true;
}

ByteLayers::Status ByteLayers::take_frames(std::string_view bytes, std::string& plain,
                                           OutputBuffer& wire) {
    std::string reply;
    const WebSocketStatus status = websocket_->receive(bytes, plain, reply);
    say(std::move(reply), wire);
    switch (status.state) {
        case WebSocketState::Open:
            return Status::Open;
        case WebSocketState::PeerClosed:
            return Status::Ended;
        case WebSocketState::Violation:
            break;
    }
    return fail(std::string("WebSocket: ") + status.reason);
}

namespace {

/// Of the MQTT packet at the front of `packets`, header included; all of it if there is none.
std::size_t size_of_packet(const OutputBuffer& packets) {
    constexpr std::size_t kLongestHeader = 5;
    OutputBuffer::Piece piece{};
    const std::size_t count = packets.gather(&piece, 1);
    std::size_t size = 0;
    for (std::size_t at = 1; count == 1 && at < std::min(piece.size, kLongestHeader); ++at) {
        const auto byte = static_cast<unsigned char>(piece.data[at]);
        size |= static_cast<std::size_t>(byte & 0x7FU) << (7 * (at - 1));
        if (byte < 0x80) return std::min(at + 1 + size, packets.size());
    }
    return packets.size();
}

}  // namespace

/// MQTT does not ask for a frame per packet [v5 MQTT-6.0.0-2], but Paho's C client loses its way
/// when several share one.
void ByteLayers::frame_packets(OutputBuffer& plain, OutputBuffer& wire) {
    while (!plain.empty()) {
        const std::size_t size = size_of_packet(plain);
        WebSocketCodec::append_header(size, wire.bytes());
        wire.take(plain, size);
    }
}

void ByteLayers::send(OutputBuffer& plain, OutputBuffer& wire) {
    VMQ_ASSERT(ready());
    if (plain.empty()) return;
    if (!websocket_) return tls_ ? (void)tls_->send(plain, wire) : wire.take(plain);
    if (!tls_) return frame_packets(plain, wire);
    OutputBuffer framed;
    frame_packets(plain, framed);
    (void)tls_->send(framed, wire);
}

void ByteLayers::close(std::uint16_t code, OutputBuffer& wire) {
    if (websocket_ && stage_ == Stage::Mqtt) {
        std::string frame;
        websocket_->close(code, "", frame);
        say(std::move(frame), wire);
    }
    if (tls_) tls_->close(wire);
}

}  // namespace vmq::transport
