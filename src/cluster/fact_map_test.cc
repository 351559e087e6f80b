#include "cluster/fact_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cluster/test_values.h"
#include "mqtt/message.h"
#include "support/messages.h"

namespace vmq::cluster {
namespace {

using test::at;
using test::kKind;
using test::time;
using Outcome = FactMap::Outcome;
using What = FactChange::What;

constexpr FactMap::Sender kBehind{true, false};
constexpr FactMap::Sender kCaughtUpWith{false, true};

/// A map, and what another node says to it.
class FactMapTest : public ::testing::Test {
protected:
    explicit FactMapTest(FactMap::Limits limits = {}) : map_({"own@h", {}}, limits) {
        a_ = *map_.writers().intern("a@h", {});
        z_ = *map_.writers().intern("z@h", {});
    }

    Outcome hear(WriterNumber writer, std::int64_t ms, std::string_view key, std::string_view value,
                 FactMap::Sender sender = {}) {
        return map_.merge({kKind, key, {time(ms), writer}, false, value, nullptr}, sender, at(0));
    }
    Outcome hear_deleted(WriterNumber writer, std::int64_t ms, std::string_view key) {
        return map_.merge({kKind, key, {time(ms), writer}, true, {}, nullptr}, {}, at(0));
    }
    void promise(WriterNumber writer, std::int64_t ms) {
        Positions positions;
        positions.set(writer, time(ms));
        map_.raise_complete(positions);
    }
    std::string value(std::string_view key) {
        const Fact* fact = map_.find(kKind, key);
        return fact == nullptr ? "none" : std::string(fact->value());
    }
    std::vector<What> whats() {
        std::vector<What> result;
        for (const FactChange& each : map_.take_changes()) result.push_back(each.what);
        return result;
    }

    FactMap map_;
    WriterNumber a_{};
    WriterNumber z_{};
};

TEST_F(FactMapTest, WhatIsNotKnownHereIsDeletedForThoseWhoKnowIt) {
    EXPECT_TRUE(map_.erase_everywhere(kKind, "k", at(5)));
    EXPECT_TRUE(map_.find_even_deleted(kKind, "k")->deleted());
    EXPECT_EQ(map_.deleted(), 1U);
    EXPECT_EQ(map_.deleted(kKind), 1U);
    EXPECT_EQ(map_.deleted(FactKind::Retained), 0U);
    EXPECT_TRUE(map_.erase_everywhere(kKind, "k", at(7))) << "deleted anew";
    EXPECT_EQ(map_.find_even_deleted(kKind, "k")->stamp(), (Stamp{time(7), map_.self()}));
    EXPECT_EQ(map_.deleted(), 1U);
    EXPECT_FALSE(
        map_.erase_everywhere(kKind, std::string(map_.limits().longest_key + 1, 'k'), at(8)));
    const auto changes = map_.take_changes();
    ASSERT_EQ(changes.size(), 2U);
    EXPECT_EQ(changes[1].what, What::Erased);
    EXPECT_TRUE(changes[1].local);
}

TEST_F(FactMapTest, WhatIsWrittenHereIsStampedAndReported) {
    ASSERT_TRUE(map_.put(kKind, "k", "1", at(5)));
    ASSERT_TRUE(map_.put(kKind, "k", "2", at(5)));
    EXPECT_EQ(value("k"), "2");
    EXPECT_EQ(map_.find(kKind, "k")->stamp(), (Stamp{time(5).next(), map_.self()}));
    EXPECT_EQ(map_.complete()[map_.self()], time(5).next());
    EXPECT_TRUE(map_.erase(kKind, "k", at(6)));
    EXPECT_EQ(map_.find(kKind, "k"), nullptr);
    EXPECT_TRUE(map_.find_even_deleted(kKind, "k")->deleted());
    EXPECT_FALSE(map_.erase(kKind, "k", at(7))) << "deleted already";
    EXPECT_FALSE(map_.erase(kKind, "never", at(7)));
    EXPECT_EQ(map_.find_even_deleted(kKind, "never"), nullptr);
    const auto changes = map_.take_changes();
    ASSERT_EQ(changes.size(), 3U);
    EXPECT_EQ(changes[0].what, What::Put);
    EXPECT_EQ(changes[2].what, What::Erased);
    EXPECT_EQ(changes[2].key, "k");
    EXPECT_EQ(changes[2].stamp, (Stamp{time(6), map_.self()}));
    EXPECT_TRUE(changes[2].local);
    EXPECT_TRUE(map_.take_positions_changed());
    EXPECT_FALSE(map_.take_positions_changed());
}

TEST_F(FactMapTest, TheHighestStampWinsInWhateverOrderTheyCome) {
    EXPECT_EQ(hear(a_, 10, "k", "ten"), Outcome::Won);
    EXPECT_EQ(hear(z_, 5, "k", "five"), Outcome::Older);
    EXPECT_EQ(hear(a_, 10, "k", "ten"), Outcome::Known);
    EXPECT_EQ(hear(z_, 10, "k", "ten of z"), Outcome::Won) << "the name decides";
    EXPECT_EQ(hear(a_, 10, "k", "ten"), Outcome::Older);
    EXPECT_EQ(hear_deleted(a_, 11, "k"), Outcome::Won);
    EXPECT_EQ(hear(z_, 10, "k", "ten of z"), Outcome::Older);
    EXPECT_EQ(value("k"), "none");
    EXPECT_EQ(hear(z_, 12, "k", "again"), Outcome::Won);
    EXPECT_EQ(value("k"), "again");
    EXPECT_EQ(whats(), (std::vector{What::Put, What::Put, What::Erased, What::Put}));
}

TEST_F(FactMapTest, AWriteHereWinsOverAStampFromAClockThatIsAhead) {
    EXPECT_EQ(hear(a_, 3'600'000, "k", "from the future"), Outcome::Won);
    EXPECT_EQ(map_.counters().ahead, 1U);
    EXPECT_EQ(map_.last_ahead().writer, a_);
    EXPECT_EQ(map_.last_ahead().by, Millis{3'600'000});
    ASSERT_TRUE(map_.put(kKind, "other", "1", at(1)));
    EXPECT_EQ(map_.find(kKind, "other")->time(), time(1)) << "the own clock was not infected";
    ASSERT_TRUE(map_.put(kKind, "k", "own", at(1)));
    EXPECT_EQ(map_.find(kKind, "k")->time(), time(3'600'000).next());
}

TEST_F(FactMapTest, TwoFactsCannotHaveTheSameStamp) {
    EXPECT_EQ(hear(a_, 10, "k", "1"), Outcome::Won);
    EXPECT_EQ(hear(a_, 10, "l", "1"), Outcome::Refused);
    EXPECT_EQ(hear_deleted(a_, 10, "l"), Outcome::Refused);
    EXPECT_EQ(map_.size(), 1U);
}

TEST_F(FactMapTest, KindsAreApart) {
    ASSERT_TRUE(map_.put(FactKind::Setting, "k", "1", at(1)));
    ASSERT_TRUE(map_.put(FactKind::ApiKey, "k", "2", at(1)));
    ASSERT_TRUE(map_.put(FactKind{15}, "k", "3", at(1)));
    EXPECT_EQ(map_.size(FactKind::Setting), 1U);
    EXPECT_EQ(map_.find(FactKind::ApiKey, "k")->value(), "2");
    EXPECT_EQ(map_.find(FactKind{15}, "k")->value(), "3");
    EXPECT_EQ(map_.find(FactKind::Member, "k"), nullptr);
    EXPECT_NE(map_.revision(FactKind::ApiKey), 0U);
    EXPECT_EQ(map_.revision(FactKind::Member), 0U);
}

TEST_F(FactMapTest, ARetainedMessageIsReferencedAndNotCopied) {
    const auto message =
        mqtt::Message::make({.mountpoint = "mp", .topic = "a/b", .payload = "p", .retain = true});
    ASSERT_TRUE(map_.put_retained(message, at(1)));
    const Fact* fact = map_.find(FactKind::Retained, retained_key("mp", "a/b"));
    ASSERT_NE(fact, nullptr);
    EXPECT_EQ(fact->message(), message);
    EXPECT_TRUE(fact->value().empty());
    EXPECT_EQ(split_retained_key(fact->key()).mountpoint, "mp");
    EXPECT_EQ(split_retained_key(fact->key()).topic, "a/b");
}

TEST_F(FactMapTest, AnExpiredMessageIsADeletedOneWithTheSameStamp) {
    ASSERT_TRUE(map_.put_retained(vmq::testing::message("x", TimePoint{Millis{100}}, "a"), at(1)));
    ASSERT_TRUE(map_.put_retained(vmq::testing::message("y", kNever, "b"), at(1)));
    (void)map_.take_changes();
    map_.expire(TimePoint{Millis{99}}, 100);
    EXPECT_TRUE(map_.changes().empty());
    map_.expire(TimePoint{Millis{100}}, 100);
    EXPECT_EQ(whats(), std::vector{What::Expired});
    const Fact* fact = map_.find_even_deleted(FactKind::Retained, retained_key("", "a"));
    EXPECT_TRUE(fact->deleted());
    EXPECT_EQ(fact->time(), time(1));
    EXPECT_EQ(map_.deleted(), 1U);
    // Another node found out earlier, or later.
    const std::string key = retained_key("", "b");
    const Stamp stamp = map_.find(FactKind::Retained, key)->stamp();
    EXPECT_EQ(map_.merge({FactKind::Retained, key, stamp, true, {}, nullptr}, {}, at(2)),
              Outcome::Known);
    EXPECT_EQ(map_.find(FactKind::Retained, key), nullptr);
}

TEST_F(FactMapTest, LookingForExpiredOnesGoesRoundInSteps) {
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(map_.put_retained(
            vmq::testing::message("x", TimePoint{Millis{100}}, "t" + std::to_string(i)), at(1)));
    }
    int steps = 0;
    while (map_.deleted() < 100) {
        ASSERT_LT(++steps, 1000);
        map_.expire(TimePoint{Millis{100}}, 5);
    }
    EXPECT_GT(steps, 10);
}

TEST_F(FactMapTest, AnUnknownOldFactWasDeletedHere) {
    promise(a_, 20);
    EXPECT_EQ(hear(a_, 20, "k", "old"), Outcome::Dead);
    EXPECT_EQ(hear_deleted(a_, 19, "k"), Outcome::Dead);
    EXPECT_EQ(hear(a_, 21, "k", "new"), Outcome::Won);
    EXPECT_EQ(map_.counters().dead, 2U);
}

TEST_F(FactMapTest, DeletedOnesGoWhenEverybodyHasThemAndNotBefore) {
    EXPECT_EQ(hear_deleted(a_, 10, "ten"), Outcome::Won);
    EXPECT_EQ(hear_deleted(a_, 11, "eleven"), Outcome::Won);
    promise(a_, 20);
    Positions acknowledged;
    acknowledged.set(a_, time(10));
    (void)map_.take_changes();
    map_.drop_deleted(acknowledged, {}, at(30), 100);
    EXPECT_EQ(map_.find_even_deleted(kKind, "ten"), nullptr);
    EXPECT_NE(map_.find_even_deleted(kKind, "eleven"), nullptr);
    EXPECT_EQ(map_.dropped()[a_], time(10));
    EXPECT_EQ(whats(), std::vector{What::Forgotten});
    EXPECT_EQ(map_.counters().dropped, 1U);
    ASSERT_TRUE(map_.put(kKind, "ten", "new", at(0)));
    EXPECT_GT(map_.find(kKind, "ten")->time(), time(10)) << "wins where it is still kept";
}

TEST_F(FactMapTest, WhatIsNotPromisedHereYetIsNotDropped) {
    EXPECT_EQ(hear_deleted(a_, 10, "k"), Outcome::Won);
    Positions acknowledged;
    acknowledged.set(a_, time(10));
    map_.drop_deleted(acknowledged, acknowledged, at(48LL * 3600 * 1000), 100);
    EXPECT_EQ(map_.deleted(), 1U);
}

TEST_F(FactMapTest, ADayLaterTheyGoAllTheSameButNotIfAPresentMemberLacksThem) {
    EXPECT_EQ(hear_deleted(a_, 10, "k"), Outcome::Won);
    promise(a_, 20);
    constexpr std::int64_t kDay = 24LL * 3600 * 1000;
    Positions present;
    present.set(a_, time(9));
    map_.drop_deleted({}, present, at(kDay + 10), 100);
    EXPECT_EQ(map_.deleted(), 1U);
    present.set(a_, time(20));
    map_.drop_deleted({}, present, at(kDay + 9), 100);
    EXPECT_EQ(map_.deleted(), 1U);
    map_.drop_deleted({}, present, at(kDay + 10), 100);
    EXPECT_EQ(map_.deleted(), 0U);
    EXPECT_EQ(map_.counters().dropped_early, 1U);
}

TEST_F(FactMapTest, ADeletedOneFromTheFutureIsKept) {
    EXPECT_EQ(hear_deleted(a_, 120'000, "k"), Outcome::Won);
    promise(a_, 120'000);
    Positions all;
    all.set(a_, time(120'000));
    map_.drop_deleted(all, all, at(0), 100);
    EXPECT_EQ(map_.deleted(), 1U) << "or the own clock would have to go there";
    map_.drop_deleted(all, all, at(60'000), 100);
    EXPECT_EQ(map_.deleted(), 0U);
}

TEST_F(FactMapTest, WhoHasLeftIsKnownForAMonth) {
    const Stamp stamp{time(10), a_};
    EXPECT_EQ(map_.merge({FactKind::Member, "m@h", stamp, true, {}, nullptr}, {}, at(0)),
              Outcome::Won);
    promise(a_, 20);
    Positions all;
    all.set(a_, time(20));
    constexpr std::int64_t kMonth = 30LL * 24 * 3600 * 1000;
    map_.drop_deleted(all, all, at(kMonth + 9), 100);
    EXPECT_EQ(map_.deleted(), 1U);
    map_.drop_deleted(all, all, at(kMonth + 10), 100);
    EXPECT_EQ(map_.deleted(), 0U);
    EXPECT_EQ(map_.deleted(kKind), 0U);
}

class FullFactMapTest : public FactMapTest {
protected:
    FullFactMapTest() : FactMapTest(limits()) {}
    static FactMap::Limits limits() {
        FactMap::Limits limits;
        limits.most_deleted = 3;
        limits.longest_key = 4;
        limits.longest_value = 5;
        return limits;
    }
};

TEST_F(FullFactMapTest, OfMoreDeletedOnesThanAreKeptTheOldestGoes) {
    for (const char* key : {"a", "b", "c"}) {
        ASSERT_TRUE(map_.put(kKind, key, "1", at(1)));
        ASSERT_TRUE(map_.erase(kKind, key, at(2)));
    }
    map_.drop_deleted({}, {}, at(3), 100);
    EXPECT_EQ(map_.deleted(), 3U);
    EXPECT_EQ(hear_deleted(a_, 0, "d"), Outcome::Won);
    promise(a_, 0);
    map_.drop_deleted({}, {}, at(3), 100);
    EXPECT_EQ(map_.deleted(), 3U);
    EXPECT_EQ(map_.find_even_deleted(kKind, "d"), nullptr);
    EXPECT_EQ(map_.dropped()[a_], time(0));
}

TEST_F(FullFactMapTest, KeysAndValuesHaveALimit) {
    EXPECT_TRUE(map_.put(kKind, "1234", "12345", at(1)));
    EXPECT_EQ(map_.put(kKind, "12345", "1", at(1)).error().code, ErrorCode::LimitReached);
    EXPECT_EQ(map_.put(kKind, "1", "123456", at(1)).error().code, ErrorCode::LimitReached);
    EXPECT_TRUE(map_.put_retained(vmq::testing::message("12345", kNever, "abc"), at(1)));
    EXPECT_EQ(map_.put_retained(vmq::testing::message("123456", kNever, "abc"), at(1)).error().code,
              ErrorCode::LimitReached);
    EXPECT_EQ(map_.put_retained(vmq::testing::message("1", kNever, "abcd"), at(1)).error().code,
              ErrorCode::LimitReached);
    EXPECT_EQ(map_.size(), 2U);
}

TEST_F(FactMapTest, WhoGoesAmongOthersForgetsWhatItDeleted) {
    EXPECT_FALSE(map_.knows_others());
    ASSERT_TRUE(map_.put(kKind, "kept", "1", at(1)));
    ASSERT_TRUE(map_.put(kKind, "k", "1", at(1)));
    ASSERT_TRUE(map_.erase(kKind, "k", at(1)));
    map_.forget_deleted();
    EXPECT_EQ(map_.size(), 1U);
    EXPECT_TRUE(map_.dropped().empty());
    promise(a_, 5);
    EXPECT_TRUE(map_.knows_others());
}

TEST_F(FactMapTest, StartingOverKeepsWhatIsThereAsTheOwnOfANewNode) {
    ASSERT_TRUE(map_.put(kKind, "first", "1", at(5)));
    (void)hear(z_, 10, "third", "3");
    (void)hear(a_, 10, "second", "2");
    (void)hear_deleted(a_, 11, "gone");
    promise(a_, 11);
    const Stamp stamp{time(12), a_};
    (void)map_.merge({FactKind::Member, "m@h", stamp, false, "x", nullptr}, {}, at(0));
    (void)map_.take_changes();
    const WriterNumber before = map_.self();
    Incarnation incarnation;
    incarnation.bytes[0] = 7;
    ASSERT_TRUE(map_.start_over(incarnation));
    EXPECT_NE(map_.self(), before);
    EXPECT_EQ(map_.writers()[map_.self()], (Writer{"own@h", incarnation}));
    EXPECT_FALSE(map_.knows_others());
    EXPECT_EQ(map_.size(), 3U);
    EXPECT_EQ(map_.find(kKind, "first")->stamp(), (Stamp{time(5), map_.self()}));
    EXPECT_EQ(map_.find(kKind, "second")->stamp(), (Stamp{time(10), map_.self()}));
    EXPECT_EQ(map_.find(kKind, "third")->stamp(), (Stamp{time(10).next(), map_.self()}));
    EXPECT_EQ(value("third"), "3");
    EXPECT_EQ(map_.complete()[map_.self()], time(10).next());
    EXPECT_TRUE(map_.dropped().empty());
    EXPECT_THAT(whats(), ::testing::UnorderedElementsAre(What::Forgotten, What::Removed, What::Put,
                                                         What::Put, What::Put));
    EXPECT_TRUE(map_.take_positions_changed());
    ASSERT_TRUE(map_.put(kKind, "next", "4", at(0)));
    EXPECT_GT(map_.find(kKind, "next")->time(), time(12)) << "the clock goes on";
}

TEST_F(FactMapTest, WhatIsMissingComesInTheOrderOfStampsAndInPortions) {
    (void)hear(a_, 30, "c", "3");
    (void)hear(a_, 10, "a", "1");
    (void)hear_deleted(a_, 20, "b");
    (void)hear(z_, 5, "z", "z");
    Positions from;
    from.set(a_, time(10));
    std::vector<std::string> keys;
    std::size_t portions = 0;
    for (;;) {
        const auto facts = map_.missing_for(from, 1);
        if (facts.empty()) break;
        ++portions;
        ASSERT_EQ(facts.size(), 1U);
        keys.emplace_back(facts[0]->key());
    }
    EXPECT_EQ(keys, (std::vector<std::string>{"b", "c", "z"}));
    EXPECT_EQ(portions, 3U);
    EXPECT_EQ(from[a_], time(30));
    EXPECT_EQ(map_.last_of(a_), time(30));
    from.clear();
    EXPECT_EQ(map_.missing_for(from, 1'000'000).size(), 4U);
}

TEST_F(FactMapTest, CatchingUpRemovesWhatTheOtherNodeKnowsToBeDeleted) {
    (void)hear(a_, 10, "kept", "1");
    (void)hear(a_, 11, "deleted there", "1");
    (void)hear(a_, 12, "never told there", "1");
    (void)hear_deleted(a_, 13, "deleted here and there");
    promise(a_, 13);
    (void)map_.take_changes();
    map_.begin_catch_up();
    map_.confirm({time(10), a_});
    Positions complete;
    complete.set(a_, time(11));
    complete.set(z_, time(50));
    Positions dropped;
    dropped.set(z_, time(50));
    map_.end_catch_up(complete, dropped, at(0));
    EXPECT_EQ(value("kept"), "1");
    EXPECT_EQ(value("deleted there"), "none");
    EXPECT_EQ(map_.find_even_deleted(kKind, "deleted there"), nullptr);
    EXPECT_EQ(map_.complete()[z_], time(50));
    EXPECT_EQ(map_.dropped()[z_], time(50));
    // What it does not know may have been deleted there or not. It is said again, later than
    // whatever was, deleted ones as well.
    for (const char* key : {"never told there", "deleted here and there"}) {
        const Fact* fact = map_.find_even_deleted(kKind, key);
        ASSERT_NE(fact, nullptr);
        EXPECT_EQ(fact->writer(), map_.self());
        EXPECT_GT(fact->time(), time(50));
    }
    EXPECT_EQ(value("never told there"), "1");
    EXPECT_EQ(map_.counters().removed, 1U);
    EXPECT_EQ(map_.counters().renewed, 2U);
    EXPECT_THAT(whats(), ::testing::UnorderedElementsAre(What::Removed, What::Put, What::Erased));
}

TEST_F(FactMapTest, CatchingUpConfirmsWhatTheOtherNodeSends) {
    (void)hear(a_, 10, "same", "1");
    (void)hear(a_, 11, "older there", "1");
    promise(a_, 11);
    map_.begin_catch_up();
    EXPECT_EQ(hear(a_, 10, "same", "1", kCaughtUpWith), Outcome::Known);
    EXPECT_EQ(hear(z_, 9, "older there", "0", kCaughtUpWith), Outcome::Older);
    EXPECT_EQ(hear(z_, 10, "new", "1", kCaughtUpWith), Outcome::Won);
    Positions all;
    all.set(a_, time(100));
    all.set(z_, time(100));
    map_.end_catch_up(all, all, at(0));
    EXPECT_EQ(map_.counters().removed + map_.counters().renewed, 0U);
    EXPECT_EQ(map_.size(), 3U);
}

TEST_F(FactMapTest, WhatAThirdNodeSaysMeanwhileConfirmsNothing) {
    (void)hear(a_, 10, "k", "1");
    map_.begin_catch_up();
    EXPECT_EQ(hear(a_, 10, "k", "1"), Outcome::Known);
    EXPECT_EQ(hear(a_, 11, "l", "1"), Outcome::Won);
    Positions complete;
    complete.set(a_, time(11));
    map_.end_catch_up(complete, {}, at(0));
    EXPECT_EQ(map_.counters().removed, 2U);
}

TEST_F(FactMapTest, ACatchUpThatIsAbandonedLeavesNoTraces) {
    (void)hear(a_, 10, "k", "1");
    promise(a_, 10);
    map_.begin_catch_up();
    map_.confirm({time(10), a_});
    map_.abandon_catch_up();
    map_.confirm({time(10), a_});
    map_.begin_catch_up();
    Positions complete;
    complete.set(a_, time(10));
    map_.end_catch_up(complete, {}, at(0));
    EXPECT_EQ(value("k"), "none") << "it had to be confirmed anew";
}

TEST_F(FactMapTest, FromANodeBehindTheHorizonNewOldFactsAreWrittenAnew) {
    (void)hear_deleted(a_, 50, "gone");
    promise(a_, 50);
    Positions all;
    all.set(a_, time(50));
    map_.drop_deleted(all, all, at(0), 100);
    EXPECT_EQ(hear(z_, 40, "k", "1", kBehind), Outcome::Renewed);
    EXPECT_EQ(map_.find(kKind, "k")->writer(), map_.self());
    EXPECT_GT(map_.find(kKind, "k")->time(), time(50));
    EXPECT_EQ(hear(z_, 40, "l", "1"), Outcome::Won) << "from one that is not behind";
    EXPECT_EQ(hear(z_, 51, "m", "1", kBehind), Outcome::Won) << "newer than the horizon";
}

TEST_F(FactMapTest, TheLastFactsOfAWriterThatIsGoneAreAdopted) {
    (void)hear(a_, 10, "promised", "1");
    promise(a_, 10);
    (void)hear(a_, 11, "live", "1");
    (void)hear_deleted(a_, 12, "deleted");
    map_.adopt(a_, at(0), 1);
    map_.adopt(a_, at(0), 100);
    EXPECT_EQ(map_.last_of(a_), time(10));
    EXPECT_EQ(map_.find(kKind, "live")->writer(), map_.self());
    EXPECT_TRUE(map_.find_even_deleted(kKind, "deleted")->deleted());
    EXPECT_GT(map_.find(kKind, "live")->time(), time(11));
}

TEST_F(FactMapTest, AfterARestartStampsGoOnBehindAllThatWasStored) {
    FactMap again({"own@h", {}});
    const WriterNumber a = *again.writers().intern("a@h", {});
    (void)again.restore({kKind, "k", {time(100), again.self()}, false, "v", nullptr});
    (void)again.restore({kKind, "d", {time(200), a}, true, {}, nullptr});
    Positions complete;
    complete.set(again.self(), time(90));
    complete.set(a, time(200));
    Positions dropped;
    dropped.set(a, time(150));
    again.restore_positions(complete, dropped, {});
    EXPECT_FALSE(again.restore({kKind, "k", {time(7), a}, false, "v", nullptr}));
    EXPECT_FALSE(again.restore({kKind, "e", {time(200), a}, false, "v", nullptr}));
    EXPECT_TRUE(again.changes().empty());
    EXPECT_EQ(again.find(kKind, "k")->value(), "v");
    EXPECT_EQ(again.deleted(), 1U);
    ASSERT_TRUE(again.put(kKind, "x", "1", at(0)));
    EXPECT_EQ(again.find(kKind, "x")->time(), time(150).next());
}

TEST_F(FactMapTest, NothingOwnIsPromisedAfterARestartBeforeItIsSureThatNothingIsLost) {
    FactMap again({"own@h", {}});
    (void)again.restore({kKind, "k", {time(100), again.self()}, false, "v", nullptr});
    Positions complete;
    complete.set(again.self(), time(90));  // of before: it was promising nothing then either
    again.restore_positions(complete, {}, {});
    EXPECT_FALSE(again.promises_own());
    ASSERT_TRUE(again.put(kKind, "x", "1", at(200)));
    EXPECT_EQ(again.complete()[again.self()], time(90));
    again.promise_own();
    EXPECT_EQ(again.complete()[again.self()], again.find(kKind, "x")->time());
    ASSERT_TRUE(again.put(kKind, "y", "1", at(300)));
    EXPECT_EQ(again.complete()[again.self()], again.find(kKind, "y")->time());
}

// Another node's fact has taken the place of what was written last, and nothing was promised.
TEST_F(FactMapTest, AStampWhoseFactIsGoneIsNotGivenAgainAfterARestart) {
    FactMap again({"own@h", {}});
    again.restore_positions({}, {}, {});
    (void)again.take_positions_changed();
    ASSERT_TRUE(again.put(kKind, "k", "1", at(100)));
    EXPECT_TRUE(again.take_positions_changed());
    const HybridTime given = again.last_own();
    EXPECT_EQ(given, time(100));
    const WriterNumber a = *again.writers().intern("a@h", {});
    EXPECT_EQ(again.merge({kKind, "k", {time(101), a}, false, "a", nullptr}, {}, at(102)),
              FactMap::Outcome::Won);

    FactMap third({"own@h", {}});
    const WriterNumber same = *third.writers().intern("a@h", {});
    (void)third.restore({kKind, "k", {time(101), same}, false, "a", nullptr});
    third.restore_positions({}, {}, given);
    ASSERT_TRUE(third.put(kKind, "x", "2", at(0)));
    EXPECT_EQ(third.find(kKind, "x")->time(), given.next());
}

// The end of the store was lost, and the clock has gone back.
TEST_F(FactMapTest, AStampThatIsGivenAgainGoesToWhatOthersKnow) {
    FactMap again({"own@h", {}});
    again.restore_positions({}, {}, {});
    ASSERT_TRUE(again.put(kKind, "new", "1", at(100)));
    ASSERT_TRUE(again.put(kKind, "newer", "2", at(300)));
    const Stamp given = again.find(kKind, "new")->stamp();
    const Stamp later = again.find(kKind, "newer")->stamp();
    EXPECT_EQ(again.merge({kKind, "lost", given, false, "0", nullptr}, {}, at(400)),
              FactMap::Outcome::Won);
    EXPECT_EQ(again.find(kKind, "lost")->stamp(), given);
    EXPECT_EQ(again.find(kKind, "new")->value(), "1");
    EXPECT_GT(again.find(kKind, "new")->time(), later.time);
    EXPECT_EQ(again.find(kKind, "newer")->stamp(), later);

    again.start_after(time(350), at(400));  // another node has something of this one up to there
    EXPECT_GT(again.find(kKind, "newer")->time(), time(350));
    EXPECT_EQ(again.find(kKind, "lost")->stamp(), given);
}

// And the node was started once more before it was told.
TEST_F(FactMapTest, WhatWasWrittenBeforeAnotherRestartIsHiddenByNothingEither) {
    FactMap again({"own@h", {}});
    (void)again.restore({kKind, "known", {time(90), again.self()}, false, "0", nullptr});
    (void)again.restore({kKind, "new", {time(100), again.self()}, false, "1", nullptr});
    Positions complete;
    complete.set(again.self(), time(90));
    again.restore_positions(complete, {}, {});
    again.start_after(time(200), at(400));
    EXPECT_EQ(again.find(kKind, "known")->time(), time(90));
    // Behind what others know, and before what they have written since.
    EXPECT_EQ(again.find(kKind, "new")->time(), time(200).next());
}

TEST_F(FactMapTest, OthersRememberingALaterOwnStampMoveTheClock) {
    Positions seen;
    seen.set(map_.self(), time(500));
    map_.raise_complete(seen);
    ASSERT_TRUE(map_.put(kKind, "x", "1", at(0)));
    EXPECT_EQ(map_.find(kKind, "x")->time(), time(500).next());
}

}  // namespace
}  // namespace vmq::cluster
