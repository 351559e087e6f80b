#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/manual_store.h"
#include "support/test_broker.h"
#include "support/two_shards.h"

namespace vmq::broker {
namespace {

using metrics::Counter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;
using vmq::testing::kLasting;
using vmq::testing::ManualStore;
using vmq::testing::payloads;
using vmq::testing::StoreProxy;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

/// Messages of a shared subscription [v5 4.8.2].
using ShardShared = vmq::testing::TwoShards;

INSTANTIATE_TEST_SUITE_P(Here, ShardShared, ::testing::Values(ShardId{0}));
INSTANTIATE_TEST_SUITE_P(Elsewhere, ShardShared, ::testing::Values(ShardId{1}));

TEST_P(ShardShared, EachMessageGoesToOneMember) {
    TestClient& a = broker.subscribe("v5 client_id=" + id("a"), "topic=$share/g/t qos=1");
    TestClient& b =
        broker.subscribe("v5 client_id=" + broker.id_on(0, "b"), "topic=$share/g/t qos=1");
    publish(1, 100);
    auto all = a.take_payloads();
    EXPECT_GT(all.size(), 0U);
    const auto rest = b.take_payloads();
    EXPECT_GT(rest.size(), 0U);
    all.insert(all.end(), rest.begin(), rest.end());
    EXPECT_THAT(all, UnorderedElementsAreArray(payloads(1, 100)));
}

// [v5 4.8.2]: a member that goes away before it acknowledged a QoS 1 message: another gets it.
TEST_P(ShardShared, AnotherMemberGetsWhatOneThatIsGoneHasNotAcknowledged) {
    for (const char* session : {" client_id=", kLasting}) {
        TestClient& leaving = broker.subscribe("v5 receive_maximum=3" + (session + id("leaving")),
                                               "topic=$share/g/t qos=1");
        TestClient& staying = broker.subscribe("v5 client_id=" + broker.id_on(0, "staying"),
                                               "topic=$share/g/t qos=1");
        publish(1, 40);
        EXPECT_THAT(leaving.all(), SizeIs(3));  // the others wait for its acknowledgements
        leaving.drop();
        EXPECT_THAT(staying.take_payloads(), UnorderedElementsAreArray(payloads(1, 40)));
        staying.send("DISCONNECT");
        broker.settle();
    }
}

// [v5 MQTT-4.8.2-4, MQTT-4.8.2-5]: QoS 2 exchanges that have begun are completed with the same
// client if its session goes on.
TEST_P(ShardShared, ExactlyOnceExchangesThatHaveBegunStay) {
    const std::string words = "v5 receive_maximum=3" + (kLasting + id("leaving"));
    TestClient& leaving = broker.subscribe(words, "topic=$share/g/t qos=2");
    publish(1, 5, 2);
    EXPECT_THAT(leaving.all(), SizeIs(3));
    leaving.send("PUBREC id=1");
    EXPECT_EQ(leaving.next(), "PUBREL id=1 reason=0x00");
    TestClient& staying =
        broker.subscribe("v5 client_id=" + broker.id_on(0, "staying"), "topic=$share/g/t qos=2");
    leaving.drop();
    EXPECT_EQ(staying.take_payloads(), payloads(4, 5));
    TestClient& back = broker.connect(words, true);
    EXPECT_THAT(back.all(),
                ElementsAre("PUBREL id=1 reason=0x00", "PUBLISH dup=1 qos=2 topic=t id=2 payload=2",
                            "PUBLISH dup=1 qos=2 topic=t id=3 payload=3"));
}

TEST_P(ShardShared, AnotherMemberGetsWhatOneHasNoRoomFor) {
    session::Settings settings;
    settings.max_online_messages = 2;
    broker.use(settings);
    TestClient& slow =
        broker.subscribe("v5 receive_maximum=1 client_id=" + id("slow"), "topic=$share/g/t qos=1");
    settings.max_online_messages = -1;
    broker.use(settings);
    TestClient& fast =
        broker.subscribe("v5 client_id=" + broker.id_on(0, "fast"), "topic=$share/g/t qos=1");
    publish(1, 100);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 0U);
    auto all = fast.take_payloads();
    EXPECT_THAT(all, SizeIs(97));
    const auto rest = slow.take_payloads();
    all.insert(all.end(), rest.begin(), rest.end());
    EXPECT_THAT(all, UnorderedElementsAreArray(payloads(1, 100)));
}

TEST_P(ShardShared, TheOneMemberThatHasRoomIsFoundAmongManyThatHaveNone) {
    session::Settings settings;
    settings.max_online_messages = 0;
    broker.use(settings);
    constexpr int kFull = 20;
    for (int i = 0; i < kFull; ++i) {
        (void)broker.subscribe(
            fmt::format("v5 receive_maximum=1 client_id={}",
                        broker.id_on(static_cast<ShardId>(i % 2), fmt::format("full{}-", i))),
            "topic=$share/g/t qos=1");
    }
    settings.max_online_messages = -1;
    broker.use(settings);
    TestClient& idle = broker.subscribe("v5 client_id=" + id("idle"), "topic=$share/g/t qos=1");
    publish(1, 200);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 0U);
    EXPECT_THAT(idle.take_payloads(), SizeIs(200 - kFull));
}

TEST_P(ShardShared, AMessageForWhichNobodyHasRoomIsCountedAndAcknowledged) {
    session::Settings settings;
    settings.max_online_messages = 0;
    broker.use(settings);
    for (const char* prefix : {"a", "b"}) {
        (void)broker.subscribe("v5 receive_maximum=1 client_id=" + id(prefix),
                               "topic=$share/g/t qos=1");
    }
    publish(1, 4);
    EXPECT_EQ(broker.count(Counter::QueueMessageDrop), 2U);
    EXPECT_THAT(publisher.all(), SizeIs(4));
}

TEST_P(ShardShared, TheLastMemberKeepsItsMessagesForWhenItIsBack) {
    const std::string words = "v5 receive_maximum=2" + (kLasting + id("last"));
    TestClient& last = broker.subscribe(words, "topic=$share/g/t qos=1");
    publish(1, 5);
    EXPECT_THAT(last.all(), SizeIs(2));
    last.drop();
    broker.settle();
    publish(6, 8);
    EXPECT_EQ(broker.connect(words, true).take_payloads(), payloads(1, 8));
}

TEST_P(ShardShared, AnAbsentMemberGetsWhatWaitedForOneWhoseSessionHasEnded) {
    const std::string ends = "v5 clean_start=0 session_expiry_interval=10 client_id=" + id("ends");
    const std::string stays = "v5" + (kLasting + broker.id_on(0, "stays"));
    for (const std::string& each : {ends, stays}) {
        broker.subscribe(each, "topic=$share/g/t qos=1").drop();
        broker.settle();
    }
    publish(1, 100);
    broker.advance(Seconds(30));
    EXPECT_EQ(broker.count(Counter::ClientExpired), 1U);
    EXPECT_THAT(broker.connect(stays, true).take_payloads(),
                UnorderedElementsAreArray(payloads(1, 100)));
}

TEST_P(ShardShared, MessagesHandedOnAreStoredForTheMemberThatGetsThem) {
    ManualStore store;
    store.automatic = true;
    TestBroker stored({.shards = 2, .store = std::make_unique<StoreProxy>(store)});
    TestClient& leaving = stored.subscribe("v5 receive_maximum=1" + (kLasting + id("leaving")),
                                           "topic=$share/g/t qos=1");
    TestClient& sender = stored.connect("v5 client_id=p");
    for (int i = 1; i <= 3; ++i) {
        sender.send(fmt::format("PUBLISH topic=t qos=1 id={} payload={}", i, i));
    }
    stored.settle();
    TestClient& staying = stored.subscribe(
        std::string("v5") + kLasting + stored.id_on(0, "staying"), "topic=$share/g/t qos=1");
    leaving.drop();
    stored.settle();
    EXPECT_THAT(store.payloads(), UnorderedElementsAreArray(payloads(1, 3)));
    EXPECT_THAT(staying.take_payloads(), UnorderedElementsAreArray(payloads(1, 3)));
    EXPECT_THAT(store.payloads(), IsEmpty());
}

}  // namespace
}  // namespace vmq::broker
