#include "store/record_codec.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <random>

#include "store/random_records.h"

namespace vmq::store {
namespace {

using test::RandomRecords;
using test::same;

constexpr ClockAnchors kClocks{TimePoint{Millis{5'000'000}}, 1'700'000'000'000};

/// `check` with many seeds; a failure names its seed.
void for_many_seeds(const std::function<void(RandomRecords&)>& check) {
    const std::uint64_t first = std::random_device{}();
    for (std::uint64_t seed = first; seed < first + 500; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        RandomRecords random(seed);
        check(random);
        if (testing::Test::HasFailure()) return;
    }
}

TEST(RecordCodec, MessagesComeBackAsTheyWere) {
    for_many_seeds([](RandomRecords& random) {
        const auto message = random.message(random.flip() ? random.number() : 0);
        std::string bytes;
        encode_message(*message, kClocks, bytes);
        mqtt::MessagePtr back;
        ASSERT_TRUE(decode_message(bytes, kClocks, back));
        EXPECT_TRUE(same(*message, *back));
    });
}

TEST(RecordCodec, DeadlinesMoveWithTheClocksOfTheNextProcess) {
    const auto message = mqtt::Message::make(
        {.topic = "a", .expires_at = kClocks.steady + Millis{60'000}, .store_id = 7});
    std::string bytes;
    encode_message(*message, kClocks, bytes);
    const ClockAnchors later{TimePoint{Millis{10}}, kClocks.wall + 20'000};
    mqtt::MessagePtr back;
    ASSERT_TRUE(decode_message(bytes, later, back));
    EXPECT_EQ(back->expires_at(), TimePoint{Millis{40'010}});
}

TEST(RecordCodec, DeadlinesBeyondTheClockSaturate) {
    constexpr ClockAnchors kLate{TimePoint{Millis{std::numeric_limits<std::int64_t>::max() - 5}},
                                 1000};
    EXPECT_EQ(kLate.to_steady(2000), kNever);
    constexpr ClockAnchors kEarly{TimePoint{Millis{0}}, std::numeric_limits<WallMillis>::max() - 5};
    EXPECT_EQ(kEarly.to_wall(TimePoint{Millis{100}}), std::numeric_limits<WallMillis>::max());
}

TEST(RecordCodec, SessionsComeBackAsTheyWere) {
    for_many_seeds([](RandomRecords& random) {
        const SessionRecord record = random.session();
        std::string bytes;
        encode_session(record, bytes);
        SessionRecord back;
        ASSERT_TRUE(decode_session(bytes, back));
        EXPECT_TRUE(same(record, back));
    });
}

TEST(RecordCodec, SubscriptionsComeBackAsTheyWere) {
    for_many_seeds([](RandomRecords& random) {
        const auto options = random.options();
        const auto id = static_cast<std::uint32_t>(random.number());
        std::string bytes;
        encode_subscription(options, id, bytes);
        mqtt::SubscriptionOptions options_back;
        std::uint32_t id_back = 0;
        ASSERT_TRUE(decode_subscription(bytes, options_back, id_back));
        EXPECT_EQ(options_back, options);
        EXPECT_EQ(id_back, id);
    });
}

TEST(RecordCodec, QueueRecordsHoldTheMessageOrNameIt) {
    for_many_seeds([](RandomRecords& random) {
        const std::uint64_t store_id = random.flip() ? 1 + random.below(1000) : 0;
        const PutMessage put = random.put(SessionId{1}, 1, random.message(store_id));
        std::string bytes;
        encode_queue_record(put, kClocks, bytes);
        QueueRecord back;
        ASSERT_TRUE(decode_queue_record(bytes, back));
        EXPECT_EQ(back.qos, put.qos);
        EXPECT_EQ(back.retain, put.retain);
        EXPECT_EQ(back.subscription_id, put.subscription_id);
        EXPECT_EQ(back.shared_filter, put.shared_filter ? *put.shared_filter : "");
        EXPECT_EQ(back.store_id, store_id);
        if (store_id != 0) return;
        mqtt::MessagePtr message;
        ASSERT_TRUE(decode_message(back.body, kClocks, message));
        EXPECT_TRUE(same(*put.message, *message));
    });
}

TEST(RecordCodec, MarksAndNumbersComeBack) {
    std::string mark;
    encode_mark(mark);
    EXPECT_TRUE(decode_mark(mark));
    EXPECT_FALSE(decode_mark(""));
    EXPECT_FALSE(decode_mark(mark + "x"));
    for (const std::uint64_t number : {0ULL, 127ULL, 128ULL, ~0ULL}) {
        std::string bytes;
        encode_number(number, bytes);
        std::uint64_t back = 1;
        ASSERT_TRUE(decode_number(bytes, back));
        EXPECT_EQ(back, number);
    }
}

TEST(RecordCodec, RecordsOfALaterVersionAreRefused) {
    std::string bytes;
    encode_session({}, bytes);
    bytes[0] = 3;
    SessionRecord session;
    EXPECT_FALSE(decode_session(bytes, session));
}

TEST(RecordCodec, SessionsOfTheFirstVersionHaveNoUserName) {
    SessionRecord record;
    record.key = {"m", "c"};
    record.expiry_interval_s = 60;
    std::string bytes;
    encode_session(record, bytes);
    bytes[0] = 1;
    SessionRecord back;
    back.username = "nobody";
    ASSERT_TRUE(decode_session(bytes, back));
    EXPECT_EQ(back.key.client_id, "c");
    EXPECT_EQ(back.username, std::nullopt);
    record.username = "alice";
    bytes.clear();
    encode_session(record, bytes);
    bytes[0] = 1;
    EXPECT_FALSE(decode_session(bytes, back));
}

TEST(RecordCodec, ShortenedRecordsAreRefused) {
    for_many_seeds([](RandomRecords& random) {
        std::string bytes;
        encode_session(random.session(), bytes);
        bytes.resize(random.below(static_cast<std::uint32_t>(bytes.size())));
        SessionRecord session;
        EXPECT_FALSE(decode_session(bytes, session));
    });
}

}  // namespace
}  // namespace vmq::store
