#include "transport/byte_layers.h"

#include <gtest/gtest.h>

#include <memory>

#include <string>
#include <vector>

#include "transport/websocket_peer.h"

namespace vmq::transport {
namespace {

using testing::client_frame;
using Status = ByteLayers::Status;

constexpr std::string_view kProxyLine = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 1883\r\n";

std::string upgrade_request(std::string_view more = "") {
    return "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           "Sec-WebSocket-Protocol: mqtt\r\n" +
           std::string(more) + "\r\n";
}

std::string content(const OutputBuffer& buffer) {
    OutputBuffer::Piece pieces[16];
    const std::size_t count = buffer.gather(pieces, 16);
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all.append(pieces[i].data, pieces[i].size);
    return all;
}

class Layers : public ::testing::Test {
protected:
    ByteLayers& make() {
        layers_ = std::make_unique<ByteLayers>(std::make_shared<const LayerOptions>(options),
                                               nullptr, PeerAddress{"198.51.100.1", 99});
        return *layers_;
    }
    Status receive(std::string_view bytes) { return layers_->receive(bytes, plain, wire); }

    LayerOptions options;
    std::string plain;
    OutputBuffer wire;

private:
    std::unique_ptr<ByteLayers> layers_;
};

TEST_F(Layers, AProxyHeaderNamesTheClientAndThenNothingIsLeftToDo) {
    options.proxy_header = true;
    ByteLayers& layers = make();
    for (const char byte : kProxyLine) {
        EXPECT_EQ(layers.waiting_for(), "PROXY header");
        ASSERT_EQ(receive({&byte, 1}), Status::Open);
    }
    EXPECT_TRUE(layers.done());
    EXPECT_EQ(layers.peer(), (PeerAddress{"192.0.2.7", 4711}));
    EXPECT_EQ(plain, "");
    EXPECT_TRUE(wire.empty());
}

TEST_F(Layers, WhatFollowsAProxyHeaderIsTheClients) {
    options.proxy_header = true;
    ByteLayers& layers = make();
    ASSERT_EQ(receive(std::string(kProxyLine.substr(0, 10))), Status::Open);
    ASSERT_EQ(receive(std::string(kProxyLine.substr(10)) + "mqtt"), Status::Open);
    EXPECT_TRUE(layers.done());
    EXPECT_EQ(plain, "mqtt");
}

TEST_F(Layers, SomethingElseInItsPlaceFails) {
    options.proxy_header = true;
    ByteLayers& layers = make();
    EXPECT_EQ(receive("\x10\x0c"), Status::Failed);
    EXPECT_EQ(layers.error().rfind("PROXY header: ", 0), 0U) << layers.error();
}

TEST_F(Layers, AWebSocketBeginsWithItsHandshakeAndCarriesFrames) {
    options.websocket.emplace();
    ByteLayers& layers = make();
    EXPECT_EQ(layers.waiting_for(), "WebSocket handshake");
    const std::string request = upgrade_request() + client_frame(0x82, "in");
    for (const char byte : request) ASSERT_EQ(receive({&byte, 1}), Status::Open);
    EXPECT_TRUE(layers.ready());
    EXPECT_FALSE(layers.done());
    EXPECT_EQ(plain, "in");
    EXPECT_EQ(content(wire).rfind("HTTP/1.1 101 ", 0), 0U);
    wire.clear();
    OutputBuffer output;
    output.bytes() = "out";
    output.append_reference("put", nullptr);
    layers.send(output, wire);
    EXPECT_TRUE(output.empty());
    EXPECT_EQ(content(wire), std::string("\x82\x06") + "output");
    layers.send(output, wire);  // nothing makes no frame
    EXPECT_EQ(wire.size(), 8U);
}

TEST_F(Layers, BothEndsMayCloseAWebSocket) {
    options.websocket.emplace();
    make();
    ASSERT_EQ(receive(upgrade_request()), Status::Open);
    wire.clear();
    EXPECT_EQ(receive(client_frame(0x82, "last") + client_frame(0x88, std::string("\x03\xe8", 2))),
              Status::Ended);
    EXPECT_EQ(plain, "last");
    EXPECT_EQ(content(wire), std::string("\x88\x02\x03\xe8", 4));
    ByteLayers& layers = make();
    wire.clear();
    layers.close(1001, wire);
    EXPECT_TRUE(wire.empty()) << "before the handshake there is nobody to say it to";
    ASSERT_EQ(receive(upgrade_request()), Status::Open);
    wire.clear();
    layers.close(1001, wire);
    EXPECT_EQ(content(wire), std::string("\x88\x02\x03\xe9", 4));
}

TEST_F(Layers, AViolationIsAnsweredAndSaid) {
    options.websocket.emplace();
    ByteLayers& layers = make();
    ASSERT_EQ(receive(upgrade_request()), Status::Open);
    wire.clear();
    EXPECT_EQ(receive(client_frame(0x81, "text")), Status::Failed);
    EXPECT_EQ(content(wire).substr(0, 1), "\x88");
    EXPECT_EQ(layers.error().rfind("WebSocket: ", 0), 0U) << layers.error();
}

TEST_F(Layers, OnlyTrustedProxiesSpeakForClients) {
    options.proxy_header = true;
    options.websocket.emplace();
    options.websocket->trusted_proxies = {"192.0.2.7"};
    ByteLayers& trusted = make();
    ASSERT_EQ(
        receive(std::string(kProxyLine) + upgrade_request("X-Forwarded-For: 203.0.113.9\r\n")),
        Status::Open);
    EXPECT_TRUE(trusted.ready());
    EXPECT_EQ(trusted.peer(), (PeerAddress{"203.0.113.9", 4711}));
    EXPECT_FALSE(trusted.username());

    options.proxy_header = false;
    ByteLayers& other = make();
    EXPECT_EQ(receive(upgrade_request("X-Forwarded-For: 203.0.113.9\r\n")), Status::Failed);
    EXPECT_EQ(other.error(), "198.51.100.1 is not one of proxy_xff_trusted_intermediate");

    options.websocket->trusted_proxies = {"198.51.100.1"};
    options.websocket->common_name_as_username = true;
    options.websocket->upgrade.common_name_header = "x-ssl-client-cn";
    ByteLayers& without = make();
    EXPECT_EQ(receive(upgrade_request()), Status::Failed);
    EXPECT_EQ(without.error(), "the proxy sent no address in X-Forwarded-For");
    ByteLayers& nameless = make();
    EXPECT_EQ(receive(upgrade_request("X-Forwarded-For: 203.0.113.9\r\n")), Status::Failed);
    EXPECT_EQ(nameless.error(), "the proxy sent no x-ssl-client-cn");
    ByteLayers& named = make();
    EXPECT_EQ(receive(upgrade_request("X-Forwarded-For: 203.0.113.9\r\nX-SSL-Client-CN: dev1\r\n")),
              Status::Open);
    EXPECT_EQ(named.username(), "dev1");
}

}  // namespace
}  // namespace vmq::transport
