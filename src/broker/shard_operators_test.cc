#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/shard.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using ::testing::ElementsAre;
using vmq::testing::KeptRecords;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

TEST(ShardOperators, DisconnectTellsAnMqtt5ClientAndKeepsItsSession) {
    TestBroker broker;
    TestClient& client = broker.subscribe("v5 client_id=a clean_start=0 session_expiry_interval=60",
                                          "topic=t qos=1");
    EXPECT_TRUE(broker.shard().disconnect_client("", "a", false));
    EXPECT_THAT(client.all(), ElementsAre("DISCONNECT reason=0x98"));
    EXPECT_EQ(client.next(), "closed");
    const Client* kept = broker.shard().find_client("", "a");
    ASSERT_NE(kept, nullptr);
    EXPECT_FALSE(kept->online());
    EXPECT_EQ(kept->subscription_count(), 1U);
    broker.connect("v5 client_id=a clean_start=0 session_expiry_interval=60", true);
}

TEST(ShardOperators, DisconnectClosesAnMqtt3ClientWhoseCleanSessionEnds) {
    TestBroker broker;
    TestClient& client = broker.connect("v311 client_id=a");
    EXPECT_TRUE(broker.shard().disconnect_client("", "a", false));
    EXPECT_EQ(client.next(), "closed");
    EXPECT_EQ(broker.shard().find_client("", "a"), nullptr);
}

TEST(ShardOperators, CleanupTakesSubscriptionsAndMessagesAway) {
    KeptRecords records;
    TestBroker broker({.records = &records});
    const char* words = "v5 client_id=a clean_start=0 session_expiry_interval=60";
    TestClient& client = broker.subscribe(words, "topic=t qos=1");
    broker.connect("v5 client_id=p").send("PUBLISH topic=t qos=1 id=1 payload=x");
    broker.settle();
    (void)client.all();
    EXPECT_TRUE(broker.shard().disconnect_client("", "a", true));
    EXPECT_THAT(client.all(), ElementsAre("DISCONNECT reason=0x98"));
    EXPECT_EQ(broker.shard().find_client("", "a"), nullptr);
    EXPECT_EQ(broker.shard().subscribers().subscription_count(), 0U);
    broker.advance(Millis(100));
    EXPECT_TRUE(records.sessions().empty());
    EXPECT_EQ(records.messages(), 0U);
    broker.connect(words, false);
}

TEST(ShardOperators, CleanupEndsASessionThatIsAway) {
    TestBroker broker;
    broker.connect("v5 client_id=a clean_start=0 session_expiry_interval=60").drop();
    broker.settle();
    EXPECT_TRUE(broker.shard().disconnect_client("", "a", false));
    EXPECT_NE(broker.shard().find_client("", "a"), nullptr);
    EXPECT_TRUE(broker.shard().disconnect_client("", "a", true));
    EXPECT_EQ(broker.shard().find_client("", "a"), nullptr);
    EXPECT_FALSE(broker.shard().disconnect_client("", "a", true));
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

TEST(ShardOperators, TheWillOfADisconnectedClientIsPublished) {
    TestBroker broker;
    TestClient& watcher = broker.subscribe("v5 client_id=w", "topic=gone qos=0");
    broker.connect("v5 client_id=a will_topic=gone will_payload=x");
    broker.shard().disconnect_client("", "a", false);
    EXPECT_EQ(watcher.next(), "PUBLISH qos=0 topic=gone payload=x");
}

TEST(ShardOperators, UnsubscribedIsUnsubscribedInTheStoreToo) {
    KeptRecords records;
    TestBroker broker({.records = &records});
    TestClient& client = broker.subscribe("v5 client_id=a clean_start=0 session_expiry_interval=60",
                                          "topic=t qos=1");
    EXPECT_FALSE(broker.shard().unsubscribe_client("", "a", "other", false));
    EXPECT_FALSE(broker.shard().unsubscribe_client("m", "a", "t", false));
    EXPECT_TRUE(broker.shard().unsubscribe_client("", "a", "t", false));
    EXPECT_FALSE(broker.shard().unsubscribe_client("", "a", "t", false));
    broker.connect("v5 client_id=p").send("PUBLISH topic=t qos=0 payload=x");
    EXPECT_EQ(client.next(), "nothing");
    broker.advance(Millis(100));
    ASSERT_EQ(records.sessions().size(), 1U);
    EXPECT_TRUE(records.sessions().front().subscriptions.empty());
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
