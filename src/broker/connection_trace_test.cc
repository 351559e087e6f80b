#include "broker/connection_trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mqtt/encoder.h"

namespace vmq::broker {
namespace {

using mqtt::ProtocolVersion;

constexpr TraceMoment kMoment{TimePoint{Seconds(1000)}, 1'700'000'000'000};
const std::string kHead = "2023-11-14T22:13:20Z <1.7> ";

std::string publish(std::string_view topic, std::string_view payload, std::uint16_t alias = 0) {
    mqtt::Publish packet;
    packet.topic = topic;
    packet.payload = payload;
    std::string properties;
    if (alias != 0) {
        mqtt::Properties set;
        set.set(mqtt::Property::TopicAlias);
        set.topic_alias = alias;
        mqtt::append_properties(set, properties);
    }
    std::string bytes;
    encode_publish(packet, ProtocolVersion::V5, properties, bytes);
    return bytes;
}

mqtt::Frame frame_of(std::string_view bytes) { return mqtt::next_frame(bytes, 268'435'455); }

class ConnectionTraces : public ::testing::Test {
protected:
    ConnectionTraces() {
        connection_.set_client("", "c");
        connection_.set_version(ProtocolVersion::V5);
    }
    std::shared_ptr<Trace> trace(std::optional<std::string> topic = {}, std::size_t payload = 200) {
        TraceOptions options;
        options.client_id = "c";
        options.topic = std::move(topic);
        options.payload_limit = payload;
        options.rate_max = 1000;
        auto made = std::make_shared<Trace>(options);
        connection_.add(made);
        return made;
    }
    static std::string text(Trace& trace) { return trace.take(kMoment.wall_ms).text; }

    ConnectionTrace connection_{"<1.7>"};
};

TEST_F(ConnectionTraces, APacketIsToldToEveryTraceInItsOwnLength) {
    const auto all = trace();
    const auto some = trace({}, 2);
    connection_.received(frame_of(publish("t", "abc")), nullptr, kMoment);
    const std::string line =
        kHead + "MQTT RECV: CID: \"c\" PUBLISH(d0, q0, r0, m0, \"t\") with payload:\n    ";
    EXPECT_EQ(text(*all), line + "abc\n");
    EXPECT_EQ(text(*some), line + "ab (truncated)\n");
}

TEST_F(ConnectionTraces, AMountpointIsShown) {
    connection_.set_client("m\n", "\x1b[2J");
    const auto seen = trace();
    std::string bytes;
    mqtt::encode_pingreq(bytes);
    connection_.received(frame_of(bytes), nullptr, kMoment);
    EXPECT_EQ(text(*seen), kHead + "MQTT RECV: MP: \"m\\n\" CID: \"\\x1b[2J\" PINGREQ()\n");
}

TEST_F(ConnectionTraces, WhatIsSentIsReadFromTheOutputOnce) {
    const auto seen = trace();
    OutputBuffer output;
    output.bytes() = publish("a", "1") + publish("b", "2");
    output.consume(3);  // of a packet that was seen before
    connection_.keep(publish("a", "1").size() - 3);
    connection_.sent(&output, nullptr, kMoment);
    const std::string line = kHead + "MQTT SEND: CID: \"c\" PUBLISH(d0, q0, r0, m0, ";
    EXPECT_EQ(text(*seen), line + "\"b\") with payload:\n    2\n");
    connection_.sent(&output, nullptr, kMoment);
    EXPECT_EQ(text(*seen), "");
    mqtt::encode_pingresp(output.bytes());
    connection_.sent(&output, nullptr, kMoment);
    EXPECT_EQ(text(*seen), kHead + "MQTT SEND: CID: \"c\" PINGRESP()\n");
    connection_.sent(nullptr, nullptr, kMoment);
}

TEST_F(ConnectionTraces, PayloadsThatAreReferencedAreReadFromWhereTheyAre) {
    const auto seen = trace({}, 5);
    const auto payload = std::make_shared<const std::string>(1'000'000, 'x');
    OutputBuffer output;
    for (int i = 0; i < 20; ++i) {
        const std::string whole = publish("t", *payload);
        output.bytes() += whole.substr(0, whole.size() - payload->size());
        output.append_reference(*payload, payload);
    }
    mqtt::encode_pingresp(output.bytes());
    connection_.sent(&output, nullptr, kMoment);
    std::string wanted;
    for (int i = 0; i < 20; ++i) {
        wanted += kHead +
                  "MQTT SEND: CID: \"c\" PUBLISH(d0, q0, r0, m0, \"t\") with payload:\n"
                  "    xxxxx (truncated)\n";
    }
    EXPECT_EQ(text(*seen), wanted + kHead + "MQTT SEND: CID: \"c\" PINGRESP()\n");
}

TEST_F(ConnectionTraces, ATopicIsFoundBehindItsAlias) {
    const auto seen = trace("a/+");
    session::TopicAliases aliases;
    aliases.set_received(1, "a/b");
    aliases.set_received(2, "b");
    aliases.set_sent("a/c", 1);
    aliases.set_sent("b", 2);
    for (const std::uint16_t alias : {std::uint16_t{1}, std::uint16_t{2}}) {
        const std::string bytes = publish("", "x", alias);
        connection_.received(frame_of(bytes), &aliases, kMoment);
        OutputBuffer output;
        output.bytes() = bytes;
        connection_.keep(0);
        connection_.sent(&output, &aliases, kMoment);
    }
    const std::string found = text(*seen);
    EXPECT_EQ(std::count(found.begin(), found.end(), 'P'), 2) << found;
    EXPECT_NE(found.find("MQTT RECV"), std::string::npos);
    EXPECT_NE(found.find("MQTT SEND"), std::string::npos);
    EXPECT_EQ(found.find("p_topic_alias => 2"), std::string::npos);
}

TEST_F(ConnectionTraces, ATopicLeavesOutWhatHasNone) {
    const auto seen = trace("a/+");
    std::string bytes;
    mqtt::encode_pingreq(bytes);
    connection_.received(frame_of(bytes), nullptr, kMoment);
    connection_.found(*seen, kMoment);
    connection_.stopped(kMoment);
    connection_.calling(hooks::RegisterContext{}, kMoment);
    connection_.returned(hooks::RegisterVerdict{}, kMoment);
    EXPECT_EQ(text(*seen), "");
}

TEST_F(ConnectionTraces, AnEventHasABound) {
    const auto seen = trace();
    mqtt::Subscribe packet;
    packet.id = mqtt::PacketId{1};
    const std::string filter(1000, 'f');
    for (int i = 0; i < 100; ++i) packet.entries.push_back({filter, {}});
    std::string bytes;
    encode_subscribe(packet, ProtocolVersion::V5, bytes);
    connection_.received(frame_of(bytes), nullptr, kMoment);
    const std::string found = text(*seen);
    EXPECT_LE(found.size(), Trace::kMaxEvent + 20);
    EXPECT_TRUE(found.ends_with(" (truncated)\n"));
}

TEST_F(ConnectionTraces, HooksAreShownAsVerneMqDoes) {
    const auto seen = trace();
    hooks::RegisterContext who;
    who.peer = {"127.0.0.1", 4711};
    who.subscriber = {"", "c"};
    who.username = "user";
    who.password = "s3cret";
    connection_.calling(who, kMoment);
    EXPECT_EQ(text(*seen), kHead +
                               "Calling auth_on_register({{127,0,0,1},4711},{[],<<\"c\">>},user,"
                               "pw_no_print,true) \n");
    who.v5 = true;
    who.peer = {"2001:db8::1", 1};
    who.subscriber.mountpoint = "m";
    who.username.reset();
    who.password.reset();
    connection_.calling(who, kMoment);
    EXPECT_EQ(text(*seen), kHead +
                               "Calling auth_on_register_m5({{8193,3512,0,0,0,0,0,1},1},"
                               "{\"m\",<<\"c\">>},undefined,undefined,true) \n");
    hooks::PublishContext what;
    what.subscriber = {"", "c"};
    what.username = "user";
    what.topic = "a/b";
    what.payload = "x";
    what.qos = mqtt::QoS::AtLeastOnce;
    connection_.calling(what, kMoment);
    EXPECT_EQ(text(*seen), kHead +
                               "Calling auth_on_publish(user,{[],<<\"c\">>},1,a/b,false) with "
                               "payload:\n    x\n");
    const std::vector<mqtt::SubscribeEntry> entries{{"a/+", {mqtt::QoS::AtLeastOnce}}, {"b", {}}};
    hooks::SubscribeContext to;
    to.subscriber = {"", "c"};
    to.entries = &entries;
    connection_.calling(to, kMoment);
    EXPECT_EQ(text(*seen), kHead +
                               "Calling auth_on_subscribe(undefined,{[],<<\"c\">>}) with topics:\n"
                               "    q:1, t: \"a/+\"\n    q:0, t: \"b\"\n");
    connection_.calling(hooks::AuthContext{{"", "c"}, "user", "SCRAM", "s3cret"}, kMoment);
    EXPECT_EQ(text(*seen), kHead +
                               "Calling on_auth_m5(user,{[],<<\"c\">>}) \n    with properties: "
                               "#{p_authentication_method => <<\"SCRAM\">>,"
                               "p_authentication_data => pw_no_print}\n");
}

TEST_F(ConnectionTraces, SoAreTheirAnswers) {
    const auto seen = trace();
    hooks::PublishVerdict answer;
    answer.decision = hooks::Decision::Ok;
    connection_.returned(answer, kMoment);
    EXPECT_EQ(text(*seen), kHead + "Hook returned \"ok\"\n");
    answer.modifiers.payload = "new";
    connection_.returned(answer, kMoment);
    EXPECT_EQ(text(*seen), kHead + "Hook returned \"ok\" with modified payload:\n    new\n");
    answer.modifiers.topic = "t";
    answer.modifiers.qos = mqtt::QoS::ExactlyOnce;
    connection_.returned(answer, kMoment);
    EXPECT_EQ(text(*seen), kHead +
                               "Hook returned \"ok\" with modifiers:\n    topic: t\n    qos: 2\n"
                               "    payload: new\n");
    answer = {};
    answer.decision = hooks::Decision::Error;
    connection_.returned(answer, kMoment);
    EXPECT_EQ(text(*seen), kHead + "Hook returned {error,no_matching_hook_found}\n");
    answer.refusal.reason = mqtt::ReasonCode::NotAuthorized;
    answer.refusal.reason_string = "not\nyours";
    connection_.returned(answer, kMoment);
    EXPECT_EQ(text(*seen),
              kHead + "Hook returned {error,not_authorized}\n    reason_string: not\\nyours\n");
    hooks::RegisterVerdict login;
    login.decision = hooks::Decision::Ok;
    login.modifiers.client_id = "other";
    login.modifiers.max_message_rate = 5;
    connection_.returned(login, kMoment);
    EXPECT_EQ(text(*seen), kHead +
                               "Hook returned \"ok\" with modifiers:\n    client_id: other\n"
                               "    max_message_rate: 5\n");
    hooks::SubscribeVerdict topics;
    topics.decision = hooks::Decision::Ok;
    topics.topics = {{"a", {mqtt::QoS::AtLeastOnce}, {}},
                     {"b", {}, mqtt::ReasonCode::NotAuthorized}};
    connection_.returned(topics, kMoment);
    EXPECT_EQ(text(*seen), kHead +
                               "Hook returned \"ok\" with modifiers:\n    q:1, t: \"a\"\n"
                               "    not_authorized(135), t: \"b\"\n");
}

TEST_F(ConnectionTraces, TracesThatHaveEndedAreForgotten) {
    const auto first = trace();
    const auto second = trace();
    const Traces left{second};
    EXPECT_FALSE(connection_.keep_only(&left));
    EXPECT_FALSE(connection_.has(*first));
    EXPECT_TRUE(connection_.has(*second));
    EXPECT_TRUE(connection_.keep_only(nullptr));
}

}  // namespace
}  // namespace vmq::broker
