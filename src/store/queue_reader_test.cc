#include "store/queue_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/engine_fixture.h"

namespace vmq::store {
namespace {

using test::message;
using test::put;
using test::put_session;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class QueueReaderTest : public test::EngineTest {
protected:
    void SetUp() override {
        open();
        WriteBatch batch;
        batch.add(put_session(1, "a"));
        batch.add(put_session(2, "b"));
        for (std::uint64_t i = 1; i <= 200; ++i) {
            const std::uint64_t store_id = i % 3 == 0 ? 1000 + i : 0;
            batch.add(put(1, i, message(std::to_string(i), store_id)));
            if (store_id != 0) batch.add(put(2, i, message(std::to_string(i), store_id)));
        }
        write(batch);
    }

    std::vector<std::uint64_t> sequences(LoadRequest request) {
        auto loaded = engine_->load(request);
        EXPECT_TRUE(loaded);
        std::vector<std::uint64_t> result;
        for (const StoredMessage& each : loaded.value()) {
            EXPECT_EQ(each.message->payload(), std::to_string(each.sequence));
            result.push_back(each.sequence);
        }
        return result;
    }
};

constexpr std::size_t kPlenty = std::size_t{1} << 30U;

TEST_F(QueueReaderTest, APartOfAQueueInItsOrder) {
    EXPECT_THAT(sequences({SessionId{1}, 4, 7, 100, kPlenty}), ElementsAre(4, 5, 6, 7));
    EXPECT_THAT(sequences({SessionId{1}, 199, 900, 100, kPlenty}), ElementsAre(199, 200));
    EXPECT_THAT(sequences({SessionId{1}, 0, ~0ULL, 1000, kPlenty}), SizeIs(200));
    EXPECT_THAT(sequences({SessionId{2}, 0, 9, 100, kPlenty}), ElementsAre(3, 6, 9));
}

TEST_F(QueueReaderTest, TheNewestFirstIfAsked) {
    EXPECT_THAT(sequences({SessionId{1}, 4, 7, 100, kPlenty, true}), ElementsAre(7, 6, 5, 4));
    EXPECT_THAT(sequences({SessionId{1}, 0, ~0ULL, 3, kPlenty, true}), ElementsAre(200, 199, 198));
}

TEST_F(QueueReaderTest, NoMoreThanAskedFor) {
    EXPECT_THAT(sequences({SessionId{1}, 1, 200, 2, kPlenty}), ElementsAre(1, 2));
    EXPECT_THAT(sequences({SessionId{1}, 1, 200, 0, kPlenty}), IsEmpty());
    EXPECT_THAT(sequences({SessionId{1}, 9, 8, 10, kPlenty}), IsEmpty());
    EXPECT_THAT(sequences({SessionId{3}, 1, 200, 10, kPlenty}), IsEmpty());
}

TEST_F(QueueReaderTest, BytesAreLimitedButTheFirstMessageAlwaysComes) {
    const std::size_t one = message("1")->footprint();
    EXPECT_THAT(sequences({SessionId{1}, 1, 200, 100, 3 * one}), ElementsAre(1, 2, 3));
    EXPECT_THAT(sequences({SessionId{1}, 1, 200, 100, 3 * one - 1}), ElementsAre(1, 2));
    EXPECT_THAT(sequences({SessionId{1}, 1, 200, 100, 1}), ElementsAre(1));
    EXPECT_THAT(sequences({SessionId{2}, 3, 200, 100, 1}), ElementsAre(3));
    const std::size_t many = 150 * (one + 2);
    EXPECT_THAT(sequences({SessionId{1}, 1, 200, 1000, many}), SizeIs(testing::Ge(148)));
}

TEST_F(QueueReaderTest, FieldsOfTheRecordComeBack) {
    PutMessage full = put(1, 500, message("500"));
    full.shared_filter = std::make_unique<const std::string>("$share/g/t");
    full.subscription_id = 12;
    full.qos = mqtt::QoS::ExactlyOnce;
    full.retain = true;
    write_all(std::move(full));
    const auto loaded = load(1, 500);
    ASSERT_THAT(loaded, SizeIs(1));
    EXPECT_EQ(loaded[0].shared_filter, "$share/g/t");
    EXPECT_EQ(loaded[0].subscription_id, 12U);
    EXPECT_EQ(loaded[0].qos, mqtt::QoS::ExactlyOnce);
    EXPECT_TRUE(loaded[0].retain);
}

TEST_F(QueueReaderTest, QueuesThatHoldTheSameMessageGetTheSameObject) {
    EXPECT_EQ(load(1, 3, 3)[0].message, load(2, 3, 3)[0].message);
}

TEST(MessageCache, StaysBoundedAndForgetsTheOldest) {
    const std::size_t one = message("x", 1)->footprint();
    MessageCache cache(10 * one);
    for (std::uint64_t id = 1; id <= 100; ++id) cache.insert(message("x", id));
    EXPECT_TRUE(cache.find(100));
    EXPECT_TRUE(cache.find(96));
    EXPECT_FALSE(cache.find(80));
    EXPECT_EQ(cache.find(100)->store_id(), 100U);
}

}  // namespace
}  // namespace vmq::store
