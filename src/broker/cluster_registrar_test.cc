#include "broker/cluster_registrar.h"

#include <gtest/gtest.h>

#include <memory>
#include <string_view>
#include <utility>

#include "support/cluster_test_node.h"

namespace vmq::broker {
namespace {

using namespace std::string_view_literals;
using testing::BlockingPeer;
using testing::ClusterTestNode;
using testing::comes_true;
using testing::connect_as;

TEST(ClusterRegistrarShards, AClientIsAtOneNodeOnly) {
    ClusterTestNode a("a");
    ClusterTestNode b("b");
    ASSERT_TRUE(b.join(a, "a"));
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ " && b.nodes() == "a+ b+ "; }));
    const ClusterTestNode* nodes[] = {&a, &b};
    for (const char id : {'x', 'y', 'z'}) {  // some have either node as their coordinator
        auto client = std::make_unique<BlockingPeer>(a.port());
        client->send(connect_as(id));
        EXPECT_EQ(client->receive_packet().substr(0, 1), "\x20"sv);
        for (int i = 1; i < 6; ++i) {
            auto next = std::make_unique<BlockingPeer>(nodes[i % 2]->port());
            next->send(connect_as(id));
            EXPECT_EQ(next->receive_packet().substr(0, 1), "\x20"sv);
            EXPECT_EQ(client->receive_packet().substr(0, 3), "\xE0\x01\x8E"sv);
            client = std::move(next);
        }
    }
}

}  // namespace
}  // namespace vmq::broker
