#include "broker/client.h"

#include <gtest/gtest.h>

#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using vmq::testing::TestBroker;

TEST(Client, HashTellsMountpointAndClientIdApart) {
    EXPECT_EQ(client_hash("m", "a"), client_hash("m", "a"));
    EXPECT_NE(client_hash("m", "a"), client_hash("a", "m"));
    EXPECT_NE(client_hash("", "ab"), client_hash("a", "b"));
    EXPECT_NE(client_hash("m", "a"), client_hash("m", "b"));
    EXPECT_NE(client_hash("m", "a", 1), client_hash("m", "a", 2));
}

TEST(Client, HomesSpreadOverTheShards) {
    TestBroker broker({.shards = 4});
    int homes[4] = {};
    for (int i = 0; i < 4000; ++i)
        ++homes[broker.shard().home_of("", "client" + std::to_string(i))];
    for (const int count : homes) EXPECT_NEAR(count, 1000, 150);
}

TEST(Client, IsPersistentWhileItsSessionOutlivesTheConnection) {
    TestBroker broker;
    Client client(broker.shard(), ClientNumber{1}, "m", "a", {});
    EXPECT_EQ(client.hash, client_hash("m", "a"));
    EXPECT_FALSE(client.persistent());
    client.session_expiry_s = 1;
    EXPECT_TRUE(client.persistent());
}

TEST(Client, IsOnlineWithAnyLane) {
    TestBroker broker;
    Client client(broker.shard(), ClientNumber{1}, "", "a", {});
    EXPECT_FALSE(client.online());
    client.more.push_back(std::make_unique<Lane>(queue::Limits{}, false));
    EXPECT_TRUE(client.online());
}

}  // namespace
}  // namespace vmq::broker
