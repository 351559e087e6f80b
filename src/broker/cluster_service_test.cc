#include "broker/cluster_service.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/cluster_test_node.h"
#include "support/temporary_folder.h"

namespace vmq::broker {
namespace {

using namespace std::string_view_literals;
using testing::BlockingPeer;
using testing::ClusterTestNode;
using testing::comes_true;
using testing::connect_as;

class Client final : public BlockingPeer {
public:
    Client(const ClusterTestNode& node, char id) : BlockingPeer(node.port()) {
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
    Client subscriber(a, 's');
    subscriber.subscribe();  // whoever has SUBACK gets what anybody publishes from now on
    Client publisher(c, 'p');
    publisher.publish();
    EXPECT_EQ(subscriber.receive_packet(), "\x32\x07\0\x01t\0\x01\0x"sv);
}

TEST(ClusterServiceShards, SaysWhyANodeCannotJoin) {
    ClusterTestNode a("a");
    ClusterTestNode b("b");
    ClusterTestNode other("a");
    ClusterTestNode stranger("s", 0, "another secret");
    const auto why = [](const Result<void>& result) {
        return result ? "" : result.error().detail.substr(0, result.error().detail.find(':'));
    };
    EXPECT_EQ(why(a.join(b, "a")), "self_join");
    EXPECT_EQ(why(b.service->join("a@127.0.0.1", {"127.0.0.1", 1, false})), "not_reachable");
    EXPECT_EQ(why(b.join(a, "x")), "wrong_name");
    EXPECT_EQ(why(stranger.join(a, "a")), "bad_cookie");
    ASSERT_TRUE(b.join(a, "a"));
    ASSERT_TRUE(comes_true([&] { return b.nodes() == "a+ b+ "; }));
    EXPECT_EQ(why(other.join(b, "b")), "name_taken");
    ClusterTestNode c("c");
    EXPECT_EQ(why(b.join(c, "c")), "non_empty_node");
    EXPECT_EQ(stranger.nodes(), "s+ ");
}

TEST(ClusterServiceShards, ANodeThatIsDownIsSeenAndCanBeTakenOut) {
    testing::TemporaryFolder folder;
    const std::string state = folder.path() + "/b_state";
    ClusterTestNode a("a");
    auto b = std::make_unique<ClusterTestNode>("b", 0, "secret", state);
    ASSERT_TRUE(b->join(a, "a"));
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ "; }));
    b.reset();
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b- "; }));
    b = std::make_unique<ClusterTestNode>("b", 0, "secret", state);  // at another port
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ " && b->nodes() == "a+ b+ "; }));
    b.reset();
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b- "; }));
    EXPECT_FALSE(a.service->remove("x@127.0.0.1"));
    ASSERT_TRUE(a.service->remove("b@127.0.0.1"));
    EXPECT_TRUE(comes_true([&] { return a.nodes() == "a+ "; }));
    b = std::make_unique<ClusterTestNode>("b", 0, "secret", state);
    EXPECT_TRUE(comes_true([&] { return b->nodes() == "b+ "; })) << "it is told that it has left";
    ASSERT_TRUE(b->join(a, "a"));
    EXPECT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ "; }));
}

TEST(ClusterServiceShards, WhenAllHaveMovedAJoinSaysWhereTheyAre) {
    testing::TemporaryFolder folder;
    auto a = std::make_unique<ClusterTestNode>("a", 0, "secret", folder.path() + "/a_state");
    auto b = std::make_unique<ClusterTestNode>("b", 0, "secret", folder.path() + "/b_state");
    ASSERT_TRUE(b->join(*a, "a"));
    ASSERT_TRUE(comes_true([&] { return a->nodes() == "a+ b+ " && b->nodes() == "a+ b+ "; }));
    b.reset();
    a.reset();
    a = std::make_unique<ClusterTestNode>("a", 0, "secret", folder.path() + "/a_state");
    b = std::make_unique<ClusterTestNode>("b", 0, "secret", folder.path() + "/b_state");
    EXPECT_EQ(b->nodes(), "a- b+ ");
    ASSERT_TRUE(b->join(*a, "a"));
    EXPECT_TRUE(comes_true([&] { return a->nodes() == "a+ b+ " && b->nodes() == "a+ b+ "; }));
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
    Client subscriber(*b, 's');
    subscriber.subscribe();
    Client(a, 'p').publish();
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
