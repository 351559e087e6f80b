#include "broker/node_spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/messages.h"

namespace vmq::broker {
namespace {

using store::SessionId;
using ::testing::ElementsAre;

class NodeSpoolTest : public ::testing::Test {
protected:
    static constexpr SessionId kOwn{9};
    static constexpr SessionId kEarlier{3};

    SpoolRecord put(std::string_view payload = "x") {
        return spool.put(writes, testing::message(payload), nullptr, 0, 0, {});
    }
    SpoolRecord put_behind() {
        const SpoolRecord record = put();
        spool.leave_behind(record);
        return record;
    }
    /// What the store answers to what is wanted now; sequences that are not `there` are gone.
    NodeSpool::Loaded load(const std::vector<std::uint64_t>& there) {
        const auto request = spool.wants_load({}, NodeSpool::kBytesLoadedAtOnce);
        EXPECT_TRUE(request);
        std::vector<store::StoredMessage> messages;
        for (const std::uint64_t each : there) {
            EXPECT_GE(each, request->from);
            EXPECT_LE(each, request->to);
            messages.push_back(stored(each));
        }
        return spool.on_loaded(writes, messages, {});
    }
    static store::StoredMessage stored(std::uint64_t sequence) {
        store::StoredMessage message;
        message.sequence = sequence;
        message.message = testing::message("x");
        return message;
    }
    static std::vector<std::uint64_t> sequences(const NodeSpool::Loaded& loaded) {
        std::vector<std::uint64_t> found;
        for (const SpoolRecord& each : loaded.records) found.push_back(each.sequence);
        return found;
    }
    /// Sessions that were deleted.
    std::vector<SessionId> deleted() {
        std::vector<SessionId> found;
        const auto handed = writes.take();
        for (const store::Write& write : handed.batch.writes()) {
            if (const auto* gone = std::get_if<store::DeleteSession>(&write)) {
                found.push_back(gone->session);
            }
        }
        return found;
    }

    std::shared_ptr<SpoolSize> size = std::make_shared<SpoolSize>(10'000);
    PendingWrites writes{[](const Reply&, bool) {}};
    NodeSpool spool{size};
};

TEST_F(NodeSpoolTest, WithoutADiskThereIsNone) {
    EXPECT_FALSE(NodeSpool(nullptr).usable());
    EXPECT_FALSE(NodeSpool(std::make_shared<SpoolSize>(0)).has_room());
    EXPECT_TRUE(spool.has_room());
}

TEST_F(NodeSpoolTest, WhatIsBehindIsReadInOrder) {
    spool.open(kOwn);
    const SpoolRecord first = put();  // is in memory as well
    for (int i = 0; i < 3; ++i) put_behind();
    EXPECT_EQ(spool.behind(), 3U);
    EXPECT_EQ(spool.count(), 4U);
    const auto request = spool.wants_load({}, NodeSpool::kBytesLoadedAtOnce);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->session, kOwn);
    EXPECT_EQ(std::pair(request->from, request->to), std::pair(2UL, 4UL));
    EXPECT_FALSE(spool.wants_load({}, NodeSpool::kBytesLoadedAtOnce)) << "one at a time";
    put_behind();  // while it reads
    auto loaded = spool.on_loaded(writes, {stored(2), stored(3)}, {});
    EXPECT_THAT(sequences(loaded), ElementsAre(2U, 3U));
    EXPECT_EQ(spool.behind(), 2U);
    EXPECT_THAT(sequences(load({4})), ElementsAre(4U));
    EXPECT_THAT(sequences(load({5})), ElementsAre(5U));
    EXPECT_EQ(spool.behind(), 0U);
    EXPECT_FALSE(spool.wants_load({}, NodeSpool::kBytesLoadedAtOnce));
    spool.remove(writes, first, {});
    for (const auto& each : loaded.records) spool.remove(writes, each, {});
    EXPECT_EQ(spool.count(), 2U);
    EXPECT_THAT(deleted(), ElementsAre());
}

TEST_F(NodeSpoolTest, BytesAreCountedForAllShards) {
    NodeSpool other(size);
    spool.open(kOwn);
    other.open(SessionId{10});
    std::vector<SpoolRecord> records;
    while (other.has_room()) records.push_back(put(std::string(1000, 'x')));
    EXPECT_GE(size->bytes.load(), 10'000U);
    EXPECT_LT(size->bytes.load(), 12'000U);
    spool.remove(writes, records.back(), {});
    records.pop_back();
    EXPECT_TRUE(other.has_room());
    for (const SpoolRecord& each : records) spool.remove(writes, each, {});
    EXPECT_EQ(size->bytes.load(), 0U);
}

TEST_F(NodeSpoolTest, WhatAnEarlierProcessLeftComesFirstAndGoesWhenItIsEmpty) {
    spool.adopt(kEarlier, {.first = 5, .last = 8, .count = 3});
    spool.open(kOwn);
    put_behind();
    EXPECT_EQ(spool.behind(), 4U);
    EXPECT_GT(size->bytes.load(), 3000U) << "they count for something before they are read";
    const auto loaded = load({5, 6});
    EXPECT_EQ(loaded.missing, 0U);
    const auto rest = load({8});
    EXPECT_THAT(sequences(rest), ElementsAre(8U));
    for (const auto& each : loaded.records) spool.remove(writes, each, {});
    EXPECT_THAT(deleted(), ElementsAre());
    spool.remove(writes, rest.records.front(), {});
    EXPECT_THAT(deleted(), ElementsAre(kEarlier));
    EXPECT_THAT(sequences(load({1})), ElementsAre(1U));
}

TEST_F(NodeSpoolTest, WhatIsCountedAndNotThereIsTold) {
    spool.adopt(kEarlier, {.first = 1, .last = 9, .count = 7});
    EXPECT_EQ(load({1, 2}).missing, 0U);
    const auto none = load({});
    EXPECT_EQ(none.missing, 5U);
    EXPECT_EQ(spool.behind(), 0U);
    EXPECT_EQ(spool.count(), 2U);
    spool.adopt(SessionId{4}, {});
    EXPECT_EQ(load({}).missing, 0U);
    EXPECT_THAT(deleted(), ElementsAre(SessionId{4}));
}

TEST_F(NodeSpoolTest, WhatTheNodeCouldNotTakeIsReadAgainAfterAPause) {
    spool.adopt(kEarlier, {.first = 1, .last = 2, .count = 2});
    const auto loaded = load({1, 2});
    spool.leave_behind(loaded.records[0]);
    spool.remove(writes, loaded.records[1], {});
    spool.pause_until(TimePoint(Millis(100)));
    EXPECT_FALSE(spool.wants_load(TimePoint(Millis(99)), NodeSpool::kBytesLoadedAtOnce));
    EXPECT_THAT(deleted(), ElementsAre());
    const auto request = spool.wants_load(TimePoint(Millis(100)), NodeSpool::kBytesLoadedAtOnce);
    ASSERT_TRUE(request);
    EXPECT_EQ(std::pair(request->from, request->to), std::pair(1UL, 1UL));
    const auto again = spool.on_loaded(writes, {stored(1)}, {});
    spool.remove(writes, again.records.front(), {});
    EXPECT_THAT(deleted(), ElementsAre(kEarlier));
    EXPECT_EQ(size->bytes.load(), 0U);
}

TEST_F(NodeSpoolTest, AllOfItIsGivenUpWithTheNode) {
    spool.adopt(kEarlier, {.first = 1, .last = 2, .count = 2});
    spool.open(kOwn);
    put_behind();
    ASSERT_TRUE(spool.wants_load({}, NodeSpool::kBytesLoadedAtOnce));
    spool.remove_all(writes, {});
    EXPECT_THAT(deleted(), ElementsAre(kEarlier, kOwn));
    EXPECT_EQ(spool.on_loaded(writes, {stored(1)}, {}).records.size(), 0U);
    EXPECT_EQ(size->bytes.load(), 0U);
}

}  // namespace
}  // namespace vmq::broker
