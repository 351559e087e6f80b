#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/rights.h"
#include "support/keeping_store.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using hooks::Decision;
using ::testing::ElementsAre;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

/// Answers auth_on_subscribe as the test says, at once or later.
class Judge final : public hooks::Plugin {
public:
    using Answer = std::function<std::optional<Decision>(std::string_view filter)>;
    struct Case {
        Answer answer = [](std::string_view) { return Decision::Ok; };
        std::vector<hooks::Completion<hooks::SubscribeVerdict>> waiting;
        std::vector<std::string> unsubscribed;
        bool at_once = true;
    };

    Judge(std::string name, Case& which) : name_(std::move(name)), case_(which) {}
    [[nodiscard]] std::string_view name() const noexcept override { return name_; }
    [[nodiscard]] hooks::HookSet hooks() const noexcept override {
        return hook_bit(hooks::Hook::AuthOnSubscribe) | hook_bit(hooks::Hook::OnTopicUnsubscribed);
    }
    [[nodiscard]] hooks::HookSet answers_at_once() const noexcept override {
        return case_.at_once ? hook_bit(hooks::Hook::AuthOnSubscribe) : 0;
    }
    std::optional<hooks::SubscribeVerdict> auth_on_subscribe(
        const hooks::SubscribeContext& context,
        hooks::Completion<hooks::SubscribeVerdict> done) override {
        const auto decision = case_.answer(context.entries->front().filter);
        if (!decision) {
            case_.waiting.push_back(std::move(done));
            return std::nullopt;
        }
        hooks::SubscribeVerdict verdict;
        verdict.decision = *decision;
        return verdict;
    }
    void on_topic_unsubscribed(const hooks::UnsubscribeContext& context) override {
        if (context.filters == nullptr) return;
        for (const auto filter : *context.filters) {
            case_.unsubscribed.push_back(std::string(context.username.value_or("nobody")) + " " +
                                         std::string(filter));
        }
    }

private:
    const std::string name_;
    Case& case_;
};

/// All filters that begin with "secret".
std::vector<std::string_view> secrets(const hooks::ClientContext& /*client*/,
                                      std::span<const std::string_view> filters) {
    std::vector<std::string_view> found;
    for (const auto filter : filters) {
        if (filter.starts_with("secret") || filter.starts_with("$share/g/secret")) {
            found.push_back(filter);
        }
    }
    return found;
}

/// A broker whose only plugin is "rules", the one whose rules change.
class ShardRights : public ::testing::Test {
protected:
    ShardRights() {
        TestBroker::Options options;
        broker_ = std::make_unique<TestBroker>(std::move(options));
        broker_->shard().chain().add(std::make_unique<Judge>("rules", rules_));
    }
    LostRights check(bool apply = true) {
        const auto run = std::make_shared<RightsCheck>(secrets, "rules", apply, 1);
        broker_->shard().check_rights(run);
        broker_->settle();
        return run->wait();
    }

    Judge::Case rules_;
    Judge::Case other_;
    std::unique_ptr<TestBroker> broker_;
};

TEST_F(ShardRights, WhatNobodyAllowsEnds) {
    TestClient& client = broker_->subscribe("v5 client_id=a username=alice", "topic=secret/x");
    client.send("SUBSCRIBE id=2 topic=open");
    client.send("SUBSCRIBE id=3 topic=$share/g/secret/y");
    (void)client.all();
    const LostRights lost = check();
    EXPECT_EQ(lost.sessions, 1U);
    EXPECT_EQ(lost.subscriptions, 2U);
    ASSERT_EQ(lost.named.size(), 2U);
    EXPECT_EQ(lost.named.front().client_id, "a");
    EXPECT_EQ(broker_->count(metrics::Counter::SubscriptionsRevoked), 2U);
    EXPECT_EQ(broker_->shard().subscription_count(), 1U);
    client.send("PUBLISH topic=secret/x payload=1");
    client.send("PUBLISH topic=secret/y payload=2");
    client.send("PUBLISH topic=open payload=3");
    EXPECT_THAT(client.take_payloads(), ElementsAre("3"));
    EXPECT_THAT(rules_.unsubscribed,
                ::testing::UnorderedElementsAre("alice secret/x", "alice $share/g/secret/y"));
}

TEST_F(ShardRights, APreviewTellsAndEndsNothing) {
    TestClient& client = broker_->subscribe("v5 client_id=a", "topic=secret/x");
    EXPECT_EQ(check(false).subscriptions, 1U);
    client.send("PUBLISH topic=secret/x payload=1");
    EXPECT_THAT(client.take_payloads(), ElementsAre("1"));
    EXPECT_THAT(rules_.unsubscribed, ElementsAre());
}

TEST_F(ShardRights, WhatAnotherPluginAllowsStays) {
    broker_->shard().chain().add(std::make_unique<Judge>("other", other_));
    other_.answer = [](std::string_view filter) {
        return filter == "secret/x" ? Decision::Ok : Decision::Next;
    };
    TestClient& client = broker_->subscribe("v5 client_id=a", "topic=secret/x");
    client.send("SUBSCRIBE id=2 topic=secret/y");
    (void)client.all();
    EXPECT_EQ(check().subscriptions, 1U);
    client.send("PUBLISH topic=secret/x payload=1");
    client.send("PUBLISH topic=secret/y payload=2");
    EXPECT_THAT(client.take_payloads(), ElementsAre("1"));
}

TEST_F(ShardRights, APluginThatTakesItsTimeIsWaitedForWithoutHoldingAnybodyUp) {
    other_.at_once = false;
    broker_->shard().chain().add(std::make_unique<Judge>("other", other_));
    TestClient& client = broker_->subscribe("v5 client_id=a", "topic=secret/x");
    other_.answer = [](std::string_view) { return std::nullopt; };
    const LostRights lost = check();
    EXPECT_EQ(lost.subscriptions, 0U);
    EXPECT_EQ(lost.undecided, 1U);
    client.send("PUBLISH topic=secret/x payload=1");
    EXPECT_THAT(client.take_payloads(), ElementsAre("1"));
    ASSERT_EQ(other_.waiting.size(), 1U);
    other_.waiting.front()({});  // Next: nobody else is there
    client.send("PUBLISH topic=secret/x payload=2");
    EXPECT_THAT(client.take_payloads(), ElementsAre());
    other_.waiting.front()({});  // a second answer finds nothing
    broker_->settle();
    EXPECT_EQ(broker_->count(metrics::Counter::SubscriptionsRevoked), 1U);
}

TEST_F(ShardRights, AListenerWithPluginsOfItsOwnIsNotAskedForOthers) {
    broker_->shard().chain().add(std::make_unique<Judge>("other", other_));
    broker_->listener().authz_plugins = hooks::PluginOrder{0};
    (void)broker_->subscribe("v5 client_id=a", "topic=secret/x");
    EXPECT_EQ(check().subscriptions, 1U);  // "other" would have allowed it
}

TEST_F(ShardRights, AbsentSessionsAreLookedAtWithTheirUserName) {
    broker_
        ->subscribe("v5 client_id=a clean_start=0 session_expiry_interval=60 username=alice",
                    "topic=secret/x qos=1")
        .drop();
    broker_->settle();
    EXPECT_EQ(check().subscriptions, 1U);
    EXPECT_THAT(rules_.unsubscribed, ElementsAre("alice secret/x"));
    TestClient& other = broker_->connect("v5 client_id=b");
    other.send("PUBLISH topic=secret/x qos=1 id=1 payload=1");
    EXPECT_EQ(other.next(), "PUBACK id=1 reason=0x10");
}

TEST_F(ShardRights, ASessionIsNotGivenToAnotherUserWhoMayNotReadIt) {
    const auto lasting = [](const char* who) {
        return std::string("v5 client_id=a clean_start=0 session_expiry_interval=60 username=") +
               who;
    };
    (void)broker_->subscribe(lasting("alice"), "topic=t qos=1");
    broker_->connect(lasting("alice"), true).drop();
    broker_->connect(lasting("bob"), true).drop();  // he may read it
    rules_.answer = [](std::string_view) { return Decision::Next; };
    broker_->connect(lasting("bob"), true).drop();  // it is his
    (void)broker_->connect(lasting("carol"), false);
    EXPECT_EQ(broker_->shard().subscription_count(), 0U);
}

TEST(Revocations, FindLoginsThatWereOnTheirWay) {
    Revocations revocations;
    const auto of = [](std::string name) {
        return [name = std::move(name)](std::string_view username, std::uint8_t place) {
            return username == name && place == 1;
        };
    };
    const std::uint64_t before = revocations.now();
    EXPECT_FALSE(revocations.hit(before, "alice", 1));
    revocations.add(of("alice"));
    const std::uint64_t after = revocations.now();
    EXPECT_TRUE(revocations.hit(before, "alice", 1));
    EXPECT_FALSE(revocations.hit(before, "alice", 2));
    EXPECT_FALSE(revocations.hit(before, "bob", 1));
    EXPECT_FALSE(revocations.hit(after, "alice", 1));
    for (int i = 0; i < 64; ++i) revocations.add(of("carol"));
    EXPECT_TRUE(revocations.hit(before, "bob", 1));  // too long ago to be told
    EXPECT_FALSE(revocations.hit(after, "bob", 1));
}

TEST_F(ShardRights, SessionsOfAPasswordThatIsGoneEndWithNotAuthorized) {
    TestClient& alice = broker_->connect("v5 client_id=a username=alice");
    TestClient& old = broker_->connect("v311 client_id=o username=alice");
    TestClient& bob = broker_->connect("v5 client_id=b username=bob");
    broker_->shard().disconnect_unwelcome(
        [](std::string_view username, std::uint8_t authenticated_by) {
            return username == "alice" && authenticated_by == session::kNotAuthenticated;
        },
        "gone");
    EXPECT_EQ(alice.next(), "DISCONNECT reason=0x87");
    EXPECT_EQ(alice.next(), "closed");
    EXPECT_EQ(old.next(), "closed");
    EXPECT_EQ(bob.next(), "nothing");
    EXPECT_EQ(broker_->count(metrics::Counter::SessionsRevoked), 2U);
}

TEST(StoredRights, TheUserNameOfASessionOutlivesTheProcess) {
    vmq::testing::KeptRecords records;
    Judge::Case rules;
    {
        TestBroker::Options options;
        options.records = &records;
        TestBroker before(std::move(options));
        before
            .subscribe("v5 client_id=a clean_start=0 session_expiry_interval=60 username=alice",
                       "topic=secret/x qos=1")
            .drop();
        before.settle();
    }
    TestBroker::Options options;
    options.records = &records;
    TestBroker after(std::move(options));
    after.shard().chain().add(std::make_unique<Judge>("rules", rules));
    const auto run = std::make_shared<RightsCheck>(secrets, "rules", true, 1);
    after.shard().check_rights(run);
    after.settle();
    EXPECT_EQ(run->wait().subscriptions, 1U);
    EXPECT_THAT(rules.unsubscribed, ElementsAre("alice secret/x"));
}

}  // namespace
}  // namespace vmq::broker
