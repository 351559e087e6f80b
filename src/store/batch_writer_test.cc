#include "store/batch_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/engine_fixture.h"
#include "store/random_records.h"

namespace vmq::store {
namespace {

using test::batch_of;
using test::message;
using test::put;
using test::put_session;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class BatchWriterTest : public test::EngineTest {
protected:
    void SetUp() override { open(); }
};

DeleteMessage gone(std::uint64_t session, std::uint64_t sequence,
                   std::uint64_t store_id = kUnknownStoreId) {
    return {SessionId{session}, sequence, store_id};
}

TEST(RecentStamps, TheLastTopicsAreRemembered) {
    RecentStamps stamps(4);
    for (std::uint64_t topic = 1; topic <= 10; ++topic) stamps.set(topic, topic * 100);
    for (std::uint64_t topic = 7; topic <= 10; ++topic) {
        EXPECT_EQ(stamps.find(topic), topic * 100);
    }
    EXPECT_EQ(stamps.find(1), 0U);
    stamps.set(8, 900);
    EXPECT_EQ(stamps.find(8), 900U);
}

TEST_F(BatchWriterTest, EverythingOfASessionComesBack) {
    test::RandomRecords random(7);
    const SessionRecord record = random.session();
    write_all(PutSession{SessionId{5}, record},
              PutSubscription{SessionId{5}, "a/#", {mqtt::QoS::ExactlyOnce, true}, 9},
              PutSubscription{SessionId{5}, "b", {}, 0},
              PutReceived{SessionId{5}, mqtt::PacketId{3}}, PutReleased{SessionId{5}, 300},
              PutReleased{SessionId{5}, 40}, put(5, 1, message("x")));
    open();
    const auto all = sessions();
    ASSERT_THAT(all, SizeIs(1));
    EXPECT_EQ(all[0].id, SessionId{5});
    EXPECT_TRUE(test::same(all[0].record, record));
    ASSERT_THAT(all[0].subscriptions, SizeIs(2));
    EXPECT_EQ(all[0].subscriptions[0].filter, "a/#");
    EXPECT_EQ(all[0].subscriptions[0].subscription_id, 9U);
    EXPECT_TRUE(all[0].subscriptions[0].options.no_local);
    EXPECT_THAT(all[0].received, ElementsAre(mqtt::PacketId{3}));
    EXPECT_THAT(all[0].released, ElementsAre(40, 300));
    EXPECT_EQ(all[0].queue.first, 1U);
}

TEST_F(BatchWriterTest, WhatIsDeletedIsGone) {
    write_all(put_session(5, "c"), PutSubscription{SessionId{5}, "a", {}, 0},
              PutReceived{SessionId{5}, mqtt::PacketId{3}}, PutReleased{SessionId{5}, 4});
    write_all(DeleteSubscription{SessionId{5}, "a"},
              DeleteReceived{SessionId{5}, mqtt::PacketId{3}}, DeleteReleased{SessionId{5}, 4});
    const auto all = sessions();
    ASSERT_THAT(all, SizeIs(1));
    EXPECT_THAT(all[0].subscriptions, IsEmpty());
    EXPECT_THAT(all[0].received, IsEmpty());
    EXPECT_THAT(all[0].released, IsEmpty());
}

TEST_F(BatchWriterTest, ASharedMessageIsStoredOnceAndCounted) {
    const auto shared = message(std::string(1000, 'x'), 77);
    write_all(put_session(1, "a"), put_session(2, "b"), put(1, 1, shared), put(2, 1, shared));
    write_all(put(1, 2, shared));
    expect_consistent();
    EXPECT_THAT(load(1), SizeIs(2));
    EXPECT_EQ(load(2)[0].message->store_id(), 77U);
    EXPECT_LE(engine_->stats().shared_messages, 2U);  // an estimate
    write_all(gone(1, 1, 77), gone(2, 1, 77));
    expect_consistent();
    EXPECT_THAT(payloads(1), ElementsAre(std::string(1000, 'x')));
}

TEST_F(BatchWriterTest, AMessageThatEveryQueueLetGoCanBeStoredAgain) {
    const auto shared = message("body", 77);
    write_all(put_session(1, "a"), put(1, 1, shared));
    write_all(gone(1, 1, 77));
    ASSERT_TRUE(engine_->flush());
    write_all(put(1, 2, shared));
    EXPECT_THAT(payloads(1), ElementsAre("body"));
    expect_consistent();
}

TEST_F(BatchWriterTest, AReferenceTakenAndReleasedInOneWriteChangesNothing) {
    const auto shared = message("body", 77);
    write_all(put_session(1, "a"), put(1, 1, shared));
    write_all(put(1, 2, shared), gone(1, 1, 77));
    write_all(put(1, 3, shared), gone(1, 3, 77));
    EXPECT_THAT(payloads(1), ElementsAre("body"));
    expect_consistent();
}

TEST_F(BatchWriterTest, DeletingByRecordFindsTheSharedMessage) {
    write_all(put_session(1, "a"), put(1, 1, message("shared", 77)), put(1, 2, message("own")));
    write_all(gone(1, 1), gone(1, 2), gone(1, 3));
    EXPECT_THAT(load(1), IsEmpty());
    expect_consistent();
}

TEST_F(BatchWriterTest, DeletingByRecordFindsWhatTheSameWritePut) {
    write_all(put_session(1, "a"), put(1, 1, message("shared", 77)), put(1, 2, message("own")),
              gone(1, 1), gone(1, 2));
    EXPECT_THAT(load(1), IsEmpty());
    expect_consistent();
}

TEST_F(BatchWriterTest, ADeletedSessionIsInvisibleAtOnceAndAfterARestart) {
    write_all(put_session(1, "a"), put_session(2, "b"), PutSubscription{SessionId{1}, "x", {}, 0},
              put(1, 1, message("1")), put(2, 1, message("2")));
    write_all(DeleteSession{SessionId{1}});
    for (int round = 0; round < 2; ++round) {
        ASSERT_THAT(sessions(), SizeIs(1));
        EXPECT_EQ(sessions()[0].id, SessionId{2});
        EXPECT_THAT(load(1), IsEmpty());
        EXPECT_THAT(payloads(2), ElementsAre("2"));
        expect_consistent();
        open();
    }
}

TEST_F(BatchWriterTest, ASessionMadeAndDeletedInOneWriteLeavesNothing) {
    write_all(put_session(1, "a"), PutSubscription{SessionId{1}, "x", {}, 0},
              PutReceived{SessionId{1}, mqtt::PacketId{1}}, put(1, 1, message("1", 77)),
              DeleteSession{SessionId{1}}, put_session(1, "late"), put(1, 2, message("2", 77)),
              gone(1, 1, 77));
    EXPECT_THAT(sessions(), IsEmpty());
    reclaim_all();
    EXPECT_THAT(load(1), IsEmpty());
    expect_consistent();
}

}  // namespace
}  // namespace vmq::store
