#include "broker/listener.h"

#include <gtest/gtest.h>

namespace vmq::broker {
namespace {

using Stage = transport::ByteLayers::Stage;

TEST(Listener, IsNamedLikeInVerneMQ) {
    EXPECT_EQ(type_of(ListenerKind::Mqtts), "mqtts");
    EXPECT_EQ(type_of(ListenerKind::MqttWss), "mqttwss");
    EXPECT_EQ(word_of(ListenerKind::Mqtt), "tcp");
    EXPECT_EQ(word_of(ListenerKind::MqttWs), "ws");
}

TEST(Listener, GivesConnectionsTheirLayersAndTheirTime) {
    Listener listener("a", ListenerKind::MqttWs);
    listener.settings.set(std::make_shared<const session::Settings>());
    EXPECT_EQ(listener.make_layers({}), nullptr);
    transport::LayerOptions layers;
    layers.websocket.emplace();
    listener.layers = std::make_shared<const transport::LayerOptions>(layers);
    ASSERT_NE(listener.make_layers({}), nullptr);
    EXPECT_EQ(listener.make_layers({})->stage(), Stage::Upgrade);
    listener.proxy_header_timeout = Millis(1);
    listener.tls_handshake_timeout = Millis(2);
    EXPECT_EQ(listener.layer_timeout(Stage::Proxy), Millis(1));
    EXPECT_EQ(listener.layer_timeout(Stage::Tls), Millis(2));
    EXPECT_EQ(listener.layer_timeout(Stage::Upgrade),
              listener.settings.get()->mqtt_connect_timeout);
}

TEST(Listener, CountsWhatIsUnderWayAgainstItsLimits) {
    Listener listener("a", ListenerKind::Mqtt);
    listener.max_connections = 1;
    EXPECT_TRUE(listener.enter());
    EXPECT_FALSE(listener.enter());
    listener.leave();
    EXPECT_EQ(listener.connections(), 1U);
    listener.max_handshakes = 1;
    EXPECT_FALSE(listener.too_many_handshakes());
    listener.begin_handshake();
    EXPECT_TRUE(listener.too_many_handshakes());
    listener.end_handshake();
    EXPECT_FALSE(listener.too_many_handshakes());
    listener.max_authentications = 1;
    listener.begin_authentication();
    EXPECT_TRUE(listener.too_many_authentications());
    listener.end_authentication();
    EXPECT_FALSE(listener.too_many_authentications());
}

}  // namespace
}  // namespace vmq::broker
