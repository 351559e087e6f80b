#include "cluster/replication.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/fact_codec.h"
#include "cluster/test_values.h"

namespace vmq::cluster {
namespace {

using test::kKind;
using test::kLongestFrame;
using test::kWall;

/// A member with what its disk is.
struct ReplicatingNode {
    ReplicatingNode(const std::string& name, Replication::Options options)
        : id{name, {}}, facts(id), membership(facts), replication(facts, membership, options) {}

    Writer id;
    FactMap facts;
    Membership membership;
    Replication replication;
    std::size_t frames = 0;  // sent
    std::size_t bytes = 0;
};

/// Some nodes that are one cluster; the links are there when linked.
class ReplicationTest : public ::testing::Test {
protected:
    ReplicationTest() { options_.seed = 1; }

    ReplicatingNode& add(const std::string& name) {
        nodes_.push_back(std::make_unique<ReplicatingNode>(name, options_));
        ReplicatingNode& node = *nodes_.back();
        EXPECT_TRUE(node.membership.announce({}, now()));
        if (nodes_.size() == 1) return node;
        const JoinAnswer answer =
            nodes_[0]->membership.admit(node.membership.request_join(), false, now());
        EXPECT_TRUE(node.membership.on_welcome(std::get<JoinWelcome>(answer), now()));
        return node;
    }
    [[nodiscard]] Moment now() const { return {time_, kWall + time_.time_since_epoch().count()}; }

    void link(ReplicatingNode& a, ReplicatingNode& b, std::uint32_t longest_of_b = kLongestFrame) {
        links_.insert(std::minmax(&a, &b));
        ASSERT_TRUE(a.replication.on_link_up(b.id, longest_of_b));
        ASSERT_TRUE(b.replication.on_link_up(a.id, kLongestFrame));
    }
    void unlink(ReplicatingNode& a, ReplicatingNode& b) {
        links_.erase(std::minmax(&a, &b));
        a.replication.on_link_down(b.id);
        b.replication.on_link_down(a.id);
    }
    ReplicatingNode* find(const Writer& id) {
        for (auto& node : nodes_) {
            if (node->id == id) return node.get();
        }
        return nullptr;
    }

    void link_all() {
        for (auto& one : nodes_) {
            for (auto& other : nodes_) {
                if (one->id < other->id) link(*one, *other);
            }
        }
    }

    /// Turns of all nodes until nobody has anything to say.
    void settle() {
        for (int turns = 0; turns < 1000; ++turns) {
            if (!turn()) return;
        }
        FAIL() << "they never stop talking";
    }
    bool turn() {
        bool any = false;
        for (auto& node : nodes_) {
            for (auto& send : node->replication.turn(now()).sends) {
                any = true;
                deliver(*node, send);
            }
        }
        return any;
    }
    void deliver(ReplicatingNode& from, const Replication::Output::Send& send) {
        ReplicatingNode* to = find(send.peer);
        if (to == nullptr || !links_.contains(std::minmax(&from, to))) return;
        FrameReader reader(1U << 26U);
        reader.add(send.frames);
        Frame frame;
        while (reader.next(frame) == FrameReader::Status::Complete) {
            ASSERT_TRUE(Replication::takes(frame.type));
            ++from.frames;
            from.bytes += frame.body.size();
            const auto received = to->replication.receive(from.id, frame, now());
            ASSERT_TRUE(received) << received.error().detail;
        }
    }
    void pass(std::int64_t ms) {
        for (; ms > 0; ms -= 100) {
            time_ += Millis(100);
            settle();
        }
    }

    void put(ReplicatingNode& node, const std::string& key, const std::string& value = "v") {
        ASSERT_TRUE(node.facts.put(kKind, key, value, now()));
    }
    static std::string value(ReplicatingNode& node, const std::string& key) {
        const Fact* fact = node.facts.find(kKind, key);
        return fact == nullptr ? "none" : std::string(fact->value());
    }

    Replication::Options options_;
    TimePoint time_{Millis{1000}};
    std::vector<std::unique_ptr<ReplicatingNode>> nodes_;
    std::set<std::pair<ReplicatingNode*, ReplicatingNode*>> links_;
};

TEST_F(ReplicationTest, TwoNodesHaveTheSameAsSoonAsTheyAreLinked) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    put(a, "of a");
    put(b, "of b");
    link(a, b);
    settle();
    EXPECT_EQ(value(b, "of a"), "v");
    EXPECT_EQ(value(a, "of b"), "v");
    EXPECT_EQ(a.facts.complete()[a.facts.self()],
              b.facts.complete()[*b.facts.writers().find("a@h", {})]);
    const auto state = a.replication.state_of(b.id);
    EXPECT_TRUE(state.linked && state.in_sync_from && state.in_sync_to);
}

TEST_F(ReplicationTest, ChangesOfATurnGoOutTogether) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    link(a, b);
    settle();
    a.frames = 0;
    for (int i = 0; i < 100; ++i) put(a, "k" + std::to_string(i));
    settle();
    EXPECT_EQ(value(b, "k99"), "v");
    EXPECT_EQ(a.frames, 1U);
    put(a, "k7", "new");
    EXPECT_TRUE(a.facts.erase(kKind, "k8", now()));
    settle();
    EXPECT_EQ(value(b, "k7"), "new");
    EXPECT_EQ(value(b, "k8"), "none");
}

TEST_F(ReplicationTest, WhoHasNoLinkHearsItFromAThird) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    ReplicatingNode& c = add("c@h");
    link(a, b);
    link(b, c);
    settle();
    put(a, "k");
    settle();
    EXPECT_EQ(value(b, "k"), "v");
    EXPECT_EQ(value(c, "k"), "none") << "b does not know that a will not tell it";
    pass(3000);
    EXPECT_EQ(value(c, "k"), "v");
}

TEST_F(ReplicationTest, InAFullMeshNobodyHearsTheSameTwice) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    ReplicatingNode& c = add("c@h");
    link_all();
    pass(3000);
    const auto heard = [](ReplicatingNode& node) {
        return node.replication.counters().facts_received;
    };
    const auto before = heard(b) + heard(c);
    for (int i = 0; i < 50; ++i) {
        put(a, "k" + std::to_string(i));
        pass(500);
    }
    pass(20'000);
    EXPECT_EQ(value(c, "k49"), "v");
    // Once each; and what is passed on because it is time for promises.
    EXPECT_LE(heard(b) + heard(c) - before, 110U);
}

TEST_F(ReplicationTest, ANewNodeIsSentEverythingByOneOnly) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    link(a, b);
    for (int i = 0; i < 1000; ++i) put(a, "key number " + std::to_string(i), std::string(50, 'v'));
    settle();
    ReplicatingNode& c = add("c@h");
    a.bytes = b.bytes = 0;
    link(a, c);
    link(b, c);
    settle();
    EXPECT_EQ(value(c, "key number 999").size(), 50U);
    EXPECT_LT(std::min(a.bytes, b.bytes), 5000U);
    EXPECT_GT(std::max(a.bytes, b.bytes), 60'000U);
}

TEST_F(ReplicationTest, APeerThatStallsIsLeftForAnother) {
    options_.sender.portion_bytes = 1000;
    options_.sender.most_under_way = 2000;
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    link(a, b);
    for (int i = 0; i < 200; ++i) put(a, "key number " + std::to_string(i), std::string(50, 'v'));
    settle();
    ReplicatingNode& c = add("c@h");
    link(a, c);
    link(b, c);
    // Both introduce themselves, then whoever was asked is not heard any more.
    turn();
    turn();
    ReplicatingNode& asked = c.replication.state_of(a.id).in_sync_from ? b : a;
    links_.erase(std::minmax(&asked, &c));
    pass(4000);
    const bool still = value(c, "key number 199") == "none";
    pass(7000);
    EXPECT_TRUE(still);
    EXPECT_EQ(value(c, "key number 199").size(), 50U);
    EXPECT_EQ(c.replication.counters().stalls, 1U);
}

TEST_F(ReplicationTest, ABrokenLinkGoesOnWhereItWas) {
    options_.sender.portion_bytes = 1000;
    options_.sender.most_under_way = 2000;
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    for (int i = 0; i < 500; ++i) put(a, "key number " + std::to_string(i), std::string(50, 'v'));
    link(a, b);
    while (b.facts.size(kKind) < 200) ASSERT_TRUE(turn());
    const std::size_t half = b.facts.size(kKind);
    ASSERT_LT(half, 400U);
    unlink(a, b);
    const auto before = b.replication.counters().facts_received;
    link(a, b);
    settle();
    EXPECT_EQ(b.facts.size(kKind), 500U);
    EXPECT_LT(b.replication.counters().facts_received - before, 500 - half + 60);
}

TEST_F(ReplicationTest, DeletedOnesGoOnceEveryMemberHasThem) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    ReplicatingNode& c = add("c@h");
    link_all();
    put(a, "k");
    settle();
    unlink(a, c);
    unlink(b, c);
    EXPECT_TRUE(b.facts.erase(kKind, "k", now()));
    pass(30'000);
    EXPECT_EQ(a.facts.deleted(), 1U) << "c has not heard of it";
    EXPECT_EQ(b.facts.deleted(), 1U);
    link(a, c);
    link(b, c);
    pass(5000);
    for (auto& node : nodes_) {
        EXPECT_EQ(node->facts.size(kKind), 0U) << node->id.name;
        EXPECT_EQ(node->replication.counters().catch_ups, 0U);
    }
}

TEST_F(ReplicationTest, AMemberThatIsGoneHoldsNothingUp) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    (void)add("c@h");
    link(a, b);
    put(a, "k");
    EXPECT_TRUE(a.facts.erase(kKind, "k", now()));
    pass(5000);
    EXPECT_EQ(b.facts.deleted(), 1U);
    EXPECT_TRUE(a.membership.remove("c@h", now()));
    pass(5000);
    EXPECT_EQ(b.facts.size(kKind), 0U);
}

TEST_F(ReplicationTest, WhoWasAwayForDaysDoesNotBringBackWhatWasDeleted) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    ReplicatingNode& c = add("c@h");
    link_all();
    put(a, "deleted");
    put(a, "kept");
    settle();
    unlink(a, c);
    unlink(b, c);
    EXPECT_TRUE(a.facts.erase(kKind, "deleted", now()));
    put(c, "written meanwhile");
    settle();
    time_ += Millis(25LL * 3600 * 1000);
    pass(3000);
    EXPECT_EQ(a.facts.deleted() + b.facts.deleted(), 0U);
    EXPECT_EQ(a.facts.counters().dropped_early, 1U);
    c.bytes = 0;
    link(a, c);
    link(b, c);
    pass(5000);
    for (auto& node : nodes_) {
        EXPECT_EQ(value(*node, "deleted"), "none") << node->id.name;
        EXPECT_EQ(value(*node, "kept"), "v");
        EXPECT_EQ(value(*node, "written meanwhile"), "v") << "nothing is lost either";
    }
    EXPECT_EQ(c.replication.counters().catch_ups, 1U);
    EXPECT_EQ(c.facts.counters().removed, 1U);
}

TEST_F(ReplicationTest, TwoSidesThatDeletedForDaysBringBackNothingToEachOther) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    link(a, b);
    for (const char* key : {"deleted by a", "deleted by b", "kept"}) put(a, key);
    pass(3000);
    unlink(a, b);
    EXPECT_TRUE(a.facts.erase(kKind, "deleted by a", now()));
    EXPECT_TRUE(b.facts.erase(kKind, "deleted by b", now()));
    put(a, "written by a");
    put(b, "written by b");
    time_ += Millis(25LL * 3600 * 1000);
    pass(3000);
    EXPECT_EQ(a.facts.deleted() + b.facts.deleted(), 0U);
    link(a, b);
    pass(5000);
    for (auto& node : nodes_) {
        EXPECT_EQ(value(*node, "deleted by a"), "none") << node->id.name;
        EXPECT_EQ(value(*node, "deleted by b"), "none") << node->id.name;
        EXPECT_EQ(value(*node, "kept"), "v");
        EXPECT_EQ(value(*node, "written by a"), "v");
        EXPECT_EQ(value(*node, "written by b"), "v");
    }
    EXPECT_EQ(a.facts.counters().removed + b.facts.counters().removed, 2U);
}

TEST_F(ReplicationTest, TheLastWordsOfANodeThatIsGoneAreTakenOver) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    ReplicatingNode& c = add("c@h");
    link(a, b);
    link(b, c);
    settle();
    put(c, "k");
    // It is heard, and nothing else of c ever again.
    for (auto& send : c.replication.turn(now()).sends) {
        FrameReader reader(1U << 20U);
        reader.add(send.frames);
        Frame frame;
        while (reader.next(frame) == FrameReader::Status::Complete) {
            FactsReader facts(frame.body, now(), {});
            ASSERT_TRUE(facts.ok());
            if (facts.next() != FactsReader::Item::Fact) continue;
            FactParts fact = facts.fact();
            fact.stamp.writer = *b.facts.writers().find("c@h", {});
            (void)b.facts.merge(fact, {}, now());
        }
    }
    unlink(b, c);
    ASSERT_EQ(b.facts.find(kKind, "k")->writer(), *b.facts.writers().find("c@h", {}));
    EXPECT_TRUE(b.membership.remove("c@h", now()));
    pass(40'000);
    EXPECT_EQ(value(a, "k"), "v");
    EXPECT_EQ(a.facts.find(kKind, "k")->writer(), a.facts.self());
    EXPECT_EQ(b.facts.find(kKind, "k")->writer(), *b.facts.writers().find("a@h", {}));
    EXPECT_EQ(a.facts.counters().renewed, 1U);
}

TEST_F(ReplicationTest, TheRegularExchangeFindsWhatAPeerLost) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    link(a, b);
    put(a, "k");
    settle();
    // b says that it has nothing of a at all.
    std::string bytes;
    FactVector header;
    header.full = true;
    append_fact_vector(header, b.facts.writers(), {}, {}, {}, bytes);
    const auto before = b.replication.counters().facts_received;
    ASSERT_TRUE(a.replication.receive(
        b.id, {FrameType::FactVector, std::string_view(bytes).substr(kFrameOverhead)}, now()));
    settle();
    EXPECT_EQ(a.replication.counters().vector_mismatches, 1U);
    EXPECT_GT(b.replication.counters().facts_received, before);
}

TEST_F(ReplicationTest, AnIdleClusterSaysVeryLittle) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    link(a, b);
    pass(30'000);
    a.frames = a.bytes = 0;
    pass(60'000);
    EXPECT_LE(a.frames, 7U) << "the positions every ten seconds";
    EXPECT_LE(a.bytes, 1000U);
}

class BadFramesTest : public ReplicationTest {
protected:
    BadFramesTest() : a_(add("a@h")), b_(add("b@h")) {
        EXPECT_TRUE(a_.replication.on_link_up(b_.id, kLongestFrame));
    }
    bool receive(FrameType type, std::string_view body) {
        return static_cast<bool>(a_.replication.receive(b_.id, {type, body}, now()));
    }
    /// The stream that a has asked for.
    std::uint64_t asked() {
        std::string bytes;
        FactVector header;
        header.full = true;
        append_fact_vector(header, b_.facts.writers(), b_.facts.complete(), {}, {}, bytes);
        EXPECT_TRUE(receive(FrameType::FactVector, std::string_view(bytes).substr(kFrameOverhead)));
        FactVector vector;
        for (auto& send : a_.replication.turn(now()).sends) {
            FrameReader reader(1U << 20U);
            reader.add(send.frames);
            Frame frame;
            while (reader.next(frame) == FrameReader::Status::Complete) {
                if (frame.type == FrameType::FactVector) {
                    EXPECT_TRUE(decode_fact_vector(frame.body, vector));
                }
            }
        }
        EXPECT_TRUE(vector.request);
        return vector.stream;
    }
    std::string facts(std::uint64_t stream, std::uint64_t number, bool catch_up = false) {
        std::string bytes;
        FactsWriter writer(b_.facts.writers(), stream, number, catch_up, now(), bytes);
        writer.finish();
        return bytes.substr(kFrameOverhead);
    }

    ReplicatingNode& a_;
    ReplicatingNode& b_;
};

TEST_F(BadFramesTest, BytesThatCannotBeReadEndTheLink) {
    EXPECT_FALSE(receive(FrameType::Facts, "x"));
    EXPECT_FALSE(receive(FrameType::FactVector, ""));
    EXPECT_FALSE(receive(FrameType::FactAck, "x"));
    EXPECT_FALSE(receive(FrameType::Publish, "x"));
}

TEST_F(BadFramesTest, FactsOfAnotherStreamAreIgnored) {
    EXPECT_TRUE(receive(FrameType::Facts, facts(99, 1)));
    const std::uint64_t stream = asked();
    EXPECT_TRUE(receive(FrameType::Facts, facts(stream + 1, 7)));
    EXPECT_EQ(a_.replication.counters().frames_ignored, 2U);
}

TEST_F(BadFramesTest, APartThatIsMissingEndsTheLink) {
    const std::uint64_t stream = asked();
    EXPECT_TRUE(receive(FrameType::Facts, facts(stream, 1)));
    EXPECT_FALSE(receive(FrameType::Facts, facts(stream, 3)));
}

TEST_F(BadFramesTest, WhoIsBehindDoesNotChangeWithinAStream) {
    const std::uint64_t stream = asked();
    EXPECT_TRUE(receive(FrameType::Facts, facts(stream, 1)));
    EXPECT_FALSE(receive(FrameType::Facts, facts(stream, 2, true)));
}

TEST_F(BadFramesTest, AfterHalfAFrameTheStreamDoesNotGoOn) {
    const std::uint64_t stream = asked();
    const std::string half = facts(stream, 1) + "\x03";
    EXPECT_FALSE(receive(FrameType::Facts, half));
    a_.replication.on_link_down(b_.id);
    ASSERT_TRUE(a_.replication.on_link_up(b_.id, kLongestFrame));
    EXPECT_NE(asked(), stream);
}

TEST_F(BadFramesTest, AnAcknowledgementOfWhatWasNeverSentEndsTheLink) {
    std::string bytes;
    FactVector header;
    header.full = header.request = true;
    header.stream = 5;
    append_fact_vector(header, b_.facts.writers(), {}, {}, {}, bytes);
    EXPECT_TRUE(receive(FrameType::FactVector, std::string_view(bytes).substr(kFrameOverhead)));
    bytes.clear();
    append_fact_ack({5, 100}, bytes);
    EXPECT_FALSE(receive(FrameType::FactAck, std::string_view(bytes).substr(kFrameOverhead)));
    bytes.clear();
    append_fact_ack({4, 100}, bytes);
    EXPECT_TRUE(receive(FrameType::FactAck, std::string_view(bytes).substr(kFrameOverhead)))
        << "of a stream that is over";
}

TEST_F(BadFramesTest, NothingIsTakenFromANodeWithoutALink) {
    a_.replication.on_link_down(b_.id);
    EXPECT_TRUE(receive(FrameType::Facts, "x")) << "the rest of a link that is gone";
    EXPECT_FALSE(a_.replication.state_of(b_.id).linked);
}

TEST_F(ReplicationTest, ANodeThatTakesLessHasWhatFitsAndMakesNobodyForgetTheRest) {
    ReplicatingNode& a = add("a@h");
    ReplicatingNode& b = add("b@h");
    ReplicatingNode& small = add("s@h");
    constexpr std::uint32_t kLittle = FactMap::Limits::kFrameOverhead + 1000;
    link(a, b);
    link(a, small, kLittle);
    put(a, "long", std::string(2000, 'x'));
    put(a, "short");
    settle();
    EXPECT_EQ(value(small, "short"), "v");
    EXPECT_EQ(value(small, "long"), "none");
    EXPECT_EQ(value(b, "long"), std::string(2000, 'x'));
    const auto left_out = a.replication.take_left_out();
    ASSERT_EQ(left_out.size(), 1U);
    EXPECT_EQ(left_out[0].peer, small.id);
    EXPECT_EQ(left_out[0].longest_frame, kLittle);
    EXPECT_EQ(left_out[0].last->key(), "long");
    EXPECT_TRUE(a.replication.take_left_out().empty());
    // Quiet while nothing changes, and a new link does not make it complete either.
    pass(30'000);
    const std::size_t frames = a.frames;
    pass(10'000);
    EXPECT_LE(a.frames - frames, 20U);
    unlink(a, small);
    link(small, b);
    unlink(small, b);
    link(a, small, kLittle);
    pass(20'000);
    EXPECT_EQ(value(small, "long"), "none");
    EXPECT_EQ(value(b, "long"), std::string(2000, 'x'));
    EXPECT_EQ(value(a, "long"), std::string(2000, 'x'));
    // Once it takes more, it gets the rest.
    unlink(a, small);
    link(a, small);
    pass(20'000);
    EXPECT_EQ(value(small, "long"), std::string(2000, 'x'));
}

}  // namespace
}  // namespace vmq::cluster
