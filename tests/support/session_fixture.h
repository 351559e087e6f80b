// A Session with a scripted host, for tests that speak in packets and read lines of text.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/encoder.h"
#include "session/session.h"
#include "support/messages.h"
#include "support/scripted_host.h"

namespace vmq::testing {

class SessionFixture : public ::testing::Test {
protected:
    using Texts = std::vector<std::string>;
    using State = session::Session::State;

    static constexpr auto kV31 = mqtt::ProtocolVersion::V31;
    static constexpr auto kV311 = mqtt::ProtocolVersion::V311;
    static constexpr auto kV5 = mqtt::ProtocolVersion::V5;

    SessionFixture() { plan_.version = kV5; }

    /// A fresh session of the plan and settings as they are now.
    session::Session& open(mqtt::ProtocolVersion version = kV5) {
        plan_.version = version;
        plan_.settings = std::make_shared<const session::Settings>(settings_);
        session_ = std::make_unique<session::Session>(host_, plan_, now_);
        return *session_;
    }
    [[nodiscard]] session::Session& session() { return session_ ? *session_ : open(plan_.version); }
    [[nodiscard]] State state() { return session().state(); }

    Texts sent() { return host_.take(plan_.version); }
    /// Hands a packet in and returns what was sent because of it.
    Texts send(std::string_view bytes) {
        const auto frame = mqtt::next_frame(bytes, 268'435'455);
        EXPECT_EQ(frame.status, mqtt::FrameStatus::Complete);
        session().on_frame(frame, now_);
        return sent();
    }
    Texts publish(std::string_view topic, std::string_view payload, int qos, unsigned id = 0,
                  std::string_view properties = {}, bool dup = false) {
        mqtt::Publish packet;
        packet.topic = topic;
        packet.payload = payload;
        packet.qos = static_cast<mqtt::QoS>(qos);
        packet.id = mqtt::PacketId{static_cast<std::uint16_t>(id)};
        packet.dup = dup;
        std::string bytes;
        mqtt::encode_publish(packet, plan_.version, properties, bytes);
        return send(bytes);
    }
    Texts ack(mqtt::PacketType type, unsigned id,
              mqtt::ReasonCode reason = mqtt::ReasonCode::Success) {
        mqtt::Ack packet;
        packet.id = mqtt::PacketId{static_cast<std::uint16_t>(id)};
        packet.reason = reason;
        std::string bytes;
        mqtt::encode_ack(type, packet, plan_.version, bytes);
        return send(bytes);
    }
    Texts subscribe(std::initializer_list<mqtt::SubscribeEntry> entries, unsigned id = 1,
                    std::uint32_t subscription_id = 0) {
        mqtt::Subscribe packet;
        packet.id = mqtt::PacketId{static_cast<std::uint16_t>(id)};
        packet.entries = entries;
        if (subscription_id != 0) {
            packet.properties.subscription_identifiers = {subscription_id};
            packet.properties.set(mqtt::Property::SubscriptionIdentifier);
        }
        std::string bytes;
        mqtt::encode_subscribe(packet, plan_.version, bytes);
        return send(bytes);
    }
    Texts unsubscribe(std::initializer_list<std::string_view> filters, unsigned id = 1) {
        mqtt::Unsubscribe packet;
        packet.id = mqtt::PacketId{static_cast<std::uint16_t>(id)};
        packet.filters = filters;
        std::string bytes;
        mqtt::encode_unsubscribe(packet, plan_.version, bytes);
        return send(bytes);
    }
    static mqtt::SubscribeEntry entry(std::string_view filter, int qos = 0) {
        mqtt::SubscribeEntry made;
        made.filter = filter;
        made.options.qos = static_cast<mqtt::QoS>(qos);
        return made;
    }
    void expect_closed(session::CloseCause cause) {
        EXPECT_EQ(state(), State::Closed);
        EXPECT_EQ(host_.closes, 1);
        EXPECT_EQ(host_.close_cause, cause);
        EXPECT_FALSE(host_.close_detail.empty());
    }

    ScriptedHost host_;
    session::Settings settings_;
    session::ConnectPlan plan_;
    TimePoint now_{Millis{1'000'000}};
    std::unique_ptr<session::Session> session_;
};

}  // namespace vmq::testing
