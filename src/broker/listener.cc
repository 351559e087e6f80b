#include "broker/listener.h"

#include <utility>

namespace vmq::broker {

std::string_view type_of(ListenerKind kind) noexcept {
    constexpr std::string_view kTypes[] = {"mqtt", "mqtts", "mqttws", "mqttwss"};
    return kTypes[static_cast<std::size_t>(kind)];
}

std::string_view word_of(ListenerKind kind) noexcept {
    constexpr std::string_view kWords[] = {"tcp", "ssl", "ws", "wss"};
    return kWords[static_cast<std::size_t>(kind)];
}

Listener::Listener(std::string its_name, ListenerKind its_kind)
    : name(std::move(its_name)), kind(its_kind) {}

std::unique_ptr<transport::ByteLayers> Listener::make_layers(
    const transport::PeerAddress& peer) const {
    if (!layers) return nullptr;
    return std::make_unique<transport::ByteLayers>(layers, tls.get(), peer);
}

Millis Listener::layer_timeout(transport::ByteLayers::Stage next) const noexcept {
    switch (next) {
        case transport::ByteLayers::Stage::Proxy:
            return proxy_header_timeout;
        case transport::ByteLayers::Stage::Tls:
            return tls_handshake_timeout;
        case transport::ByteLayers::Stage::Upgrade:
        case transport::ByteLayers::Stage::Mqtt:
            break;
    }
    return settings.get()->mqtt_connect_timeout;
}

}  // namespace vmq::broker
