#include "support/connection_hooks_fixture.h"

namespace vmq::broker {
namespace {

TEST_F(ConnectionHooks, SubscribeModifiersReplaceTheFilters) {
    start({Hook::AuthOnSubscribe});
    TestClient& client = broker->connect("v5 client_id=a");
    client.send("SUBSCRIBE id=1 topic=t qos=2 topic=u");
    broker->settle();
    auto verdict = decided<hooks::SubscribeVerdict>(Decision::Ok);
    verdict.topics.emplace();
    verdict.topics->push_back(
        {"a/filter/too/long/to/be/kept/inside/a/string", {mqtt::QoS::AtLeastOnce}});
    verdict.topics->push_back({"u", {}, mqtt::ReasonCode::NotAuthorized});
    Questions::answer(questions.subscribes, std::move(verdict));
    EXPECT_EQ(client.next(), "SUBACK id=1 reasons=0x01,0x87");
    client.send("PUBLISH topic=a/filter/too/long/to/be/kept/inside/a/string payload=x");
    client.send("PUBLISH topic=t payload=y");
    EXPECT_THAT(client.take_payloads(), ElementsAre("x"));
}

hooks::SubscribeVerdict about(std::initializer_list<hooks::SubscribeVerdict::Topic> topics) {
    auto verdict = decided<hooks::SubscribeVerdict>(Decision::Ok);
    verdict.topics = topics;
    return verdict;
}
hooks::SubscribeVerdict::Topic granted(const char* filter) { return {filter, {}}; }
hooks::SubscribeVerdict::Topic left(const char* filter) {
    return {filter, {}, mqtt::ReasonCode::Success, true};
}

/// Two plugins that decide about subscriptions, both later, one after the other.
class TwoDecide : public ConnectionHooks {
protected:
    ~TwoDecide() override { broker.reset(); }  // before what it refers to

    void start_with_a_second() {
        start({Hook::AuthOnSubscribe});
        broker->shard().chain().add(
            std::make_unique<LatePlugin>(second, hook_bit(Hook::AuthOnSubscribe)));
        broker->listener().authz_plugins = hooks::PluginOrder{0, 2};
    }

    Questions second;
};

TEST_F(TwoDecide, SeveralPluginsMayDecideAboutTheFiltersOfOneSubscribe) {
    start_with_a_second();
    TestClient& client = broker->connect("v5 client_id=a");
    client.send("SUBSCRIBE id=1 topic=x topic=y topic=z");
    EXPECT_EQ(client.next(), "nothing");
    Questions::answer(questions.subscribes, about({left("x"), granted("y"), left("z")}));
    EXPECT_EQ(client.next(), "nothing");
    EXPECT_THAT(second.asked, ElementsAre("subscribe x"));
    Questions::answer(second.subscribes, about({granted("x"), left("z")}));
    EXPECT_EQ(client.next(), "SUBACK id=1 reasons=0x00,0x00,0x87");
    // The next one begins with the first plugin again.
    client.send("SUBSCRIBE id=2 topic=w");
    EXPECT_EQ(client.next(), "nothing");
    Questions::answer(questions.subscribes, about({granted("w")}));
    EXPECT_EQ(client.next(), "SUBACK id=2 reasons=0x00");
}

TEST_F(TwoDecide, WhatWasGrantedBeforeRulesHaveChangedIsAskedAgain) {
    start_with_a_second();
    TestClient& client = broker->connect("v5 client_id=a");
    client.send("SUBSCRIBE id=1 topic=secret topic=slow");
    broker->settle();
    Questions::answer(questions.subscribes, about({granted("secret"), left("slow")}));
    broker->settle();
    broker->shard().shared().revocations.rules_changed();
    Questions::answer(second.subscribes, about({granted("slow")}));
    EXPECT_EQ(client.next(), "nothing");
    Questions::answer(questions.subscribes, about({left("secret"), left("slow")}));
    EXPECT_EQ(client.next(), "nothing");
    Questions::answer(second.subscribes, about({left("secret"), granted("slow")}));
    EXPECT_EQ(client.next(), "SUBACK id=1 reasons=0x87,0x00");
}

TEST_F(TwoDecide, WhatWasDecidedStandsIfTheNextPluginDoesNotAnswerInTime) {
    start_with_a_second();
    TestClient& client = broker->connect("v5 client_id=a");
    client.send("SUBSCRIBE id=1 topic=x topic=y");
    broker->settle();
    Questions::answer(questions.subscribes, about({granted("x"), left("y")}));
    broker->settle();
    broker->advance(Seconds(16));
    EXPECT_EQ(client.next(), "SUBACK id=1 reasons=0x00,0x87");
}

TEST_F(ConnectionHooks, AnswersMaySaySomethingInSubackAndUnsuback) {
    start({Hook::AuthOnSubscribe, Hook::OnUnsubscribe});
    TestClient& client = broker->connect("v5 client_id=a");
    client.send("SUBSCRIBE id=1 topic=rewritten");
    broker->settle();
    auto verdict = decided<hooks::SubscribeVerdict>(Decision::Ok);
    verdict.details.reason_string = "until noon";
    verdict.details.user_properties = {{"k", "v"}};
    Questions::answer(questions.subscribes, std::move(verdict));
    EXPECT_EQ(client.next(), "SUBACK id=1 reason_string=until noon user=k:v reasons=0x00");
    client.send("UNSUBSCRIBE id=2 topic=t user=a:b");
    EXPECT_EQ(client.next(), "UNSUBACK id=2 reason_string=as told user=a:b reasons=0x00");
}

TEST_F(ConnectionHooks, UnsubscribeRemovesWhatTheHookSays) {
    start({Hook::OnUnsubscribe, Hook::OnTopicUnsubscribed});
    TestClient& client = broker->subscribe("v5 client_id=a", "topic=rewritten");
    client.send("UNSUBSCRIBE id=2 topic=t");
    EXPECT_EQ(client.next(), "UNSUBACK id=2 reasons=0x00");
    EXPECT_THAT(questions.asked, ElementsAre("unsubscribe t", "unsubscribed rewritten"));
    client.send("PUBLISH topic=rewritten payload=x");
    EXPECT_EQ(client.next(), "nothing");
}

}  // namespace
}  // namespace vmq::broker
