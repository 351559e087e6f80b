#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/shard.h"
#include "support/keeping_store.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using ::testing::ElementsAre;
using vmq::testing::KeptRecords;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

constexpr const char* kGone = "DISCONNECT reason=0x98";
constexpr const char* kKeptAlive = " clean_start=0 session_expiry_interval=100";

/// One shard with a store, whose thread the test plays.
class ShardOperator : public ::testing::Test {
protected:
    Shard& shard() { return broker.shard(); }

    KeptRecords records;
    TestBroker broker{{.records = &records}};
};

TEST_F(ShardOperator, ADisconnectedClientIsToldWhyAndItsSessionStays) {
    TestClient& client =
        broker.subscribe(std::string("v5 client_id=a") + kKeptAlive, "topic=t qos=1");
    EXPECT_TRUE(shard().disconnect_client("", "a", false));
    broker.settle();
    EXPECT_EQ(client.next(), kGone);
    EXPECT_EQ(client.next(), "closed");
    broker.connect(std::string("v5 client_id=a") + kKeptAlive, true);
    EXPECT_FALSE(shard().disconnect_client("", "b", false));
    EXPECT_FALSE(shard().disconnect_client("mp", "a", false));
}

TEST_F(ShardOperator, CleanupEndsTheSessionConnectedOrNot) {
    TestClient& client =
        broker.subscribe(std::string("v5 client_id=a") + kKeptAlive, "topic=t qos=1");
    EXPECT_TRUE(shard().disconnect_client("", "a", true));
    broker.settle();
    EXPECT_EQ(client.next(), kGone);
    EXPECT_EQ(shard().client_count(), 0U);
    broker.advance(Seconds(10));
    EXPECT_TRUE(records.sessions().empty());

    broker.connect(std::string("v5 client_id=a") + kKeptAlive).drop();
    broker.settle();
    EXPECT_TRUE(shard().disconnect_client("", "a", true));
    EXPECT_FALSE(shard().disconnect_client("", "a", true));
    broker.connect(std::string("v5 client_id=a") + kKeptAlive, false);
}

TEST_F(ShardOperator, ASessionThatEndsWithItsConnectionIsCleanedUpOnce) {
    broker.connect("v5 client_id=a");
    EXPECT_TRUE(shard().disconnect_client("", "a", true));
    broker.settle();
    EXPECT_EQ(shard().client_count(), 0U);
    EXPECT_EQ(broker.count(metrics::Counter::QueueTeardown), 1U);
}

TEST_F(ShardOperator, TheWillOfADisconnectedClientIsSent) {
    TestClient& watcher = broker.subscribe("v5 client_id=w", "topic=w");
    broker.connect("v5 client_id=a will_topic=w will_payload=bye");
    EXPECT_TRUE(shard().disconnect_client("", "a", false));
    broker.settle();
    EXPECT_THAT(watcher.take_payloads(), ElementsAre("bye"));
}

TEST_F(ShardOperator, SomeAreDisconnectedButNotTheSpared) {
    for (const char* id : {"a", "b", "c", "d"}) broker.connect("v5 client_id=" + std::string(id));
    EXPECT_EQ(shard().disconnect_some(1, {"a"}, false), 1U);
    EXPECT_EQ(shard().disconnect_some(9, {"a"}, false), 2U);
    EXPECT_EQ(shard().disconnect_some(9, {"a"}, false), 0U);
    broker.settle();
    EXPECT_EQ(shard().client_count(), 1U);
    EXPECT_TRUE(shard().disconnect_client("", "a", false));
}

TEST_F(ShardOperator, ASubscriptionIsTakenAwayForGood) {
    TestClient& client =
        broker.subscribe(std::string("v5 client_id=a") + kKeptAlive, "topic=t/# qos=1");
    EXPECT_FALSE(shard().unsubscribe_client("", "a", "t/+", false));
    EXPECT_TRUE(shard().unsubscribe_client("", "a", "t/#", false));
    EXPECT_FALSE(shard().unsubscribe_client("", "a", "t/#", false));
    EXPECT_FALSE(shard().unsubscribe_client("", "b", "t/#", false));
    TestClient& publisher = broker.connect("v5 client_id=p");
    publisher.send("PUBLISH topic=t/1 qos=0 payload=x");
    broker.settle();
    EXPECT_EQ(client.next(), "nothing");
    broker.advance(Seconds(10));
    ASSERT_EQ(records.sessions().size(), 1U);
    EXPECT_TRUE(records.sessions()[0].subscriptions.empty());
}

TEST_F(ShardOperator, ARetainedMessageIsDeletedAlsoFromTheStore) {
    TestClient& publisher = broker.connect("v5 client_id=p");
    publisher.send("PUBLISH topic=t qos=1 id=1 retain=1 payload=x");
    broker.settle();
    ASSERT_EQ(records.retained().size(), 1U);
    EXPECT_FALSE(shard().delete_retained("mp", "t"));
    EXPECT_TRUE(shard().delete_retained("", "t"));
    EXPECT_FALSE(shard().delete_retained("", "t"));
    broker.advance(Seconds(10));
    EXPECT_TRUE(records.retained().empty());
}

TEST(ShardOperators, DisconnectEndsAllSessionsOfAClientIdInItsMountpoint) {
    session::Settings settings;
    settings.allow_multiple_sessions = true;
    TestBroker broker({.settings = settings});
    std::vector<TestClient*> clients{&broker.connect("v5 client_id=a"),
                                     &broker.connect("v5 client_id=a clean_start=0", true),
                                     &broker.connect("v5 client_id=a clean_start=0", true)};
    broker.listener().policy.mountpoint = "m";
    TestClient& other = broker.connect("v5 client_id=a");
    EXPECT_TRUE(broker.shard().disconnect_client("", "a", false));
    for (TestClient* client : clients) EXPECT_EQ(client->next(), "DISCONNECT reason=0x98");
    EXPECT_EQ(other.next(), "nothing");
}

/// Remembers which filters it was told are gone.
class Listening final : public hooks::Plugin {
public:
    explicit Listening(std::vector<std::string>& filters) : filters_(filters) {}
    [[nodiscard]] std::string_view name() const noexcept override { return "listening"; }
    [[nodiscard]] hooks::HookSet hooks() const noexcept override {
        return hooks::hook_bit(hooks::Hook::OnTopicUnsubscribed);
    }
    void on_topic_unsubscribed(const hooks::UnsubscribeContext& context) override {
        if (context.filters == nullptr) return;  // a session has ended
        for (const auto& each : *context.filters) filters_.emplace_back(each);
    }

private:
    std::vector<std::string>& filters_;
};

TEST(ShardOperators, PluginsAreToldOfAnUnsubscribeIfAskedFor) {
    std::vector<std::string> told;
    TestBroker broker({.plugin = std::make_unique<Listening>(told)});
    TestClient& client = broker.subscribe("v5 client_id=a", "topic=t qos=1");
    client.send("SUBSCRIBE id=2 topic=u qos=1");
    broker.settle();
    broker.shard().unsubscribe_client("", "a", "t", false);
    EXPECT_THAT(told, ElementsAre());
    broker.shard().unsubscribe_client("", "a", "u", true);
    EXPECT_THAT(told, ElementsAre("u"));
}

TEST(ShardOperators, ClientsAreFoundByNumber) {
    TestBroker broker;
    broker.connect("v5 client_id=a");
    Client* client = broker.shard().find_client("", "a");
    ASSERT_NE(client, nullptr);
    EXPECT_EQ(broker.shard().find_client(client->number), client);
    EXPECT_EQ(broker.shard().find_client(ClientNumber{1}), nullptr);
    EXPECT_THAT(*broker.shard().clients_named("a"), ElementsAre(client->number));
}

}  // namespace
}  // namespace vmq::broker
