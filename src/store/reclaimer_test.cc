#include "store/reclaimer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "store/engine_fixture.h"

namespace vmq::store {
namespace {

using test::message;
using test::put;
using test::put_session;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class ReclaimerTest : public test::EngineTest {
protected:
    void SetUp() override { open(); }

    /// Until the folder is that small. Compactions run on threads of RocksDB, so there is nothing
    /// to step but reclaim().
    bool shrinks_below(std::uint64_t bytes) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (std::chrono::steady_clock::now() < end) {
            reclaim_all();
            if (test::size_of_files(directory()) < bytes) return true;
            std::this_thread::yield();
        }
        return false;
    }
};

TEST_F(ReclaimerTest, TheQueueOfADeletedSessionGoesInSteps) {
    WriteBatch batch;
    batch.add(put_session(1, "a"));
    for (std::uint64_t i = 1; i <= 2500; ++i) batch.add(put(1, i, message("x")));
    write(batch);
    write_all(DeleteSession{SessionId{1}});
    EXPECT_TRUE(engine_->reclaim());
    EXPECT_EQ(engine_->stats().queued_messages, 1500U);
    open();  // goes on after a restart
    int steps = 0;
    while (engine_->reclaim()) ++steps;
    EXPECT_GE(steps, 2);
    open();
    EXPECT_FALSE(engine_->reclaim());
    expect_consistent();
}

TEST_F(ReclaimerTest, SharedMessagesStayAsLongAsOneQueueHoldsThem) {
    const auto shared = message("shared", 77);
    write_all(put_session(1, "a"), put_session(2, "b"), put(1, 1, shared), put(2, 1, shared));
    write_all(DeleteSession{SessionId{1}});
    reclaim_all();
    EXPECT_THAT(payloads(2), ElementsAre("shared"));
    expect_consistent();
    write_all(DeleteSession{SessionId{2}});
    reclaim_all();
    expect_consistent();
    ASSERT_TRUE(engine_->flush());
}

TEST_F(ReclaimerTest, ManyDeletedSessionsAreAllReclaimed) {
    WriteBatch batch;
    for (std::uint64_t session = 1; session <= 300; ++session) {
        batch.add(put_session(session, "c"));
        for (std::uint64_t i = 1; i <= session % 4; ++i) {
            batch.add(put(session, i, message("x", i == 2 ? 77 : 0)));
        }
    }
    write(batch);
    WriteBatch gone;
    for (std::uint64_t session = 1; session <= 300; ++session) {
        if (session % 10 != 0) gone.add(DeleteSession{SessionId{session}});
    }
    write(gone);
    reclaim_all();
    expect_consistent();
    EXPECT_THAT(sessions(), SizeIs(30));
}

TEST_F(ReclaimerTest, AfterAMillionDrainedMessagesTheFolderIsNearlyEmpty) {
    constexpr std::uint64_t kCount = 1'000'000;
    constexpr std::uint64_t kAtOnce = 5000;
    write_all(put_session(1, "a"));
    const auto one = message(std::string(64, 'x'));
    for (std::uint64_t i = 0; i < kCount; i += kAtOnce) {
        WriteBatch batch;
        for (std::uint64_t j = 1; j <= kAtOnce; ++j) batch.add(put(1, i + j, one));
        write(batch);
    }
    ASSERT_TRUE(engine_->flush());
    EXPECT_GT(test::size_of_files(directory()), 5'000'000U);
    for (std::uint64_t i = 0; i < kCount; i += kAtOnce) {
        WriteBatch batch;
        for (std::uint64_t j = 1; j <= kAtOnce; ++j) {
            batch.add(DeleteMessage{SessionId{1}, i + j, 0});
        }
        write(batch);
    }
    EXPECT_TRUE(shrinks_below(1'000'000)) << test::size_of_files(directory());
    EXPECT_THAT(load(1), IsEmpty());
}

TEST_F(ReclaimerTest, BodiesThatNobodyHoldsGiveTheirSpaceBack) {
    constexpr std::uint64_t kCount = 60'000;
    constexpr std::uint64_t kAtOnce = 1000;
    write_all(put_session(1, "a"), put_session(2, "b"));
    for (std::uint64_t i = 0; i < kCount; i += kAtOnce) {
        WriteBatch batch;
        for (std::uint64_t id = i + 1; id <= i + kAtOnce; ++id) {
            const auto shared =
                message(std::to_string(id * 0x9e3779b97f4a7c15ULL) + std::string(100, 'x'), id);
            batch.add(put(1, id, shared));
            batch.add(put(2, id, shared));
        }
        write(batch);
    }
    ASSERT_TRUE(engine_->flush());
    EXPECT_GT(test::size_of_files(directory()), 3'000'000U);
    for (std::uint64_t i = 0; i < kCount; i += kAtOnce) {
        WriteBatch batch;
        for (std::uint64_t id = i + 1; id <= i + kAtOnce; ++id) {
            batch.add(DeleteMessage{SessionId{1}, id, id});
            batch.add(DeleteMessage{SessionId{2}, id, id});
        }
        write(batch);
    }
    EXPECT_TRUE(shrinks_below(1'000'000)) << test::size_of_files(directory());
    expect_consistent();
}

}  // namespace
}  // namespace vmq::store
