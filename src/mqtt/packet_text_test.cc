#include "mqtt/packet_text.h"

#include <gtest/gtest.h>

#include <string>

#include "mqtt/encoder.h"
#include "mqtt/sample_packets.h"

namespace vmq::mqtt {
namespace {

using namespace std::string_view_literals;

std::string text_of(std::string_view bytes, From from, ProtocolVersion version,
                    std::size_t limit = 200) {
    std::string out;
    append_packet_text(next_frame(bytes, 268'435'455), from, version, limit, out);
    return out;
}

std::string all_of(ProtocolVersion version) {
    std::string out;
    for (const testing::SamplePacket& packet : testing::sample_packets()) {
        if (packet.version != version) continue;
        const From from = packet.sender == testing::Sender::Client ? From::Client : From::Server;
        out += (from == From::Client ? "> " : "< ") + text_of(packet.bytes, from, version);
    }
    return out;
}

std::string printable(std::string_view bytes) {
    std::string out;
    append_printable(bytes, out);
    return out;
}

TEST(PacketText, EveryPacketOfMqtt311) {
    EXPECT_EQ(all_of(ProtocolVersion::V311),
              R"~(> CONNECT(c: client, v: 4, u: user, p: pw_no_print, cs: 1, ka: 60)
    with LWT(wr: true, wq: 1, wt: will/topic) with payload:
    gone
> CONNECT(c: , v: 4, u: undefined, p: undefined, cs: 1, ka: 0)
> PUBLISH(d0, q2, r1, m515, "sensors/kitchen/temperature") with payload:
    21.5
> SUBSCRIBE(m7) with topics:
    q:0, t: "a/+/#"
    q:2, t: "$share/group/b"
> UNSUBSCRIBE(m8)
    t: "a/+/#"
    t: "$share/group/b"
> PINGREQ()
> DISCONNECT()
< CONNACK(sp: 1, rc: 0)
< PUBLISH(d0, q0, r1, m0, "sensors/kitchen/temperature") with payload:
    21.5
< SUBACK(m7, qt[1,128])
< UNSUBACK(m8)
< PUBACK(m9)
< PUBACK(m10)
< PUBREC(m9)
< PUBREC(m10)
< PUBREL(m9)
< PUBREL(m10)
< PUBCOMP(m9)
< PUBCOMP(m10)
)~");
}

TEST(PacketText, EveryPacketOfMqtt5) {
    EXPECT_EQ(all_of(ProtocolVersion::V5),
              R"~(> CONNECT(c: client, v: 5, u: user, p: pw_no_print, cs: true, ka: 60)
    with properties: #{p_session_expiry_interval => 3600,p_receive_max => 20,p_authentication_method => <<"SCRAM">>,p_authentication_data => pw_no_print,p_user_property => [{<<"name">>,pw_no_print},{<<"name">>,pw_no_print}]}
    with LWT(wr: true, wq: 1, wt: will/topic) with payload:
    gone
    with properties: #{p_will_delay_interval => 5,p_content_type => <<"text/plain">>,p_user_property => [{<<"name">>,<<"value">>},{<<"name">>,<<"">>}]}
> CONNECT(c: , v: 5, u: undefined, p: undefined, cs: true, ka: 0)
> PUBLISH(d0, q2, r1, m515, "sensors/kitchen/temperature") with payload:
    21.5
    with properties: #{p_payload_format_indicator => 1,p_message_expiry_interval => 60,p_topic_alias => 3,p_response_topic => <<"reply/to">>,p_correlation_data => <<"\xff\x01">>,p_user_property => [{<<"name">>,<<"value">>},{<<"name">>,<<"">>}]}
> SUBSCRIBE(m7) with topics:
    q:0, no_local:false, rap:false, rh:send_retain
    t: "a/+/#"
    q:2, no_local:false, rap:true, rh:send_retain
    t: "$share/group/b"
    with properties: #{p_subscription_id => [300],p_user_property => [{<<"name">>,<<"value">>},{<<"name">>,<<"">>}]}
> UNSUBSCRIBE(m8) with topics:
    t: "a/+/#"
    t: "$share/group/b"
    with properties: #{p_user_property => [{<<"name">>,<<"value">>},{<<"name">>,<<"">>}]}
> PINGREQ()
> DISCONNECT(rc:normal_disconnect(0))
> DISCONNECT(rc:disconnect_with_will_msg(4))
    with properties: #{p_session_expiry_interval => 3600,p_reason_string => <<"because">>}
> AUTH(rc:reauthenticate(25))
    with properties: #{p_authentication_method => <<"SCRAM">>,p_authentication_data => pw_no_print}
< CONNACK(sp: 1, rc: success(0))
    with properties: #{p_server_keep_alive => 30,p_max_qos => 1,p_max_packet_size => 1000000,p_assigned_client_id => <<"assigned">>,p_response_info => <<"info">>}
< PUBLISH(d0, q0, r1, m0, "sensors/kitchen/temperature") with payload:
    21.5
    with properties: #{p_content_type => <<"text/plain">>,p_subscription_id => [300]}
< SUBACK(m7, reason_codes:[1,128])
    with properties: #{p_reason_string => <<"because">>}
< UNSUBACK(m8, reason_codes:[0,17])
< PUBACK(m9, rc: success(0))
< PUBACK(m10, rc: success(0))
    with properties: #{p_reason_string => <<"because">>,p_user_property => [{<<"name">>,<<"value">>},{<<"name">>,<<"">>}]}
< PUBREC(m9), rc: success(0))
< PUBREC(m10), rc: success(0))
    with properties: #{p_reason_string => <<"because">>,p_user_property => [{<<"name">>,<<"value">>},{<<"name">>,<<"">>}]}
< PUBREL(m9), rc: success(0))
< PUBREL(m10), rc: success(0))
    with properties: #{p_reason_string => <<"because">>,p_user_property => [{<<"name">>,<<"value">>},{<<"name">>,<<"">>}]}
< PUBCOMP(m9), rc: success(0))
< PUBCOMP(m10), rc: success(0))
    with properties: #{p_reason_string => <<"because">>,p_user_property => [{<<"name">>,<<"value">>},{<<"name">>,<<"">>}]}
< DISCONNECT(rc:server_moved(157))
    with properties: #{p_server_ref => <<"other:1883">>}
< AUTH(rc:success(0))
    with properties: #{p_authentication_method => <<"SCRAM">>}
)~");
}

TEST(PacketText, Mqtt31DiffersInTheVersionOnly) {
    std::string older = all_of(ProtocolVersion::V31);
    for (auto at = older.find("v: 3"); at != std::string::npos; at = older.find("v: 3")) {
        older.replace(at, 4, "v: 4");
    }
    std::string newer = all_of(ProtocolVersion::V311);
    // MQTT 3.1 has no session-present flag.
    const auto flag = newer.find("sp: 1");
    ASSERT_NE(flag, std::string::npos);
    if (older.find("sp: 0") != std::string::npos) newer.replace(flag, 5, "sp: 0");
    EXPECT_EQ(older, newer);
}

TEST(PacketText, SecretsAreNotPrinted) {
    Connect packet;
    packet.version = ProtocolVersion::V5;
    packet.username = "user";
    packet.password = "s3cret";
    packet.properties.set(Property::AuthenticationMethod);
    packet.properties.set(Property::AuthenticationData);
    packet.properties.set(Property::UserProperty);
    packet.properties.authentication_method = "PLAIN";
    packet.properties.authentication_data = "s3cret";
    packet.properties.user_properties = {{"token", "s3cret"}};
    std::string bytes;
    encode_connect(packet, bytes);
    const std::string connect = text_of(bytes, From::Client, ProtocolVersion::V5);
    EXPECT_EQ(connect,
              "CONNECT(c: , v: 5, u: user, p: pw_no_print, cs: true, ka: 0)\n"
              "    with properties: #{p_authentication_method => <<\"PLAIN\">>,"
              "p_authentication_data => pw_no_print,"
              "p_user_property => [{<<\"token\">>,pw_no_print}]}\n");
    Auth auth{ReasonCode::ContinueAuthentication, packet.properties};
    for (const From from : {From::Client, From::Server}) {
        bytes.clear();
        encode_auth(auth, bytes);
        const std::string text = text_of(bytes, from, ProtocolVersion::V5);
        EXPECT_NE(text.find("AUTH(rc:continue_authentication(24))"), std::string::npos) << text;
        EXPECT_EQ(text.find("s3cret"), std::string::npos) << text;
    }
}

TEST(PacketText, AnUnreadablePacketIsNamedWithoutItsBytes) {
    EXPECT_EQ(text_of("\x82\x03\x00\x01S"sv, From::Client, ProtocolVersion::V311),
              "SUBSCRIBE(unreadable: a topic filter is cut off)\n");
    const std::string connect = text_of("\x10\x05s3cre"sv, From::Client, ProtocolVersion::V5);
    EXPECT_TRUE(connect.starts_with("CONNECT(unreadable: ")) << connect;
    EXPECT_EQ(connect.find("s3cre"), std::string::npos);
}

TEST(PacketText, PayloadsAreCutAtTheLimit) {
    Publish packet;
    packet.topic = "t";
    packet.payload = "abcdef";
    std::string bytes;
    encode_publish(packet, ProtocolVersion::V311, {}, bytes);
    const auto with = [&](std::size_t limit) {
        return text_of(bytes, From::Client, ProtocolVersion::V311, limit);
    };
    const std::string head = "PUBLISH(d0, q0, r0, m0, \"t\") with payload:\n    ";
    EXPECT_EQ(with(6), head + "abcdef\n");
    EXPECT_EQ(with(5), head + "abcde (truncated)\n");
    EXPECT_EQ(with(0), head + " (truncated)\n");
}

TEST(Printable, WhatCouldSteerATerminalIsWrittenOut) {
    EXPECT_EQ(printable("plain {\"a\": 1} \\ äöü 漢 😀"), "plain {\"a\": 1} \\ äöü 漢 😀");
    EXPECT_EQ(printable("\x1b[2J\x07\x7f\0"sv), "\\x1b[2J\\x07\\x7f\\x00");
    EXPECT_EQ(printable("a\r\nb\tc"), "a\\r\\nb\\tc");
    EXPECT_EQ(printable("\xC2\x9B"
                        "31m"),
              "\\xc2\\x9b31m");                               // CSI of the second set
    EXPECT_EQ(printable("\xE2\x80\xAE"), "\\xe2\\x80\\xae");  // right-to-left override
    EXPECT_EQ(printable("\xFF\xC3"), "\\xff\\xc3");           // not UTF-8, and cut off
    EXPECT_EQ(printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");  // a surrogate
    EXPECT_EQ(printable("\xC3"
                        "A\xC3\xA4"),
              "\\xc3A\xC3\xA4");  // goes on behind it
}

}  // namespace
}  // namespace vmq::mqtt
