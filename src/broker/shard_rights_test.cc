#include "support/keeping_store.h"
#include "support/rights_fixture.h"

namespace vmq::broker {
namespace {

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

TEST_F(ShardRights, AWillThatIsNoLongerAllowedIsNotPublished) {
    TestClient& reader = broker_->subscribe("v5 client_id=r", "topic=#");
    TestClient& bad =
        broker_->connect("v5 client_id=a will_topic=secret/x will_payload=bad username=alice");
    TestClient& good = broker_->connect("v5 client_id=b will_topic=open will_payload=good");
    TestClient& away = broker_->connect(
        "v5 client_id=c will_topic=secret/y will_payload=late will_delay_interval=60 "
        "session_expiry_interval=90");
    away.drop();
    broker_->settle();
    EXPECT_EQ(check(false).wills, 2U);
    EXPECT_EQ(check().wills, 2U);
    EXPECT_EQ(check().wills, 0U);
    EXPECT_EQ(broker_->count(metrics::Counter::WillsRevoked), 2U);
    bad.drop();
    good.drop();
    broker_->settle();
    broker_->advance(Seconds(70));
    EXPECT_THAT(reader.take_payloads(), ElementsAre("good"));
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

TEST_F(ShardRights, WhoseSessionsWouldEndIsToldWithoutEndingThem) {
    TestClient& alice = broker_->connect("v5 client_id=a username=alice");
    (void)broker_->connect("v5 client_id=b username=bob");
    const auto found = broker_->shard().find_unwelcome(
        [](std::string_view username, std::uint8_t) { return username == "alice"; });
    EXPECT_EQ(found.count, 1U);
    ASSERT_EQ(found.named.size(), 1U);
    EXPECT_EQ(found.named[0].client_id, "a");
    EXPECT_EQ(found.named[0].username, "alice");
    EXPECT_EQ(alice.next(), "nothing");
}

TEST_F(ShardRights, AWillIsDroppedAlsoBesideAPluginThatAnswersLater) {
    other_.at_once = false;  // it has no hook for wills, and would answer later if it had
    broker_->shard().chain().add(std::make_unique<Judge>("other", other_));
    TestClient& reader = broker_->subscribe("v5 client_id=r", "topic=#");
    TestClient& client = broker_->connect("v5 client_id=a will_topic=secret/x will_payload=bad");
    EXPECT_EQ(check().wills, 1U);
    client.drop();
    broker_->settle();
    EXPECT_THAT(reader.take_payloads(), ElementsAre());
}

TEST_F(ShardRights, TheWillsOfAllConnectionsOfAClientAreLookedAt) {
    session::Settings settings;
    settings.allow_multiple_sessions = true;
    broker_->use(settings);
    TestClient& reader = broker_->subscribe("v5 client_id=r", "topic=#");
    TestClient& first = broker_->connect("v5 client_id=a will_topic=secret/1 will_payload=bad");
    TestClient& second = broker_->connect("v5 client_id=a will_topic=secret/2 will_payload=bad");
    TestClient& third = broker_->connect("v5 client_id=a will_topic=open will_payload=good");
    EXPECT_EQ(check().wills, 2U);
    for (TestClient* each : {&first, &second, &third}) each->drop();
    broker_->settle();
    EXPECT_THAT(reader.take_payloads(), ElementsAre("good"));
}

TEST_F(ShardRights, ALateAnswerToOutdatedRulesIsAskedAgain) {
    other_.at_once = false;
    broker_->shard().chain().add(std::make_unique<Judge>("other", other_));
    TestClient& client = broker_->subscribe("v5 client_id=a", "topic=secret/x");
    other_.answer = [](std::string_view) { return std::nullopt; };
    EXPECT_EQ(check().undecided, 1U);
    // "rules" allows it again before the other one has said that it has no opinion.
    broker_->shard().shared().revocations.rules_changed();
    other_.waiting.at(0)({});
    broker_->settle();
    EXPECT_EQ(broker_->shard().subscription_count(), 1U);
    client.send("PUBLISH topic=secret/x payload=1");
    EXPECT_THAT(client.take_payloads(), ElementsAre("1"));
}

TEST_F(ShardRights, WhoAnswersLaterSavesNoSessionForSomebodyElse) {
    const auto lasting = [](const char* who) {
        return std::string("v5 client_id=a clean_start=0 session_expiry_interval=60 username=") +
               who;
    };
    (void)broker_->subscribe(lasting("alice"), "topic=t qos=1");
    other_.at_once = false;
    broker_->shard().chain().add(std::make_unique<Judge>("other", other_));
    rules_.answer = [](std::string_view) { return Decision::Next; };
    broker_->connect(lasting("alice"), true).drop();
    (void)broker_->connect(lasting("bob"), false);
    EXPECT_EQ(broker_->shard().subscription_count(), 0U);
}

/// What reauthorize() of client "a" came to; nothing yet if it waits.
class Reauthorize : public ShardRights {
protected:
    std::optional<Reauthorization> reauthorize(std::optional<std::string> username = {}) {
        came_.reset();
        broker_->shard().reauthorize("", "a", std::move(username), [this](Reauthorization outcome) {
            EXPECT_FALSE(came_) << "told twice";
            came_ = outcome;
        });
        broker_->settle();
        return came_;
    }

    std::optional<Reauthorization> came_;
};

TEST_F(Reauthorize, AClientWithoutASessionIsNotThere) {
    EXPECT_EQ(reauthorize(), Reauthorization::NoSession);
}

TEST_F(Reauthorize, WhereNobodyDecidesEverythingStays) {
    broker_ = std::make_unique<TestBroker>();
    (void)broker_->subscribe("v5 client_id=a", "topic=x");
    EXPECT_EQ(reauthorize(), Reauthorization::Unchanged);
    EXPECT_EQ(broker_->shard().subscription_count(), 1U);
}

TEST_F(Reauthorize, EndsWhatIsRefusedNow) {
    TestClient& client = broker_->subscribe("v5 client_id=a", "topic=x");
    client.send("SUBSCRIBE id=2 topic=y");
    (void)client.all();
    EXPECT_EQ(reauthorize(), Reauthorization::Unchanged);
    rules_.answer = [](std::string_view filter) {
        return filter == "x" ? Decision::Next : Decision::Ok;
    };
    EXPECT_EQ(reauthorize(), Reauthorization::Changed);
    EXPECT_EQ(broker_->shard().subscription_count(), 1U);
    EXPECT_THAT(rules_.unsubscribed, ElementsAre("nobody x"));
}

TEST_F(Reauthorize, WaitsForPluginsThatAnswerLater) {
    broker_ = std::make_unique<TestBroker>();
    Judge::Case late;
    late.at_once = false;
    broker_->shard().chain().add(std::make_unique<Judge>("late", late));
    (void)broker_->subscribe("v5 client_id=a", "topic=x");
    late.answer = [](std::string_view) { return std::nullopt; };
    EXPECT_EQ(reauthorize(), std::nullopt);
    late.waiting.at(0)({});
    broker_->settle();
    EXPECT_EQ(came_, Reauthorization::Changed);
    EXPECT_EQ(broker_->shard().subscription_count(), 0U);
}

/// Puts "rewritten" in the place of every filter, for "bob" only.
class Rewriter final : public hooks::Plugin {
public:
    [[nodiscard]] std::string_view name() const noexcept override { return "rewriter"; }
    [[nodiscard]] hooks::HookSet hooks() const noexcept override {
        return hook_bit(hooks::Hook::AuthOnSubscribe);
    }
    std::optional<hooks::SubscribeVerdict> auth_on_subscribe(
        const hooks::SubscribeContext& context,
        hooks::Completion<hooks::SubscribeVerdict> /*done*/) override {
        hooks::SubscribeVerdict verdict;
        verdict.decision = Decision::Ok;
        if (context.username == "bob") {
            verdict.topics.emplace();
            verdict.topics->push_back({"rewritten", context.entries->front().options});
        }
        return verdict;
    }
};

TEST_F(Reauthorize, PutsWhatAPluginSaysInThePlaceOfAFilter) {
    broker_ = std::make_unique<TestBroker>();
    broker_->shard().chain().add(std::make_unique<Rewriter>());
    TestClient& client = broker_->subscribe("v5 client_id=a username=alice", "topic=x");
    EXPECT_EQ(reauthorize(), Reauthorization::Unchanged);
    EXPECT_EQ(reauthorize("bob"), Reauthorization::Changed);
    client.send("PUBLISH topic=x payload=1");
    client.send("PUBLISH topic=rewritten payload=2");
    EXPECT_THAT(client.take_payloads(), ElementsAre("2"));
    EXPECT_EQ(reauthorize("bob"), Reauthorization::Unchanged);
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
    const auto run = std::make_shared<RightsCheck>(changed_rules(), true, 1);
    after.shard().check_rights(run);
    after.settle();
    EXPECT_EQ(run->wait().subscriptions, 1U);
    EXPECT_THAT(rules.unsubscribed, ElementsAre("alice secret/x"));
}

}  // namespace
}  // namespace vmq::broker
