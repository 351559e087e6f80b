#include "broker/rights_questions.h"

#include "support/rights_fixture.h"

namespace vmq::broker {
namespace {

class RightsQuestionsTest : public ShardRights {};

TEST_F(RightsQuestionsTest, APluginThatTakesItsTimeIsWaitedForWithoutHoldingAnybodyUp) {
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

TEST_F(RightsQuestionsTest, APluginThatDoesNotAnswerInTimeHasNoOpinion) {
    other_.at_once = false;
    other_.answer = [](std::string_view) { return std::nullopt; };
    broker_->shard().chain().add(std::make_unique<Judge>("other", other_));
    Judge::Case third;
    third.answer = [](std::string_view filter) {
        return filter == "secret/kept" ? Decision::Ok : Decision::Next;
    };
    broker_->shard().chain().add(std::make_unique<Judge>("third", third));
    TestClient& client = broker_->subscribe("v5 client_id=a", "topic=secret/x");
    client.send("SUBSCRIBE id=2 topic=secret/kept");
    (void)client.all();
    EXPECT_EQ(check().undecided, 2U);
    broker_->advance(Seconds(14));
    EXPECT_EQ(broker_->shard().subscription_count(), 2U);
    broker_->advance(Seconds(2));
    EXPECT_EQ(broker_->shard().subscription_count(), 1U);
    client.send("PUBLISH topic=secret/kept payload=1");
    EXPECT_THAT(client.take_payloads(), ElementsAre("1"));
    EXPECT_EQ(broker_->shard().chain().counts(1, hooks::Hook::AuthOnSubscribe).timeouts, 2U);
    other_.waiting.front()({});  // too late
    broker_->settle();
    EXPECT_EQ(broker_->count(metrics::Counter::SubscriptionsRevoked), 1U);
}

TEST_F(RightsQuestionsTest, NotEverythingIsAskedAtOnce) {
    other_.at_once = false;
    broker_->shard().chain().add(std::make_unique<Judge>("other", other_));
    TestClient& client = broker_->subscribe("v5 client_id=a", "topic=secret/0");
    const std::size_t all = RightsQuestions::kMaxOpen + 7;
    for (std::size_t i = 1; i < all; ++i) {
        client.send("SUBSCRIBE id=2 topic=secret/" + std::to_string(i));
    }
    (void)client.all();
    other_.answer = [](std::string_view) { return std::nullopt; };
    EXPECT_EQ(check().undecided, all);
    EXPECT_EQ(other_.waiting.size(), RightsQuestions::kMaxOpen);
    for (std::size_t i = 0; i < all; ++i) other_.waiting.at(i)({});
    EXPECT_EQ(other_.waiting.size(), all);
    broker_->settle();
    EXPECT_EQ(broker_->count(metrics::Counter::SubscriptionsRevoked), all);
}

}  // namespace
}  // namespace vmq::broker
