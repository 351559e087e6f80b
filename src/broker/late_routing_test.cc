#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/session_moves.h"
#include "broker/shard.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using metrics::Counter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using vmq::testing::TestBroker;

constexpr NodeNumber kSender{7};
constexpr NodeNumber kThird{8};

class LateRouting : public ::testing::Test {
protected:
    LateRouting() {
        for (const auto& [node, name] :
             {std::pair(kSender, "sender"), std::pair(kThird, "third")}) {
            broker.shard().add_node(
                node, {name, name, 100'000, nullptr, std::make_shared<SpoolSize>(disk)});
            broker.shard().node_linked(*broker.shard().find_node(node), true);
        }
        parts.topic = "t";
        parts.payload = "x";
        parts.qos = mqtt::QoS::AtLeastOnce;
        (void)broker.shard().shared().late_messages.add({"", "gone", {"t"}, {kSender}}, 1);
    }
    /// Addresses of what waits for the node.
    std::vector<std::string> addresses(NodeNumber node) {
        std::vector<std::string> found;
        auto& stream = broker.shard().find_node(node)->stream;
        EXPECT_TRUE(stream.restart(0));
        while (stream.has_next()) {
            const auto next = stream.next();
            found.push_back(next.waiter.route ? next.waiter.route->group : "all");
        }
        return found;
    }

    static constexpr std::size_t disk = 100'000;
    vmq::testing::KeptRecords records;
    TestBroker broker{TestBroker::Options{.records = &records}};
    mqtt::MessageParts parts;
    const Reply reply{ConnectionNumber{kInboxBit | 1}, 1, 0};
};

TEST_F(LateRouting, AMessageGoesAfterASessionToEveryNode) {
    const auto routed = broker.shard().moves().route_late(parts, reply, kSender);
    EXPECT_EQ(routed.waits, 2U) << "until it is on disk here for both";
    broker.settle();
    EXPECT_EQ(records.messages(), 2U);
    EXPECT_THAT(addresses(kSender), ElementsAre("$session/gone"));
    EXPECT_THAT(addresses(kThird), ElementsAre("$session/gone"));
    EXPECT_EQ(broker.count(Counter::ClusterMessagesLate), 1U);
}

TEST_F(LateRouting, OnlyThoseOfNodesThatWereAwayDo) {
    EXPECT_EQ(broker.shard().moves().route_late(parts, reply, kThird).waits, 0U);
    EXPECT_THAT(addresses(kThird), IsEmpty());
}

TEST_F(LateRouting, IsRefusedWhenANodeTakesNoMore) {
    const std::string large(60'000, 'x');
    parts.payload = large;
    (void)broker.shard().moves().route_late(parts, reply, kSender);
    (void)broker.shard().moves().route_late(parts, reply, kSender);
    const auto routed = broker.shard().moves().route_late(parts, reply, kSender);
    EXPECT_EQ(routed.reason, mqtt::ReasonCode::QuotaExceeded);
    EXPECT_EQ(routed.waits, 0U);
    EXPECT_EQ(addresses(kThird).size(), 2U);
    broker.settle();
}

TEST_F(LateRouting, GoesOnAfterASessionThatHasGoneOnButNotForEver) {
    SessionMoves& moves = broker.shard().moves();
    EXPECT_EQ(moves.route_to_session(parts, reply, "gone", 0, kThird).waits, 0U);
    EXPECT_EQ(moves.route_to_session(parts, reply, "gone", 1, kSender).waits, 2U);
    EXPECT_EQ(moves.route_to_session(parts, reply, "gone", 2, kSender).waits, 0U);
    EXPECT_THAT(addresses(kThird), ElementsAre("$session/gone"));
}

TEST_F(LateRouting, AMessageForOneSessionIsForNobodyElse) {
    auto& one = broker.subscribe("v5 clean_start=0 session_expiry_interval=60 client_id=one",
                                 "topic=t qos=1");
    auto& other = broker.subscribe("v5 clean_start=0 session_expiry_interval=60 client_id=other",
                                   "topic=t qos=1");
    auto& clean = broker.subscribe("v5 client_id=clean", "topic=t qos=1");
    (void)broker.shard().moves().route_to_session(parts, reply, "one", 0, kSender);
    (void)broker.shard().moves().route_to_session(parts, reply, "clean", 0, kSender);
    broker.settle();
    EXPECT_THAT(one.take_payloads(), ElementsAre("x"));
    EXPECT_THAT(other.take_payloads(), IsEmpty());
    EXPECT_THAT(clean.take_payloads(), IsEmpty());
}

}  // namespace
}  // namespace vmq::broker
