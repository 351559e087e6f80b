#include "broker/cluster_wills.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "support/cluster_test_node.h"

namespace vmq::broker {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using testing::BlockingPeer;
using testing::ClusterTestNode;
using testing::comes_true;

/// MQTT 3.1.1, clean session, a will of QoS 0 on "w".
std::string connect_with_will(char id) {
    return "\x10\x13\x00\x04MQTT\x04\x06\x00\x3C\x00\x01"s + id + "\x00\x01w\x00\x01x"s;
}

std::size_t known(const ClusterTestNode& node) {
    std::size_t count = 0;
    for (const auto& each : node.service->nodes()) count += each.wills;
    return count;
}

TEST(ClusterWillsOfTwo, ARemovedNodesWillsArePublishedByTheOther) {
    ClusterTestNode a("a");
    ClusterTestNode b("b");
    ASSERT_TRUE(b.join(a, "a"));
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ " && b.nodes() == "a+ b+ "; }));
    BlockingPeer watcher(a.port());
    watcher.send(testing::connect_as('w'));
    EXPECT_EQ(watcher.receive_packet().substr(0, 1), "\x20"sv);
    watcher.send("\x82\x07\x00\x01\x00\x00\x01w\x00"sv);
    EXPECT_EQ(watcher.receive_packet().substr(0, 1), "\x90"sv);

    BlockingPeer good(b.port());
    good.send(connect_with_will('g'));
    EXPECT_EQ(good.receive_packet().substr(0, 1), "\x20"sv);
    BlockingPeer bad(b.port());
    bad.send(connect_with_will('b'));
    EXPECT_EQ(bad.receive_packet().substr(0, 1), "\x20"sv);
    EXPECT_TRUE(comes_true([&] { return known(a) == 2; }));
    good.send("\xE0\x00"sv);
    EXPECT_TRUE(comes_true([&] { return known(a) == 1; }));
    ASSERT_TRUE(a.service->remove("b@127.0.0.1"));
    EXPECT_EQ(watcher.receive_packet(), "\x30\x05\x00\x01w\x00x"sv);
    EXPECT_TRUE(comes_true([&] { return a.nodes() == "a+ "; }));
}

}  // namespace
}  // namespace vmq::broker
