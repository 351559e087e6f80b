#include "transport/byte_layers.h"

#include <gtest/gtest.h>

#include <memory>

#include <string>
#include <vector>

#include "support/tls/tls_fixture.h"
#include "transport/websocket_peer.h"

namespace vmq::transport {
namespace {

using transport::testing::client_frame;

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
    ByteLayers::Status receive(std::string_view bytes) {
        return layers_->receive(bytes, plain, wire);
    }

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
        ASSERT_EQ(receive({&byte, 1}), ByteLayers::Status::Open);
    }
    EXPECT_TRUE(layers.done());
    EXPECT_EQ(layers.peer(), (PeerAddress{"192.0.2.7", 4711}));
    EXPECT_EQ(plain, "");
    EXPECT_TRUE(wire.empty());
}

TEST_F(Layers, WhatFollowsAProxyHeaderIsTheClients) {
    options.proxy_header = true;
    ByteLayers& layers = make();
    ASSERT_EQ(receive(std::string(kProxyLine.substr(0, 10))), ByteLayers::Status::Open);
    ASSERT_EQ(receive(std::string(kProxyLine.substr(10)) + "mqtt"), ByteLayers::Status::Open);
    EXPECT_TRUE(layers.done());
    EXPECT_EQ(plain, "mqtt");
}

TEST_F(Layers, SomethingElseInItsPlaceFails) {
    options.proxy_header = true;
    ByteLayers& layers = make();
    EXPECT_EQ(receive("\x10\x0c"), ByteLayers::Status::Failed);
    EXPECT_EQ(layers.error().rfind("PROXY header: ", 0), 0U) << layers.error();
}

TEST_F(Layers, AWebSocketBeginsWithItsHandshakeAndCarriesFrames) {
    options.websocket.emplace();
    ByteLayers& layers = make();
    EXPECT_EQ(layers.waiting_for(), "WebSocket handshake");
    const std::string request = upgrade_request() + client_frame(0x82, "in");
    for (const char byte : request) ASSERT_EQ(receive({&byte, 1}), ByteLayers::Status::Open);
    EXPECT_TRUE(layers.ready());
    EXPECT_FALSE(layers.done());
    EXPECT_EQ(plain, "in");
    EXPECT_EQ(content(wire).rfind("HTTP/1.1 101 ", 0), 0U);
    wire.clear();
    OutputBuffer output;
    output.bytes() = std::string("\xD0\0\x30\x05\0\1t", 7);  // PINGRESP, PUBLISH
    output.append_reference("xy", nullptr);
    output.bytes() += std::string("\x40\2\0\1", 4);  // PUBACK
    layers.send(output, wire);
    EXPECT_TRUE(output.empty());
    EXPECT_EQ(content(wire), std::string("\x82\2\xD0\0"
                                         "\x82\7\x30\5\0\1txy"
                                         "\x82\4\x40\2\0\1",
                                         19))
        << "a frame for each packet";
    wire.clear();
    layers.send(output, wire);
    EXPECT_TRUE(wire.empty()) << "nothing makes no frame";
    const std::string large(300, 'x');
    output.bytes() = std::string("\x30\xB1\2\0\3top", 8);  // 305 bytes follow the length
    output.append_reference(large, nullptr);
    layers.send(output, wire);
    EXPECT_EQ(content(wire).substr(0, 6), std::string("\x82\x7E\1\x34\x30\xB1"));
    EXPECT_EQ(wire.size(), 4U + 308U);
}

TEST_F(Layers, BothEndsMayCloseAWebSocket) {
    options.websocket.emplace();
    make();
    ASSERT_EQ(receive(upgrade_request()), ByteLayers::Status::Open);
    wire.clear();
    EXPECT_EQ(receive(client_frame(0x82, "last") + client_frame(0x88, std::string("\x03\xe8", 2))),
              ByteLayers::Status::Ended);
    EXPECT_EQ(plain, "last");
    EXPECT_EQ(content(wire), std::string("\x88\x02\x03\xe8", 4));
    ByteLayers& layers = make();
    wire.clear();
    layers.close(1001, wire);
    EXPECT_TRUE(wire.empty()) << "before the handshake there is nobody to say it to";
    ASSERT_EQ(receive(upgrade_request()), ByteLayers::Status::Open);
    wire.clear();
    layers.close(1001, wire);
    EXPECT_EQ(content(wire), std::string("\x88\x02\x03\xe9", 4));
}

TEST_F(Layers, AViolationIsAnsweredAndSaid) {
    options.websocket.emplace();
    ByteLayers& layers = make();
    ASSERT_EQ(receive(upgrade_request()), ByteLayers::Status::Open);
    wire.clear();
    EXPECT_EQ(receive(client_frame(0x81, "text")), ByteLayers::Status::Failed);
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
        ByteLayers::Status::Open);
    EXPECT_TRUE(trusted.ready());
    EXPECT_EQ(trusted.peer(), (PeerAddress{"203.0.113.9", 4711}));
    EXPECT_FALSE(trusted.username());

    options.proxy_header = false;
    ByteLayers& other = make();
    EXPECT_EQ(receive(upgrade_request("X-Forwarded-For: 203.0.113.9\r\n")),
              ByteLayers::Status::Failed);
    EXPECT_EQ(other.error(), "198.51.100.1 is not one of proxy_xff_trusted_intermediate");

    options.websocket->trusted_proxies = {"198.51.100.1"};
    options.websocket->common_name_as_username = true;
    options.websocket->upgrade.common_name_header = "x-ssl-client-cn";
    ByteLayers& without = make();
    EXPECT_EQ(receive(upgrade_request()), ByteLayers::Status::Failed);
    EXPECT_EQ(without.error(), "the proxy sent no address in X-Forwarded-For");
    ByteLayers& nameless = make();
    EXPECT_EQ(receive(upgrade_request("X-Forwarded-For: 203.0.113.9\r\n")),
              ByteLayers::Status::Failed);
    EXPECT_EQ(nameless.error(), "the proxy sent no x-ssl-client-cn");
    ByteLayers& named = make();
    EXPECT_EQ(receive(upgrade_request("X-Forwarded-For: 203.0.113.9\r\nX-SSL-Client-CN: dev1\r\n")),
              ByteLayers::Status::Open);
    EXPECT_EQ(named.username(), "dev1");
}

class TlsLayers : public vmq::testing::TlsTest {
protected:
    /// Both ends of a handshake whose last message the server has not had yet.
    void almost_connect(const vmq::testing::TlsClientOptions& client_options) {
        wire.clear();
        client = std::make_unique<vmq::testing::TlsClient>(client_options);
        layers = std::make_unique<ByteLayers>(std::make_shared<const LayerOptions>(layer_options),
                                              context(), PeerAddress{"198.51.100.1", 99});
        while (!client->open()) {
            ASSERT_EQ(layers->receive(client->output(), plain, wire), ByteLayers::Status::Open);
            ASSERT_EQ(layers->stage(), ByteLayers::Stage::Tls);
            client->receive(vmq::testing::take_all(wire));
        }
    }

    LayerOptions layer_options;
    std::unique_ptr<vmq::testing::TlsClient> client;
    std::unique_ptr<ByteLayers> layers;
    std::string plain;
    OutputBuffer wire;
};

TEST_F(TlsLayers, WhoItIsIsKnownBeforeWhatItSaysEvenIfAllComesInOnePiece) {
    require_certificate();
    options.use_identity_as_username = true;
    const vmq::testing::TestCertificate device =
        vmq::testing::make_certificate({.common_name = "device-1"}, &authority);
    for (const bool ends_well : {true, false}) {
        SCOPED_TRACE(ends_well);
        almost_connect({.certificate = &device, .version = TLS1_3_VERSION});
        plain.clear();
        client->send("CONNECT");
        if (ends_well) client->close();
        std::string piece = client->output();
        if (!ends_well) piece += "no record of TLS";
        EXPECT_EQ(layers->receive(piece, plain, wire),
                  ends_well ? ByteLayers::Status::Ended : ByteLayers::Status::Failed);
        EXPECT_EQ(plain, "CONNECT");
        EXPECT_TRUE(layers->ready());
        EXPECT_EQ(layers->username(), "device-1");
    }
}

TEST_F(TlsLayers, WebSocketStandsAboveTls) {
    layer_options.websocket.emplace();
    almost_connect({.version = TLS1_3_VERSION});
    client->send(upgrade_request() + client_frame(0x82, "in"));
    client->close();
    EXPECT_EQ(layers->receive(client->output(), plain, wire), ByteLayers::Status::Ended);
    EXPECT_EQ(plain, "in");
    EXPECT_TRUE(layers->ready());
    OutputBuffer output;
    output.bytes() = std::string("\xD0\0", 2);
    layers->send(output, wire);
    layers->close(1000, wire);
    client->receive(vmq::testing::take_all(wire));
    EXPECT_EQ(client->plain().rfind("HTTP/1.1 101 ", 0), 0U);
    EXPECT_TRUE(client->plain().ends_with(std::string("\x82\2\xD0\0\x88\x02\x03\xe8", 8)));
    EXPECT_TRUE(client->peer_closed());
}

}  // namespace
}  // namespace vmq::transport
