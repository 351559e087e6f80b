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
    if (stage_ == Stage::Tls && status == TlsSession::Status::Open) {
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

void ByteLayers::send(OutputBuffer& plain, OutputBuffer& wire) {
    VMQ_ASSERT(ready());
    if (plain.empty()) return;
    if (!tls_) {
        if (websocket_) WebSocketCodec::append_header(plain.size(), wire.bytes());
        return wire.take(plain);
    }
    if (!websocket_) return (void)tls_->send(plain, wire);
    OutputBuffer framed;
    WebSocketCodec::append_header(plain.size(), framed.bytes());
    framed.take(plain);
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
