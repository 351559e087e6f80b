#include "broker/cluster_service.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/cluster_test_node.h"

namespace vmq::broker {
namespace {

using namespace std::string_view_literals;
using testing::BlockingPeer;
using testing::ClusterTestNode;
using testing::comes_true;
using testing::connect_as;

class RawClient final : public BlockingPeer {
public:
    RawClient(const ClusterTestNode& node, char id) : BlockingPeer(node.port()) {
        send(connect_as(id));
        EXPECT_EQ(receive_packet().substr(0, 1), "\x20"sv);
    }
    void subscribe() {
        send("\x82\x07\0\x01\0\0\x01t\x01"sv);  // t, QoS 1
        EXPECT_EQ(receive_packet(), "\x90\x04\0\x01\0\x01"sv);
    }
    void publish() {
        send("\x32\x07\0\x01t\0\x07\0x"sv);  // t, QoS 1, "x"
        EXPECT_EQ(receive_packet().substr(0, 1), "\x40"sv);
    }
};

TEST(ClusterServiceShards, NodesThatHaveJoinedPassMessagesOn) {
    ClusterTestNode a("a");
    ClusterTestNode b("b");
    ClusterTestNode c("c");
    EXPECT_TRUE(comes_true([&] { return a.nodes() == "a+ "; }));
    ASSERT_TRUE(b.join(a, "a"));
    ASSERT_TRUE(c.join(b, "b"));
    for (const ClusterTestNode* each : {&a, &b, &c}) {
        EXPECT_TRUE(comes_true([&] { return each->nodes() == "a+ b+ c+ "; })) << each->nodes();
    }
    EXPECT_TRUE(c.join(b, "b")) << "it has been done";
    RawClient subscriber(a, 's');
    subscriber.subscribe();  // whoever has SUBACK gets what anybody publishes from now on
    RawClient publisher(c, 'p');
    publisher.publish();
    EXPECT_EQ(subscriber.receive_packet(), "\x32\x07\0\x01t\0\x01\0x"sv);
}

TEST(ClusterServiceShards, AWipedDiskIsAnotherMemberOfTheName) {
    ClusterTestNode a("a");
    auto b = std::make_unique<ClusterTestNode>("b");
    ASSERT_TRUE(b->join(a, "a"));
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ "; }));
    b.reset();
    b = std::make_unique<ClusterTestNode>("b");
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b- "; }));
    ASSERT_TRUE(b->join(a, "a"));
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ " && b->nodes() == "a+ b+ "; }));
    RawClient subscriber(*b, 's');
    subscriber.subscribe();
    RawClient(a, 'p').publish();
    EXPECT_EQ(subscriber.receive_packet(), "\x32\x07\0\x01t\0\x01\0x"sv);
}

TEST(ClusterServiceShards, DoesNotStartWithWhatItCannotUse) {
    ClusterTestNode wrong("two words");
    ASSERT_FALSE(wrong.started);
    EXPECT_NE(wrong.started.error().detail.find("name@host"), std::string::npos);
    ClusterTestNode a("a");
    ClusterTestNode same("b", a.address().port);
    EXPECT_FALSE(same.started) << "the port is taken";
}

}  // namespace
}  // namespace vmq::broker
