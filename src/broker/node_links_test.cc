#include "broker/node_links.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cluster/number_frame.h"
#include "support/manual_store.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using metrics::Counter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using vmq::testing::ManualStore;
using vmq::testing::StoreProxy;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

constexpr NodeNumber kLinked{7};
constexpr std::size_t kBytes = 1'000'000;

/// Two descriptors that are connected and do not block.
std::pair<int, int> socket_pair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    return {ends[0], ends[1]};
}

cluster::MovedLink moved_link(int fd, std::uint64_t peer_boot, ShardId shard, bool initiated) {
    cluster::MovedLink moved;
    moved.socket = std::make_unique<Descriptor>(fd);
    moved.peer.node = "other@host";
    moved.peer.boot = cluster::Boot{peer_boot};
    moved.peer.longest_frame = 100'000;
    moved.longest_frame = 100'000;
    moved.shard = static_cast<std::uint16_t>(shard);
    moved.version = 1;
    moved.initiated = initiated;
    return moved;
}

/// Two brokers; what is published on shard 0 of the first one goes to the second one.
class NodeLinksTest : public ::testing::Test {
protected:
    NodeLinksTest() {
        for (TestBroker* each : {&near, &far}) {
            each->shard().start_node_links({}, [this](NodeNumber node, ShardId) {
                EXPECT_EQ(node, kLinked);
                ++lost;
            });
        }
        near.shard().add_node(kLinked, {"other@host", "other@host", kBytes});
        near.shard().set_node_slots(kLinked, shard_bit(kSlot));
    }
    static constexpr routing::NodeSlot kSlot = 1;

    void wants(std::string_view filter, bool persistent = true) {
        near.shard().shared().subscriptions.set_remote(kSlot, "", filter, persistent);
    }
    void link(std::uint64_t near_boot = 1) {
        const auto [here, there] = socket_pair();
        near.shard().node_links()->adopt_outgoing(kLinked, moved_link(here, 2, 0, true));
        far.shard().node_links()->adopt_incoming(kLinked, moved_link(there, near_boot, 0, false));
        settle();
    }
    void settle() {
        for (int i = 0; i < 6; ++i) {
            near.settle();
            far.settle();
        }
    }
    void publish(TestClient& client, int first, int last, int qos) {
        for (int i = first; i <= last; ++i) {
            client.send(fmt::format("PUBLISH topic=t qos={} id={} payload={}", qos, i, i));
        }
        settle();
    }
    [[nodiscard]] std::size_t waiting() { return near.shard().find_node(kLinked)->stream.size(); }

    int lost = 0;
    ManualStore store;
    TestBroker near;
    TestBroker far{{.store = std::make_unique<StoreProxy>(store)}};
    TestClient& publisher = near.connect("v5 client_id=pub");
};

TEST_F(NodeLinksTest, MessagesArriveInTheirOrderAndAreAcknowledged) {
    store.automatic = true;
    TestClient& subscriber = far.subscribe("v5 client_id=sub", "topic=t qos=1");
    wants("t", false);
    link();
    publish(publisher, 1, 50, 1);
    EXPECT_THAT(subscriber.take_payloads(), SizeIs(50));
    EXPECT_THAT(publisher.all(), SizeIs(50));
    EXPECT_EQ(waiting(), 0U);
    EXPECT_EQ(near.count(Counter::RouterMatchesRemote), 50U);
    publish(publisher, 1, 3, 0);
    EXPECT_THAT(subscriber.take_payloads(), ElementsAre("1", "2", "3"));
    EXPECT_EQ(lost, 0);
}

TEST_F(NodeLinksTest, APublisherWaitsUntilTheOtherNodeHasStoredIt) {
    store.automatic = true;
    far.subscribe("v5 clean_start=0 session_expiry_interval=60 client_id=sub", "topic=t qos=1")
        .drop();
    wants("t");
    link();
    store.automatic = false;
    publisher.send("PUBLISH topic=t qos=1 id=9 payload=x");
    settle();
    EXPECT_THAT(publisher.all(), IsEmpty());
    EXPECT_EQ(waiting(), 1U);
    store.complete();
    settle();
    EXPECT_EQ(publisher.next(), "PUBACK id=9 reason=0x00");
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(NodeLinksTest, WhatALinkHasLostTheNextOneBringsAndNothingTwice) {
    store.automatic = true;
    TestClient& subscriber = far.subscribe("v5 client_id=sub", "topic=t qos=1");
    wants("t");
    publish(publisher, 1, 5, 1);
    EXPECT_THAT(publisher.all(), IsEmpty()) << "nobody has it";
    EXPECT_EQ(waiting(), 5U);
    link();
    EXPECT_THAT(subscriber.take_payloads(), SizeIs(5));
    EXPECT_THAT(publisher.all(), SizeIs(5));
    link();  // takes the place of the first
    publish(publisher, 6, 7, 1);
    EXPECT_THAT(subscriber.take_payloads(), ElementsAre("6", "7"));
    EXPECT_EQ(near.shard().node_links()->count(), 1U);
    EXPECT_EQ(far.shard().node_links()->count(), 1U);
}

TEST_F(NodeLinksTest, AnAcknowledgementThatWasLostIsNoSecondDelivery) {
    TestClient& subscriber = far.subscribe("v5 client_id=sub", "topic=t qos=1");
    store.automatic = true;
    wants("t");
    const auto [here, there] = socket_pair();
    near.shard().node_links()->adopt_outgoing(kLinked, moved_link(here, 2, 0, true));
    far.shard().node_links()->adopt_incoming(kLinked, moved_link(there, 1, 0, false));
    near.settle();
    far.settle();
    near.settle();
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x");
    near.settle();
    far.settle();  // has it; the acknowledgement stays on the way
    link();
    EXPECT_THAT(subscriber.take_payloads(), ElementsAre("x"));
    EXPECT_EQ(publisher.next(), "PUBACK id=1 reason=0x00");
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(NodeLinksTest, AProcessThatStartsAnewBeginsAnew) {
    store.automatic = true;
    TestClient& subscriber = far.subscribe("v5 client_id=sub", "topic=t qos=1");
    wants("t");
    link(1);
    publish(publisher, 1, 3, 1);
    EXPECT_THAT(subscriber.take_payloads(), SizeIs(3));
    TestBroker again;
    again.shard().start_node_links({}, [](NodeNumber, ShardId) {});
    again.shard().add_node(kLinked, {"far", "far", kBytes});
    again.shard().set_node_slots(kLinked, shard_bit(kSlot));
    again.shard().shared().subscriptions.set_remote(kSlot, "", "t", true);
    const auto [here, there] = socket_pair();
    again.shard().node_links()->adopt_outgoing(kLinked, moved_link(here, 2, 0, true));
    far.shard().node_links()->adopt_incoming(kLinked, moved_link(there, 99, 0, false));
    TestClient& other = again.connect("v5 client_id=pub");
    other.send("PUBLISH topic=t qos=1 id=1 payload=new");
    for (int i = 0; i < 6; ++i) {
        again.settle();
        far.settle();
    }
    EXPECT_THAT(subscriber.take_payloads(), ElementsAre("new"));
    EXPECT_EQ(other.next(), "PUBACK id=1 reason=0x00");
}

TEST_F(NodeLinksTest, WhatDoesNotFitAFrameIsRefused) {
    store.automatic = true;
    TestClient& subscriber = far.subscribe("v5 client_id=sub", "topic=t qos=1");
    wants("t");
    const std::string large(120'000, 'x');
    // Before the first link nobody knows how much the other side takes.
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=" + large);
    publisher.send("PUBLISH topic=t qos=1 id=2 payload=y");
    settle();
    EXPECT_EQ(publisher.next(), "nothing");
    link();
    settle();
    EXPECT_THAT(subscriber.take_payloads(), ElementsAre("y"));
    EXPECT_EQ(waiting(), 0U);
    EXPECT_THAT(publisher.next(), ::testing::StartsWith("PUBACK id=1 reason=0x97"));
    EXPECT_EQ(publisher.next(), "PUBACK id=2 reason=0x00");
    EXPECT_GT(near.count(Counter::ClusterBytesDropped), 100'000U);
    publisher.send("PUBLISH topic=t qos=1 id=3 payload=" + large);
    settle();
    EXPECT_THAT(publisher.next(), ::testing::StartsWith("PUBACK id=3 reason=0x97"));
    EXPECT_EQ(near.count(Counter::DropTooLargeForNode), 2U);
}

TEST_F(NodeLinksTest, WhatTheOtherSideMustNotSendEndsTheLink) {
    wants("t");
    const std::vector<std::pair<cluster::FrameType, std::uint64_t>> bad{
        {cluster::FrameType::StreamState, 5},  // it has had what was never sent
        {cluster::FrameType::Skip, 1}};
    for (const auto& [type, number] : bad) {
        const auto [here, there] = socket_pair();
        near.shard().node_links()->adopt_outgoing(kLinked, moved_link(here, 2, 0, true));
        std::string bytes;
        cluster::append_number(type, number, bytes);
        ASSERT_EQ(::send(there, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
        near.settle();
        EXPECT_EQ(near.shard().node_links()->count(), 0U);
        ::close(there);
    }
    EXPECT_EQ(lost, 2);
    const auto [here, there] = socket_pair();
    far.shard().node_links()->adopt_incoming(kLinked, moved_link(there, 1, 0, false));
    std::string bytes;
    cluster::append_number(cluster::FrameType::StreamStart, 1, bytes);
    cluster::append_number(cluster::FrameType::Skip, 2, bytes);
    ASSERT_EQ(::send(here, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    far.settle();
    EXPECT_EQ(far.shard().node_links()->count(), 0U);
    ::close(here);
}

}  // namespace
}  // namespace vmq::broker
