#include "mqtt/properties.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "mqtt/decoder.h"
#include "mqtt/packet_builder.h"
#include "mqtt/recode.h"
#include "mqtt/sample_packets.h"

namespace vmq::mqtt {
namespace {

using namespace std::string_view_literals;
using testing::Bytes;
using testing::frame_of;
using testing::Sender;

/// Everything that has properties.
enum class Carrier {
    Connect,
    Will,
    Connack,
    Publish,
    ServerPublish,
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Disconnect,
    ServerDisconnect,
    Auth,
    ServerAuth,
    Last = ServerAuth
};

DecodeStatus status_of(PacketType type, Sender sender, const Bytes& body) {
    const bool flags = type == PacketType::Pubrel || type == PacketType::Subscribe ||
                       type == PacketType::Unsubscribe;
    std::string out;
    return testing::recode(frame_of(type, flags ? 2 : 0, body.view()), ProtocolVersion::V5, sender,
                           out);
}

/// What becomes of an otherwise valid packet with these properties.
DecodeStatus status_with(Carrier carrier, std::string_view section) {
    const auto client = Sender::Client;
    const auto server = Sender::Server;
    const Bytes reason = Bytes().u16(1).u8(0).section(section);
    switch (carrier) {
        case Carrier::Connect:
            return status_of(PacketType::Connect, client,
                             Bytes().text("MQTT").u8(5).u8(2).u16(0).section(section).text("id"));
        case Carrier::Will:
            return status_of(PacketType::Connect, client,
                             Bytes()
                                 .text("MQTT")
                                 .u8(5)
                                 .u8(4)
                                 .u16(0)
                                 .u8(0)
                                 .text("id")
                                 .section(section)
                                 .text("topic")
                                 .text("payload"));
        case Carrier::Connack:
            return status_of(PacketType::Connack, server, Bytes().u8(0).u8(0).section(section));
        case Carrier::Publish:
            return status_of(PacketType::Publish, client, Bytes().text("t").section(section));
        case Carrier::ServerPublish:
            return status_of(PacketType::Publish, server, Bytes().text("t").section(section));
        case Carrier::Puback:
            return status_of(PacketType::Puback, client, reason);
        case Carrier::Pubrec:
            return status_of(PacketType::Pubrec, client, reason);
        case Carrier::Pubrel:
            return status_of(PacketType::Pubrel, client, reason);
        case Carrier::Pubcomp:
            return status_of(PacketType::Pubcomp, client, reason);
        case Carrier::Subscribe:
            return status_of(PacketType::Subscribe, client,
                             Bytes().u16(1).section(section).text("t").u8(0));
        case Carrier::Suback:
            return status_of(PacketType::Suback, server, Bytes().u16(1).section(section).u8(0));
        case Carrier::Unsubscribe:
            return status_of(PacketType::Unsubscribe, client,
                             Bytes().u16(1).section(section).text("t"));
        case Carrier::Unsuback:
            return status_of(PacketType::Unsuback, server, Bytes().u16(1).section(section).u8(0));
        case Carrier::Disconnect:
            return status_of(PacketType::Disconnect, client, Bytes().u8(0).section(section));
        case Carrier::ServerDisconnect:
            return status_of(PacketType::Disconnect, server, Bytes().u8(0x8B).section(section));
        case Carrier::Auth:
            return status_of(PacketType::Auth, client, Bytes().u8(0x18).section(section));
        case Carrier::ServerAuth:
            return status_of(PacketType::Auth, server, Bytes().u8(0x18).section(section));
    }
    return {};
}

struct Row {
    unsigned identifier;
    std::string_view value;  // one that is valid, encoded
    std::vector<Carrier> carriers;
};

using C = Carrier;
const std::vector<C> kEverywhere = [] {
    std::vector<C> all;
    for (int i = 0; i <= static_cast<int>(C::Last); ++i) all.push_back(static_cast<C>(i));
    return all;
}();

// [v5 2.2.2.2], table 2-4, in its order
const std::vector<Row> kPropertyRows = {
    {0x01, "\x01"sv, {C::Publish, C::ServerPublish, C::Will}},
    {0x02, "\x00\x00\x00\x00"sv, {C::Publish, C::ServerPublish, C::Will}},
    {0x03, "\x00\x01x"sv, {C::Publish, C::ServerPublish, C::Will}},
    {0x08, "\x00\x01x"sv, {C::Publish, C::ServerPublish, C::Will}},
    {0x09, "\x00\x01\xFF"sv, {C::Publish, C::ServerPublish, C::Will}},
    {0x0B, "\x01"sv, {C::ServerPublish, C::Subscribe}},
    {0x11, "\x00\x00\x00\x00"sv, {C::Connect, C::Connack, C::Disconnect}},
    {0x12, "\x00\x01x"sv, {C::Connack}},
    {0x13, "\x00\x00"sv, {C::Connack}},
    {0x15, "\x00\x01x"sv, {C::Connect, C::Connack, C::Auth, C::ServerAuth}},
    {0x16, "\x00\x01\xFF"sv, {C::Connect, C::Connack, C::Auth, C::ServerAuth}},
    {0x17, "\x00"sv, {C::Connect}},
    {0x18, "\x00\x00\x00\x00"sv, {C::Will}},
    {0x19, "\x01"sv, {C::Connect}},
    {0x1A, "\x00\x01x"sv, {C::Connack}},
    {0x1C, "\x00\x01x"sv, {C::Connack, C::ServerDisconnect}},
    {0x1F,
     "\x00\x01x"sv,
     {C::Connack, C::Puback, C::Pubrec, C::Pubrel, C::Pubcomp, C::Suback, C::Unsuback,
      C::Disconnect, C::ServerDisconnect, C::Auth, C::ServerAuth}},
    {0x21, "\x00\x01"sv, {C::Connect, C::Connack}},
    {0x22, "\x00\x00"sv, {C::Connect, C::Connack}},
    {0x23, "\x00\x01"sv, {C::Publish, C::ServerPublish}},
    {0x24, "\x01"sv, {C::Connack}},
    {0x25, "\x00"sv, {C::Connack}},
    {0x26, "\x00\x01k\x00\x00"sv, kEverywhere},
    {0x27, "\x00\x00\x00\x01"sv, {C::Connect, C::Connack}},
    {0x28, "\x00"sv, {C::Connack}},
    {0x29, "\x00"sv, {C::Connack}},
    {0x2A, "\x00"sv, {C::Connack}},
};

const Row* row_of(unsigned identifier) {
    for (const Row& row : kPropertyRows) {
        if (row.identifier == identifier) return &row;
    }
    return nullptr;
}

/// The other properties without which this one is not valid.
Bytes company(Carrier carrier, unsigned identifier) {
    const bool auth = carrier == C::Auth || carrier == C::ServerAuth;
    if (identifier != 0x15 && (auth || identifier == 0x16)) {
        if (auth || carrier == C::Connect || carrier == C::Connack) {
            return Bytes().u8(0x15).text("method");
        }
    }
    return Bytes();
}

/// Allowed in the packet, but not when this side sends it.
bool is_of_the_other_side(Carrier carrier, unsigned identifier) {
    return (carrier == C::Publish && identifier == 0x0B) ||         // [v5 MQTT-3.3.4-6]
           (carrier == C::Disconnect && identifier == 0x1C) ||      // [v5 3.14.2.2.5]
           (carrier == C::ServerDisconnect && identifier == 0x11);  // [v5 MQTT-3.14.2-2]
}

bool is_allowed(const Row* row, Carrier carrier) {
    return row != nullptr &&
           std::find(row->carriers.begin(), row->carriers.end(), carrier) != row->carriers.end();
}

TEST(Properties, AreAllowedOnlyInTheirPackets) {
    for (const Carrier carrier : kEverywhere) {
        for (unsigned identifier = 0; identifier < 256; ++identifier) {
            const Row* row = row_of(identifier);
            Bytes section = company(carrier, identifier);
            section.u8(identifier).raw(row != nullptr ? row->value : "\x00\x00\x00\x00"sv);
            const auto expected = is_of_the_other_side(carrier, identifier)
                                      ? ReasonCode::ProtocolError
                                  : is_allowed(row, carrier) ? ReasonCode::Success
                                                             : ReasonCode::MalformedPacket;
            EXPECT_EQ(status_with(carrier, section.view()).reason, expected)
                << "property " << identifier << ", packet " << static_cast<int>(carrier);
        }
    }
}

TEST(Properties, ThatAreThereTwiceAreAProtocolError) {
    for (const Row& row : kPropertyRows) {
        for (const Carrier carrier : row.carriers) {
            Bytes section = company(carrier, row.identifier);
            section.u8(row.identifier).raw(row.value).u8(row.identifier).raw(row.value);
            const bool repeatable =  // [v5 3.3.2.3.7] [v5 3.3.2.3.8]
                row.identifier == 0x26 || (row.identifier == 0x0B && carrier == C::ServerPublish);
            EXPECT_EQ(status_with(carrier, section.view()).reason,
                      repeatable ? ReasonCode::Success : ReasonCode::ProtocolError)
                << "property " << row.identifier << ", packet " << static_cast<int>(carrier);
        }
    }
}

TEST(Properties, ThatAreCutOffAreMalformed) {
    for (const Row& row : kPropertyRows) {
        for (const Carrier carrier : row.carriers) {
            for (std::size_t size = 0; size < row.value.size(); ++size) {
                Bytes section = company(carrier, row.identifier);
                section.u8(row.identifier).raw(row.value.substr(0, size));
                EXPECT_EQ(status_with(carrier, section.view()).reason, ReasonCode::MalformedPacket)
                    << "property " << row.identifier << ", packet " << static_cast<int>(carrier);
            }
        }
    }
}

// [v5 MQTT-1.5.4-1, -2, MQTT-1.5.7-1]; binary data may be anything.
TEST(Properties, WithTextThatIsNotUtf8AreMalformed) {
    for (const auto bad : {"\0"sv, "\xFF"sv, "\xED\xA0\x80"sv}) {
        for (const unsigned identifier : {0x03U, 0x08U, 0x12U, 0x15U, 0x1AU, 0x1CU, 0x1FU}) {
            const Bytes section = Bytes().u8(identifier).text(bad);
            const Carrier carrier = row_of(identifier)->carriers.front();
            EXPECT_EQ(status_with(carrier, section.view()).reason, ReasonCode::MalformedPacket)
                << identifier;
        }
        for (const Carrier carrier : kEverywhere) {
            for (const bool in_name : {true, false}) {
                Bytes section = company(carrier, 0x26);
                section.u8(0x26).text(in_name ? bad : "k").text(in_name ? "v" : bad);
                EXPECT_EQ(status_with(carrier, section.view()).reason, ReasonCode::MalformedPacket);
            }
        }
    }
}

struct ValueCase {
    const char* rule;
    Carrier carrier;
    std::string_view section;
    ReasonCode reason;
};

TEST(Properties, HaveOnlyTheValuesOfTheSpecification) {
    const auto error = ReasonCode::ProtocolError;
    const ValueCase table[] = {
        {"[v5 3.1.2.11.3]", C::Connect, "\x21\x00\x00"sv, error},
        {"[v5 3.1.2.11.4]", C::Connect, "\x27\x00\x00\x00\x00"sv, error},
        {"[v5 3.1.2.11.6]", C::Connect, "\x19\x02"sv, error},
        {"[v5 3.1.2.11.7]", C::Connect, "\x17\x02"sv, error},
        {"[v5 3.1.2.11.10]", C::Connect, "\x16\x00\x00"sv, error},
        {"[v5 3.1.3.2.3]", C::Will, "\x01\x02"sv, error},
        {"[v5 4.7.3] response topic of a will", C::Will, "\x08\x00\x00"sv, error},
        {"[v5 3.2.2.3.3]", C::Connack, "\x21\x00\x00"sv, error},
        {"[v5 3.2.2.3.4]", C::Connack, "\x24\x02"sv, error},
        {"[v5 3.2.2.3.5]", C::Connack, "\x25\x02"sv, error},
        {"[v5 3.2.2.3.6]", C::Connack, "\x27\x00\x00\x00\x00"sv, error},
        {"[v5 3.2.2.3.11]", C::Connack, "\x28\xFF"sv, error},
        {"[v5 3.2.2.3.12]", C::Connack, "\x29\x02"sv, error},
        {"[v5 3.2.2.3.13]", C::Connack, "\x2A\x02"sv, error},
        {"[v5 3.3.2.3.2]", C::Publish, "\x01\x02"sv, error},
        {"[v5 MQTT-3.3.2-8]", C::Publish, "\x23\x00\x00"sv, ReasonCode::TopicAliasInvalid},
        {"[v5 MQTT-3.3.2-14]", C::Publish,
         "\x08\x00\x03"
         "a/#"sv,
         error},
        {"[v5 MQTT-3.3.2-14]", C::Publish, "\x08\x00\x01+"sv, error},
        {"[v5 3.3.2.3.8]", C::ServerPublish, "\x0B\x00"sv, error},
        {"[v5 3.8.2.1.2]", C::Subscribe, "\x0B\x00"sv, error},
        {"four bytes", C::Subscribe, "\x0B\xFF\xFF\xFF\x7F"sv, ReasonCode::Success},
        {"[v5 1.5.5] five bytes", C::Subscribe, "\x0B\x80\x80\x80\x80\x01"sv,
         ReasonCode::MalformedPacket},
        {"[v5 MQTT-1.5.5-1]", C::Subscribe, "\x0B\x81\x00"sv, ReasonCode::MalformedPacket},
        {"[v5 MQTT-1.5.5-1] identifier", C::Subscribe, "\x8B\x00\x01"sv,
         ReasonCode::MalformedPacket},
    };
    for (const auto& row : table) {
        EXPECT_EQ(status_with(row.carrier, row.section).reason, row.reason) << row.rule;
    }
}

// [v5 MQTT-3.3.2-4, -15, -16, -17, -18, -20]
TEST(ForwardedProperties, AreUnalteredInTheirOrderAndWithoutTheOthers) {
    const Bytes first = Bytes().u8(0x26).text("b").text("1").u8(0x01).u8(1);
    const Bytes dropped = Bytes().u8(0x02).u32(5).u8(0x23).u16(1).u8(0x0B).u8(1);
    const Bytes second =
        Bytes().u8(0x26).text("a").text("2").u8(0x09).text("\xFF").u8(0x08).text("r");
    const Bytes third = Bytes().u8(0x03).text("json").u8(0x26).text("b").text("3");
    const Bytes raw = Bytes()
                          .raw(first.view())
                          .raw(dropped.view())
                          .raw(second.view())
                          .u8(0x18)
                          .u32(1)
                          .raw(third.view());
    std::string forwarded = "before";
    append_forwarded_properties(raw.view(), forwarded);
    const Bytes expected =
        Bytes().raw("before").raw(first.view()).raw(second.view()).raw(third.view());
    EXPECT_EQ(forwarded, expected.view());

    const auto read = decode_forwarded_properties(std::string_view(forwarded).substr(6));
    EXPECT_EQ(read.payload_format_indicator, 1);
    EXPECT_EQ(read.content_type, "json");
    EXPECT_EQ(read.response_topic, "r");
    EXPECT_EQ(read.correlation_data, "\xFF");
    EXPECT_EQ(read.user_properties, (UserProperties{{"b", "1"}, {"a", "2"}, {"b", "3"}}));
    EXPECT_FALSE(read.has(Property::MessageExpiryInterval));
    EXPECT_FALSE(read.has(Property::TopicAlias));
}

TEST(ForwardedProperties, AreKnownFromOthers) {
    const Bytes good =
        Bytes().u8(0x01).u8(1).u8(0x26).text("a").text("1").u8(0x26).text("a").text("2");
    EXPECT_TRUE(are_valid_forwarded_properties(""));
    EXPECT_TRUE(are_valid_forwarded_properties(good.view()));
    EXPECT_FALSE(are_valid_forwarded_properties(good.view().substr(0, good.view().size() - 1)));
    EXPECT_FALSE(are_valid_forwarded_properties(Bytes().u8(0x01).u8(2).view()));
    EXPECT_FALSE(are_valid_forwarded_properties(Bytes().u8(0x01).u8(1).u8(0x01).u8(1).view()));
    EXPECT_FALSE(are_valid_forwarded_properties(Bytes().u8(0x02).u32(5).view()))
        << "a message's expiry is not kept in its properties";
}

TEST(AppendProperties, WritesOnlyWhatIsSet) {
    Properties properties = testing::sample_properties({});
    std::string out;
    append_properties(properties, out);
    EXPECT_EQ(out, "");
    properties.set(Property::TopicAlias);
    append_properties(properties, out);
    EXPECT_EQ(out, "\x23\x00\x03"sv);
    properties.clear(Property::TopicAlias);
    EXPECT_TRUE(properties.empty());
}

TEST(AppendProperties, WritesEveryPropertyAsItIsRead) {
    for (const Row& row : kPropertyRows) {
        const auto property = static_cast<Property>(row.identifier);
        const auto properties = testing::sample_properties({property});
        std::string section;
        append_properties(properties, section);
        const Carrier carrier = row.carriers.front();
        const Bytes whole = company(carrier, row.identifier).raw(section);
        const auto status = status_with(carrier, whole.view());
        EXPECT_TRUE(status.ok()) << row.identifier << ": " << status.what;
    }
}

}  // namespace
}  // namespace vmq::mqtt
