#include "cluster/fact_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cluster/fact_codec.h"
#include "cluster/test_values.h"

namespace vmq::cluster {
namespace {

using test::kKind;
using test::kNow;
using test::kWall;
using test::time;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// What a frame says, in a few words.
struct Heard {
    std::uint64_t number = 0;
    bool catch_up = false;
    bool complete = false;
    std::vector<std::string> facts;  // keys; times in milliseconds of those that are only named
    Positions claims;
};

class FactSenderTest : public ::testing::Test {
protected:
    /// It has what `a_` wrote up to there, and wants the rest.
    Positions peer_asks_from(std::int64_t a_time) {
        Positions has;
        has.set(a_, time(a_time));
        sender_.set_has(has);
        EXPECT_TRUE(sender_.start(kStream, 0));
        return has;
    }
    explicit FactSenderTest(FactSender::Limits limits = {}) : sender_(map_, limits) {
        a_ = *map_.writers().intern("a@h", {});
    }

    void write(const std::string& key) {
        ASSERT_TRUE(map_.put(kKind, key, "value", kNow));
        note();
    }
    void hear(std::int64_t ms, const std::string& key, bool deleted = false) {
        (void)map_.merge({kKind, key, {time(ms), a_}, deleted, deleted ? "" : "value", nullptr}, {},
                         kNow);
        note();
    }
    /// As Replication does.
    void note() {
        for (const FactChange& change : map_.take_changes()) {
            if (change.what != FactChange::What::Forgotten) sender_.note(change.stamp);
        }
    }
    void promise(std::int64_t ms) {
        Positions positions;
        positions.set(a_, time(ms));
        map_.raise_complete(positions);
    }

    std::vector<Heard> fill() {
        std::string bytes;
        sender_.fill(kNow, bytes);
        FrameReader frames(1U << 20U);
        frames.add(bytes);
        std::vector<Heard> all;
        Frame frame;
        while (frames.next(frame) == FrameReader::Status::Complete) {
            all.push_back(read(frame.body));
        }
        return all;
    }
    Heard read(std::string_view body) {
        FactsReader reader(body, kNow, {});
        EXPECT_TRUE(reader.ok());
        EXPECT_EQ(reader.header().stream, kStream);
        Heard heard{
            reader.header().number, reader.header().catch_up, reader.header().complete, {}, {}};
        for (;;) {
            const auto item = reader.next();
            EXPECT_NE(item, FactsReader::Item::Malformed);
            if (item == FactsReader::Item::Malformed || item == FactsReader::Item::End) break;
            const WriterView& name = reader.writers()[reader.writer()];
            const WriterNumber writer = *map_.writers().find(name.name, name.incarnation);
            if (item == FactsReader::Item::Fact) heard.facts.emplace_back(reader.fact().key);
            if (item == FactsReader::Item::Known) {
                heard.facts.push_back(std::to_string(reader.time().wall_ms() - kWall));
            }
            if (item == FactsReader::Item::Claim) heard.claims.set(writer, reader.complete());
        }
        return heard;
    }
    /// The only frame there is.
    Heard one() {
        const auto all = fill();
        EXPECT_EQ(all.size(), 1U);
        return all.empty() ? Heard{} : all[0];
    }
    void start() {
        EXPECT_TRUE(sender_.start(kStream, 0));
        for (const Heard& each : fill()) EXPECT_TRUE(sender_.acknowledge(each.number));
    }

    static constexpr std::uint64_t kStream = 5;
    FactMap map_{{"own@h", {}}};
    WriterNumber a_{};

    FactSender sender_;
};

TEST_F(FactSenderTest, SaysNothingUnasked) {
    write("k");
    EXPECT_THAT(fill(), IsEmpty());
    EXPECT_FALSE(sender_.active());
}

TEST_F(FactSenderTest, SendsWhatThePeerLacksAndThenThePromises) {
    hear(10, "has");
    hear(11, "lacks");
    promise(20);
    write("own");
    const Positions has = peer_asks_from(10);
    const Heard heard = one();
    EXPECT_EQ(heard.number, 1U);
    EXPECT_FALSE(heard.catch_up);
    EXPECT_THAT(heard.facts, ElementsAre("own", "lacks"));
    EXPECT_TRUE(heard.complete);
    EXPECT_EQ(heard.claims, map_.complete());
    EXPECT_FALSE(sender_.idle());
    EXPECT_EQ(sender_.has(), has) << "it has not said so yet";
    EXPECT_TRUE(sender_.acknowledge(1));
    EXPECT_EQ(sender_.has(), map_.complete());
    EXPECT_TRUE(sender_.idle());
    EXPECT_THAT(fill(), IsEmpty());
}

TEST_F(FactSenderTest, PromisesEvenIfThereIsNothingToSend) {
    EXPECT_TRUE(sender_.start(kStream, 0));
    const Heard heard = one();
    EXPECT_TRUE(heard.complete);
    EXPECT_THAT(heard.facts, IsEmpty());
}

TEST_F(FactSenderTest, OwnFactsGoOutAtOnceAndThoseOfOthersAMomentLater) {
    start();
    hear(10, "of a");
    write("own");
    Heard heard = one();
    EXPECT_THAT(heard.facts, ElementsAre("own"));
    EXPECT_FALSE(heard.complete) << "there is more that the peer has not got";
    sender_.pass_on();
    EXPECT_THAT(fill(), IsEmpty());
    sender_.pass_on();
    heard = one();
    EXPECT_THAT(heard.facts, ElementsAre("of a"));
    EXPECT_TRUE(heard.complete);
}

TEST_F(FactSenderTest, WhatThePeerHasGotFromOthersIsNotPassedOn) {
    start();
    hear(10, "of a");
    sender_.pass_on();
    Positions has;
    has.set(a_, time(10));
    sender_.raise_has(has);
    sender_.pass_on();
    EXPECT_THAT(fill(), IsEmpty());
    promise(10);
    EXPECT_THAT(fill(), IsEmpty()) << "nor what it knows to have";
}

TEST_F(FactSenderTest, SendingAllDoesNotWaitForOthers) {
    start();
    hear(10, "of a");
    promise(10);
    sender_.send_all();
    const Heard heard = one();
    EXPECT_THAT(heard.facts, ElementsAre("of a"));
    EXPECT_TRUE(heard.complete);
}

TEST_F(FactSenderTest, WhatComesToBeHereBehindTheStreamIsSentAllTheSame) {
    hear(20, "late one's successor");
    start();
    hear(10, "late");
    EXPECT_THAT(one().facts, ElementsAre("late"));
}

TEST_F(FactSenderTest, ALateOneThatIsReplacedMeanwhileIsNot) {
    hear(20, "x");
    start();
    hear(10, "late");
    write("late");
    EXPECT_THAT(one().facts, ElementsAre("late"));
}

TEST_F(FactSenderTest, RefusesAcknowledgementsOfWhatItNeverSent) {
    EXPECT_FALSE(sender_.acknowledge(1));
    start();
    EXPECT_TRUE(sender_.acknowledge(1)) << "again";
    EXPECT_FALSE(sender_.acknowledge(2));
}

TEST_F(FactSenderTest, SendsAgainWhatThePeerTurnsOutToLack) {
    write("k");
    start();
    sender_.set_has({});
    sender_.send_again();
    const Heard heard = one();
    EXPECT_THAT(heard.facts, ElementsAre("k"));
    EXPECT_EQ(heard.number, 2U);
    EXPECT_EQ(heard.claims, map_.complete());
}

TEST_F(FactSenderTest, APeerBehindTheHorizonIsToldOfEverything) {
    hear(10, "it has");
    hear(11, "deleted", true);
    promise(11);
    Positions all;
    all.set(a_, time(11));
    map_.drop_deleted(all, all, kNow, 100);
    write("own");
    (void)peer_asks_from(10);
    const Heard heard = one();
    EXPECT_TRUE(heard.catch_up);
    EXPECT_THAT(heard.facts, ElementsAre("own", "10")) << "what it has by its stamp only";
    EXPECT_TRUE(sender_.acknowledge(1));
    write("next");
    EXPECT_FALSE(one().catch_up);
}

TEST_F(FactSenderTest, AStreamIsOutrunWhenDeletedOnesGoThatThePeerLacks) {
    hear(10, "k");
    start();
    hear(11, "k", true);
    promise(11);
    Positions all;
    all.set(a_, time(11));
    map_.drop_deleted(all, all, kNow, 100);
    EXPECT_TRUE(sender_.is_outrun()) << "it was sent the one and will not be sent the other";
    sender_.raise_has(all);
    EXPECT_FALSE(sender_.is_outrun());
}

class NarrowFactSenderTest : public FactSenderTest {
protected:
    NarrowFactSenderTest() : FactSenderTest(limits()) {}
    static FactSender::Limits limits() {
        FactSender::Limits limits;
        limits.portion_bytes = 1;  // one fact each
        limits.most_under_way = 150;
        limits.most_late = 2;
        return limits;
    }
    std::vector<std::string> keys(const std::vector<Heard>& frames) {
        std::vector<std::string> result;
        for (const Heard& each : frames) {
            result.insert(result.end(), each.facts.begin(), each.facts.end());
        }
        return result;
    }
};

TEST_F(NarrowFactSenderTest, WaitsForThePeerToKeepUp) {
    for (int i = 0; i < 6; ++i) write("k" + std::to_string(i));
    EXPECT_TRUE(sender_.start(kStream, 0));
    EXPECT_THAT(keys(fill()), ElementsAre("k0", "k1", "k2"));
    EXPECT_THAT(fill(), IsEmpty());
    EXPECT_TRUE(sender_.acknowledge(1));
    EXPECT_THAT(keys(fill()), ElementsAre("k3"));
    EXPECT_TRUE(sender_.acknowledge(4));
    const auto last = fill();
    EXPECT_THAT(keys(last), ElementsAre("k4", "k5"));
    EXPECT_FALSE(last.front().complete);
    EXPECT_TRUE(last.back().complete) << "not before everything was sent";
}

TEST_F(NarrowFactSenderTest, GoesOnWhereThePeerWasAfterALinkBroke) {
    for (int i = 0; i < 5; ++i) write("k" + std::to_string(i));
    EXPECT_TRUE(sender_.start(kStream, 0));
    EXPECT_THAT(keys(fill()), ElementsAre("k0", "k1", "k2"));
    sender_.pause();
    EXPECT_THAT(fill(), IsEmpty());
    write("k1");  // what it was sent is not the latest any more
    EXPECT_TRUE(sender_.start(kStream, 1));
    const auto frames = fill();
    EXPECT_EQ(frames.front().number, 2U);
    EXPECT_THAT(keys(frames), ElementsAre("k2", "k3", "k4"));
    EXPECT_TRUE(sender_.acknowledge(4));
    EXPECT_THAT(keys(fill()), ElementsAre("k1"));
}

TEST_F(NarrowFactSenderTest, SendsLateOnesAgainThatWereLostWithTheLink) {
    hear(20, "x");
    start();
    hear(10, "late");
    EXPECT_THAT(keys(fill()), ElementsAre("late"));
    sender_.pause();
    const std::uint64_t last = 2;  // x, and the promises; late was lost
    EXPECT_TRUE(sender_.start(kStream, last));
    const auto frames = fill();
    EXPECT_THAT(keys(frames), ElementsAre("late"));
}

TEST_F(NarrowFactSenderTest, RefusesToGoOnWithWhatItDoesNotKnow) {
    write("k");
    EXPECT_FALSE(sender_.start(kStream, 7)) << "as after a restart";
    start();
    EXPECT_FALSE(sender_.start(kStream, 9)) << "more than it has sent";
    EXPECT_FALSE(sender_.start(kStream + 1, 1));
    EXPECT_FALSE(sender_.start(kStream, 1)) << "less than it has acknowledged";
    EXPECT_TRUE(sender_.start(kStream, 2));
}

TEST_F(NarrowFactSenderTest, WithManyLateOnesItGoesBackInstead) {
    hear(50, "x");
    start();
    for (int i = 0; i < 3; ++i) hear(10 + i, "late" + std::to_string(i));
    std::vector<std::string> all;
    for (;;) {
        const auto frames = fill();
        if (frames.empty()) break;
        for (const auto& key : keys(frames)) all.push_back(key);
        EXPECT_TRUE(sender_.acknowledge(frames.back().number));
    }
    EXPECT_THAT(all, ElementsAre("late0", "late1", "late2", "x"));
}

TEST(FactSender, EveryFrameFitsTheSmallestThatNodesTake) {
    constexpr std::uint32_t kSmallest = 262'144;
    FactMap::Limits limits;
    limits.fit_frames(kSmallest);
    FactMap map({"own@" + std::string(kLongestNodeName - 4, 'h'), {}}, limits);
    const std::size_t largest = limits.longest_value;
    const std::string key(limits.longest_key - 1, 'k');
    for (char i = 0; i < 12; ++i) {
        const std::size_t size = i % 3 == 0 ? largest : 1000 * static_cast<std::size_t>(i);
        ASSERT_TRUE(
            map.put(kKind, i % 4 == 0 ? key + i : std::string(1, i), std::string(size, 'v'), kNow));
    }
    FactSender sender(map, {});
    ASSERT_TRUE(sender.start(1, 0));
    std::size_t facts = 0;
    bool complete = false;
    while (!complete) {
        std::string bytes;
        sender.fill(kNow, bytes);
        FrameReader frames(kSmallest);
        frames.add(bytes);
        Frame frame;
        auto status = frames.next(frame);
        ASSERT_EQ(status, FrameReader::Status::Complete);
        for (; status == FrameReader::Status::Complete; status = frames.next(frame)) {
            FactsReader reader(frame.body, kNow, {});
            while (reader.next() == FactsReader::Item::Fact) ++facts;
            complete = reader.header().complete;
            ASSERT_TRUE(sender.acknowledge(reader.header().number));
        }
        ASSERT_EQ(status, FrameReader::Status::NeedMore);
    }
    EXPECT_EQ(facts, 12U);
}

TEST_F(FactSenderTest, WhatIsTooLongForThePeerIsLeftOutAndNotPromised) {
    sender_.set_longest_frame(FactMap::Limits::kFrameOverhead + 100);
    hear(1, "before");
    (void)map_.merge({kKind, "long", {time(2), a_}, false, std::string(200, 'x'), nullptr}, {},
                     kNow);
    note();
    hear(3, "behind");
    promise(3);
    EXPECT_TRUE(sender_.start(kStream, 0));
    const Heard heard = one();
    EXPECT_THAT(heard.facts, ElementsAre("before", "behind"));
    EXPECT_EQ(heard.claims[a_].value, time(2).value - 1) << "nothing is said of what is behind it";
    EXPECT_EQ(sender_.left_out(), 1U);
    EXPECT_EQ(sender_.last_left_out().time, time(2));
    EXPECT_EQ(sender_.facts_sent(), 2U);
    EXPECT_TRUE(sender_.acknowledge(heard.number));
    EXPECT_TRUE(sender_.idle());
    // Something shorter takes its place: now everything can be promised.
    write("long");
    const Heard next = one();
    EXPECT_THAT(next.facts, ElementsAre("long"));
    EXPECT_EQ(next.claims[a_], time(3));
    EXPECT_EQ(sender_.left_out(), 1U);
}

TEST_F(FactSenderTest, AFactThatJustFitsThePeerIsSent) {
    hear(1, "k");
    promise(1);
    const std::size_t size = map_.find(kKind, "k")->wire_size() + FactMap::Limits::kFrameOverhead;
    sender_.set_longest_frame(static_cast<std::uint32_t>(size));
    EXPECT_TRUE(sender_.start(kStream, 0));
    EXPECT_THAT(one().facts, ElementsAre("k"));
    sender_.stop();
    sender_.set_longest_frame(static_cast<std::uint32_t>(size - 1));
    EXPECT_TRUE(sender_.start(kStream, 0));
    EXPECT_THAT(one().facts, IsEmpty());
}

}  // namespace
}  // namespace vmq::cluster
