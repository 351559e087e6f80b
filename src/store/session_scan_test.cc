#include "store/session_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "store/engine_fixture.h"

namespace vmq::store {
namespace {

using test::message;
using test::put;
using test::put_session;
using testing::SizeIs;

class SessionScan : public test::EngineTest {
protected:
    void SetUp() override { open(); }

    QueueBounds bounds_of(std::uint64_t session) {
        for (const StoredSession& each : sessions()) {
            if (each.id == SessionId{session}) return each.queue;
        }
        ADD_FAILURE() << "no session " << session;
        return {};
    }
};

TEST_F(SessionScan, TheBoundsOfQueues) {
    WriteBatch batch;
    for (std::uint64_t session = 1; session <= 6; ++session) {
        batch.add(put_session(session, "c" + std::to_string(session)));
    }
    batch.add(put(2, 7, message("x")));
    batch.add(put(4, 3, message("x")));
    batch.add(put(4, 9, message("x")));
    for (std::uint64_t i = 100; i < 200; ++i) batch.add(put(5, i, message("x")));
    batch.add(put(5, 1000, message("x")));
    write(batch);
    EXPECT_THAT(sessions(), SizeIs(6));
    EXPECT_EQ(bounds_of(1).first, 0U);
    EXPECT_EQ(bounds_of(1).count, 0U);
    EXPECT_EQ(bounds_of(2).first, 7U);
    EXPECT_EQ(bounds_of(2).last, 7U);
    EXPECT_EQ(bounds_of(2).count, 1U);
    EXPECT_EQ(bounds_of(4).first, 3U);
    EXPECT_EQ(bounds_of(4).last, 9U);
    EXPECT_EQ(bounds_of(4).count, 2U) << "small ones are counted";
    EXPECT_EQ(bounds_of(5).first, 100U);
    EXPECT_EQ(bounds_of(5).last, 1000U);
    EXPECT_EQ(bounds_of(5).count, 901U) << "large ones are not";
    EXPECT_EQ(bounds_of(6).first, 0U);
}

TEST_F(SessionScan, TheTracesOfDrainedQueuesAreSteppedOverOnce) {
    constexpr std::uint64_t kSessions = 2000;
    constexpr std::uint64_t kWritten = 20;
    WriteBatch filled;
    WriteBatch drained;
    for (std::uint64_t session = 1; session <= kSessions; ++session) {
        filled.add(put_session(session, "c"));
        for (std::uint64_t i = 1; i <= kWritten; ++i) {
            filled.add(put(session, i, message("x")));
            drained.add(DeleteMessage{SessionId{session}, i, 0});
        }
    }
    filled.add(put_session(kSessions + 1, "c"));
    filled.add(put(kSessions + 1, 1, message("x")));
    write(filled);
    write(drained);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(sessions(), SizeIs(kSessions + 1));
    const auto took = std::chrono::steady_clock::now() - begin;
    // Once is 40,000 steps; for each session anew would be 40 million, which takes seconds.
    EXPECT_LT(took, std::chrono::seconds(2));
}

TEST_F(SessionScan, CountsReadOnlyKeys) {
    write_all(put_session(1, "a"), PutSubscription{SessionId{1}, "x", {}, 0}, put_session(2, "b"),
              DeleteSession{SessionId{2}});
    EXPECT_EQ(engine_->stats().sessions, 1U);
    EXPECT_EQ(engine_->stats().subscriptions, 1U);
}

}  // namespace
}  // namespace vmq::store
