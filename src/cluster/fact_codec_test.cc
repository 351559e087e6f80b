#include "cluster/fact_codec.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "cluster/fact_map.h"
#include "cluster/test_values.h"
#include "mqtt/message.h"

namespace vmq::cluster {
namespace {

using Item = FactsReader::Item;
using test::body_of;
using test::incarnation;
using test::kNow;
using test::kWall;

mqtt::MessagePtr sample_message(TimePoint expires_at = kNever) {
    return mqtt::Message::make({.mountpoint = "mp",
                                .topic = "a/b",
                                .payload = std::string_view("pay\0load", 8),
                                .properties = std::string_view("\x03\x00\x01t", 4),
                                .qos = mqtt::QoS::AtLeastOnce,
                                .retain = true,
                                .publisher = 0x1234567890abcdefULL,
                                .expires_at = expires_at});
}

/// A map of node own@h with facts of two writers.
class FactCodecTest : public ::testing::Test {
protected:
    FactCodecTest() : map_({"own@h", incarnation(1)}) {
        other_ = *map_.writers().intern("other@h", incarnation(2));
        EXPECT_TRUE(map_.put(FactKind::Setting, "name", "value", kNow));
        EXPECT_TRUE(map_.put_retained(sample_message(TimePoint{Millis{6500}}), kNow));
        EXPECT_TRUE(map_.put(FactKind::SessionOwner, "gone", "x", kNow));
        EXPECT_TRUE(map_.erase(FactKind::SessionOwner, "gone", kNow));
        (void)map_.merge({FactKind{15},
                          "later",
                          {HybridTime::at(kWall - 5), other_},
                          false,
                          std::string_view("\0\xff", 2),
                          nullptr},
                         {}, kNow);
    }

    /// All facts, one that the receiver has, and claims.
    std::string frame() {
        std::string out;
        FactsWriter writer(map_.writers(), 77, 3, true, kNow, out);
        Positions from;
        for (const Fact* fact : map_.missing_for(from, 1'000'000)) writer.fact(*fact);
        writer.known({HybridTime::at(kWall - 9), other_});
        Positions dropped;
        dropped.set(other_, HybridTime::at(kWall - 7));
        Positions complete = map_.complete();
        complete.set(other_, HybridTime::at(kWall - 6));
        writer.claims(complete, dropped, {}, true);
        writer.finish();
        return out;
    }

    FactMap map_;
    WriterNumber other_{};
};

TEST_F(FactCodecTest, FactsAndClaimsComeBackAsTheyWere) {
    const std::string bytes = frame();
    FactsReader reader(body_of(bytes), {TimePoint{Millis{100}}, 0}, {});
    ASSERT_TRUE(reader.ok());
    EXPECT_EQ(reader.header().stream, 77U);
    EXPECT_EQ(reader.header().number, 3U);
    EXPECT_TRUE(reader.header().catch_up);
    EXPECT_TRUE(reader.header().complete);

    ASSERT_EQ(reader.next(), Item::Fact);
    EXPECT_EQ(reader.writers()[reader.writer()].name, "own@h");
    EXPECT_EQ(reader.writers()[reader.writer()].incarnation, incarnation(1));
    EXPECT_EQ(reader.fact().kind, FactKind::Setting);
    EXPECT_EQ(reader.fact().key, "name");
    EXPECT_EQ(reader.fact().value, "value");
    EXPECT_EQ(reader.fact().stamp.time, HybridTime::at(kWall));

    ASSERT_EQ(reader.next(), Item::Fact);
    ASSERT_TRUE(reader.fact().message);
    const mqtt::Message& message = *reader.fact().message;
    const mqtt::MessagePtr expected = sample_message();
    EXPECT_EQ(message.mountpoint(), expected->mountpoint());
    EXPECT_EQ(message.topic(), expected->topic());
    EXPECT_EQ(message.payload(), expected->payload());
    EXPECT_EQ(message.properties(), expected->properties());
    EXPECT_EQ(message.publisher(), expected->publisher());
    EXPECT_EQ(message.qos(), mqtt::QoS::AtLeastOnce);
    EXPECT_TRUE(message.retain());
    EXPECT_EQ(message.expires_at(), TimePoint{Millis{1600}}) << "what is left, not a wall clock";

    ASSERT_EQ(reader.next(), Item::Fact);
    EXPECT_EQ(reader.fact().key, "gone");
    EXPECT_TRUE(reader.fact().deleted);
    EXPECT_EQ(reader.fact().stamp.time.value, HybridTime::at(kWall).value + 3);

    ASSERT_EQ(reader.next(), Item::Fact);
    EXPECT_EQ(reader.writers()[reader.writer()].name, "other@h");
    EXPECT_EQ(reader.fact().kind, FactKind{15});
    EXPECT_EQ(reader.fact().value, std::string_view("\0\xff", 2));

    ASSERT_EQ(reader.next(), Item::Known);
    EXPECT_EQ(reader.time(), HybridTime::at(kWall - 9)) << "an earlier time of the same writer";

    ASSERT_EQ(reader.next(), Item::Claim);
    EXPECT_EQ(reader.complete(), map_.complete()[map_.self()]);
    EXPECT_EQ(reader.dropped(), HybridTime{});
    ASSERT_EQ(reader.next(), Item::Claim);
    EXPECT_EQ(reader.writers()[reader.writer()].name, "other@h");
    EXPECT_EQ(reader.complete(), HybridTime::at(kWall - 6));
    EXPECT_EQ(reader.dropped(), HybridTime::at(kWall - 7));
    EXPECT_EQ(reader.next(), Item::End);
}

TEST_F(FactCodecTest, AFrameThatIsCutOffAnywhereIsMalformed) {
    const std::string bytes = frame();
    const std::string_view body = body_of(bytes);
    for (std::size_t size = 0; size < body.size(); ++size) {
        FactsReader reader(body.substr(0, size), kNow, {});
        Item item = Item::Malformed;
        if (reader.ok()) {
            do item = reader.next();
            while (item != Item::Malformed && item != Item::End);
        }
        ASSERT_EQ(item, Item::Malformed) << size;
        EXPECT_EQ(reader.next(), Item::Malformed) << "and stays so";
    }
}

std::string facts_body(std::string_view items, std::uint8_t flags = 0) {
    std::string body;
    ByteWriter to(body);
    to.u64(1);
    to.varint(1);
    to.u8(flags);
    to.bytes(items);
    return body;
}

Item last_item(std::string_view body, FactsReader::Limits limits = {}) {
    FactsReader reader(body, kNow, limits);
    if (!reader.ok()) return Item::Malformed;
    for (;;) {
        const Item item = reader.next();
        if (item == Item::Malformed || item == Item::End) return item;
    }
}

/// The item that names a writer, behind a time.
std::string writer_item(std::uint64_t time = 10) {
    std::string item;
    ByteWriter to(item);
    to.u8(0);
    to.varint(0);
    to.string("a@h");
    to.bytes(std::string(16, 'i'));
    to.varint(time);
    return item;
}

std::string fact_item(std::uint8_t form, std::string_view key, std::string_view rest,
                      std::uint64_t later = 1) {
    std::string item;
    ByteWriter to(item);
    to.u8(form);
    to.varint(later);
    to.string(key);
    to.bytes(rest);
    return item;
}

TEST(FactCodec, TakesWhatIsRight) {
    EXPECT_EQ(last_item(facts_body("")), Item::End);
    EXPECT_EQ(last_item(facts_body(writer_item() + fact_item(3, "k", "\x01v"))), Item::End);
    EXPECT_EQ(last_item(facts_body(writer_item() + fact_item(0x13, "k", ""))), Item::End);
    EXPECT_EQ(last_item(facts_body(std::string("\x41\0", 2), 2)), Item::End);
}

TEST(FactCodec, RefusesWhatIsWrong) {
    const std::string writer = writer_item();
    const auto wrong = [](const std::string& items, std::uint8_t flags = 0) {
        return last_item(facts_body(items, flags)) == Item::Malformed;
    };
    EXPECT_TRUE(wrong("", 4)) << "an unknown flag";
    EXPECT_TRUE(wrong("", 2)) << "complete without claims";
    EXPECT_TRUE(wrong(std::string("\x41\0", 2))) << "claims that are not announced";
    EXPECT_TRUE(wrong(std::string("\x41\0x", 3), 2)) << "something behind the claims";
    EXPECT_TRUE(wrong(fact_item(3, "k", "\x01v"))) << "a fact of nobody";
    EXPECT_TRUE(wrong(writer + fact_item(0x10, "k", ""))) << "without a kind";
    EXPECT_TRUE(wrong(writer + fact_item(0x23, "k", "\x01v"))) << "an unknown form";
    EXPECT_TRUE(wrong(writer + fact_item(3, "k", "\x01v", 0))) << "the same time again";
    EXPECT_TRUE(wrong(writer_item(kLatestTime.value) + fact_item(3, "k", "\x01v")))
        << "later than there can be";
    EXPECT_TRUE(wrong(writer_item(kLatestTime.value + 1) + fact_item(3, "k", "\x01v")));
    std::string second = writer_item();
    second[1] = 2;  // the second of one
    EXPECT_TRUE(wrong(writer + second + fact_item(3, "k", "\x01v")));
    std::string nameless = writer_item();
    nameless.replace(nameless.find("a@h"), 3, "a h");
    EXPECT_TRUE(wrong(nameless + fact_item(3, "k", "\x01v")));
}

TEST(FactCodec, RefusesAHorizonBeyondWhatIsPromised) {
    std::string items = "\x41\x01";
    ByteWriter to(items);
    to.varint(0);
    to.string("a@h");
    to.bytes(std::string(16, 'i'));
    to.varint(5);
    to.varint(5);
    EXPECT_EQ(last_item(facts_body(items, 2)), Item::End);
    items.back() = 6;
    EXPECT_EQ(last_item(facts_body(items, 2)), Item::Malformed);
}

TEST(FactCodec, KeysAndValuesHaveALimit) {
    const std::string writer = writer_item();
    const FactsReader::Limits limits{4, 3};
    const auto item = [&](std::string_view key, std::string_view value) {
        std::string rest;
        ByteWriter(rest).string(value);
        return last_item(facts_body(writer + fact_item(3, key, rest)), limits);
    };
    EXPECT_EQ(item("1234", "123"), Item::End);
    EXPECT_EQ(item("12345", "123"), Item::Malformed);
    EXPECT_EQ(item("1234", "1234"), Item::Malformed);
}

/// Retained message: flags, publisher, payload.
std::string message_bytes(std::uint8_t flags, std::string_view between = {}) {
    std::string bytes;
    ByteWriter to(bytes);
    to.u8(flags);
    to.bytes(between);
    to.u64(1);
    to.string("payload");
    return bytes;
}

TEST(FactCodec, RefusesMessagesThatNobodyCouldPublish) {
    const auto last = [](std::string_view key, const std::string& message) {
        return last_item(facts_body(writer_item() + fact_item(2, key, message)));
    };
    const std::string key = retained_key("", "a/b");
    EXPECT_EQ(last(key, message_bytes(0)), Item::End);
    EXPECT_EQ(last(key, message_bytes(3)), Item::Malformed) << "QoS 3";
    EXPECT_EQ(last(key, message_bytes(0x20)), Item::Malformed) << "an unknown flag";
    EXPECT_EQ(last(key, message_bytes(8, std::string(1, '\0'))), Item::Malformed)
        << "flagged properties that are empty";
    EXPECT_EQ(last(key, message_bytes(8, "\x01\x7f")), Item::Malformed) << "no such property";
    EXPECT_EQ(last(key, message_bytes(0x10, std::string(1, '\0'))), Item::Malformed)
        << "an expiry that is over";
    EXPECT_EQ(last("a/b", message_bytes(0)), Item::Malformed) << "a key without a mountpoint";
    EXPECT_EQ(last(retained_key("", "a/#"), message_bytes(0)), Item::Malformed);
    EXPECT_EQ(last(retained_key("", ""), message_bytes(0)), Item::Malformed);
    EXPECT_EQ(last(retained_key("", std::string(65'535, 'a')), message_bytes(0)), Item::End);
    EXPECT_EQ(last(retained_key("", std::string(65'536, 'a')), message_bytes(0)), Item::Malformed);
    EXPECT_EQ(last(retained_key(std::string(65'536, 'm'), "a"), message_bytes(0)), Item::Malformed);
}

TEST_F(FactCodecTest, AVectorComesBackAsItWas) {
    Positions complete;
    complete.set(map_.self(), {50});
    complete.set(other_, {60});
    Positions dropped;
    dropped.set(other_, {55});
    Positions but;
    but.set(map_.self(), {50});
    FactVector header;
    header.full = true;
    header.request = true;
    header.stream = 7;
    header.number = 8;
    header.stopped = 9;
    std::string bytes;
    append_fact_vector(header, map_.writers(), complete, dropped, but, bytes);
    FactVector vector;
    ASSERT_TRUE(decode_fact_vector(body_of(bytes), vector));
    EXPECT_TRUE(vector.full);
    EXPECT_TRUE(vector.request);
    EXPECT_EQ(vector.stream, 7U);
    EXPECT_EQ(vector.number, 8U);
    EXPECT_EQ(vector.stopped, 9U);
    ASSERT_EQ(vector.entries.size(), 1U) << "what is known is left out";
    EXPECT_EQ(vector.entries[0].name, "other@h");
    EXPECT_EQ(vector.entries[0].incarnation, incarnation(2));
    EXPECT_EQ(vector.entries[0].complete, HybridTime{60});
    EXPECT_EQ(vector.entries[0].dropped, HybridTime{55});

    const std::string_view body = body_of(bytes);
    for (std::size_t size = 0; size < body.size(); ++size) {
        ASSERT_FALSE(decode_fact_vector(body.substr(0, size), vector)) << size;
    }
    EXPECT_FALSE(decode_fact_vector(std::string(body) + "x", vector));

    std::string plain;
    append_fact_vector({}, map_.writers(), complete, dropped, {}, plain);
    ASSERT_TRUE(decode_fact_vector(body_of(plain), vector));
    EXPECT_FALSE(vector.full);
    EXPECT_FALSE(vector.request);
    EXPECT_EQ(vector.stopped, 0U) << "nothing is left from before";
    EXPECT_EQ(vector.entries.size(), 2U);
}

TEST(FactCodec, AnAcknowledgementComesBackAsItWas) {
    std::string bytes;
    append_fact_ack({5, 6}, bytes);
    FactAck ack;
    ASSERT_TRUE(decode_fact_ack(body_of(bytes), ack));
    EXPECT_EQ(ack.stream, 5U);
    EXPECT_EQ(ack.number, 6U);
    EXPECT_FALSE(decode_fact_ack(body_of(bytes).substr(1), ack));
    EXPECT_FALSE(decode_fact_ack(bytes, ack));
}

TEST_F(FactCodecTest, RecordsComeBackAsTheyWere) {
    std::size_t checked = 0;
    map_.for_each_even_deleted([&](const Fact& fact) {
        std::string bytes;
        append_fact_record(fact, map_.writers(), bytes);
        FactRecord record;
        ASSERT_TRUE(decode_fact_record(bytes, record));
        EXPECT_EQ(record.writer.name, map_.writers()[fact.writer()].name);
        EXPECT_EQ(record.writer.incarnation, map_.writers()[fact.writer()].incarnation);
        EXPECT_EQ(record.fact.stamp.time, fact.time());
        EXPECT_EQ(record.fact.kind, fact.kind());
        EXPECT_EQ(record.fact.key, fact.key());
        EXPECT_EQ(record.fact.deleted, fact.deleted());
        EXPECT_EQ(record.fact.value, fact.value());
        EXPECT_EQ(record.digest, fact.message() ? message_digest(*fact.message()) : 0);
        ++checked;
        const bool has_value = fact.kind() != FactKind::Retained && !fact.deleted();
        const std::size_t least = has_value ? bytes.size() - fact.value().size() : bytes.size();
        for (std::size_t size = 0; size < least; ++size) {
            ASSERT_FALSE(decode_fact_record(bytes.substr(0, size), record)) << size;
        }
    });
    EXPECT_EQ(checked, 4U);
}

TEST(FactCodec, ADigestTellsMessagesOfOneTopicApart) {
    const auto digest = [](std::string_view payload, std::string_view properties, mqtt::QoS qos,
                           std::uint64_t publisher) {
        return message_digest(*mqtt::Message::make({.topic = "t",
                                                    .payload = payload,
                                                    .properties = properties,
                                                    .qos = qos,
                                                    .publisher = publisher}));
    };
    const auto base = digest("x", "", mqtt::QoS::AtMostOnce, 1);
    EXPECT_EQ(base, digest("x", "", mqtt::QoS::AtMostOnce, 1));
    EXPECT_NE(base, digest("y", "", mqtt::QoS::AtMostOnce, 1));
    EXPECT_NE(base, digest("x", "p", mqtt::QoS::AtMostOnce, 1));
    EXPECT_NE(base, digest("x", "", mqtt::QoS::AtLeastOnce, 1));
    EXPECT_NE(base, digest("x", "", mqtt::QoS::AtMostOnce, 2));
}

TEST_F(FactCodecTest, PositionsComeBackAsTheyWere) {
    Positions complete;
    complete.set(map_.self(), {50});
    Positions dropped;
    dropped.set(map_.self(), {40});
    std::string bytes;
    append_positions_record(map_.writers(), complete, dropped, {60}, bytes);
    PositionsRecord record;
    ASSERT_TRUE(decode_positions_record(bytes, record));
    ASSERT_EQ(record.entries.size(), 1U);
    EXPECT_EQ(record.entries[0].complete, HybridTime{50});
    EXPECT_EQ(record.entries[0].dropped, HybridTime{40});
    EXPECT_EQ(record.last_own, HybridTime{60});
    EXPECT_FALSE(decode_positions_record(bytes + "x", record));
    bytes.resize(bytes.size() - 1);
    EXPECT_FALSE(decode_positions_record(bytes, record));
    bytes.resize(bytes.size() - 7);
    EXPECT_TRUE(decode_positions_record(bytes, record)) << "of an earlier version";
    EXPECT_EQ(record.last_own, HybridTime{});
    EXPECT_FALSE(decode_positions_record("", record));
}

}  // namespace
}  // namespace vmq::cluster
