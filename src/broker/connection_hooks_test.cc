#include "support/connection_hooks_fixture.h"

namespace vmq::broker {
namespace {

TEST_F(ConnectionHooks, ALateOkAcceptsTheClientAndHandlesWhatItSentBehindConnect) {
    start({Hook::AuthOnRegister});
    TestClient& client = broker->open();
    client.send("CONNECT client_id=a");
    client.send("PINGREQ");
    EXPECT_EQ(client.next(), "nothing");
    answer_register(Decision::Ok);
    EXPECT_THAT(client.all(), ElementsAre("CONNACK session_present=0 reason=0x00", "PINGRESP"));
    EXPECT_THAT(questions.asked, ElementsAre("register a"));
}

TEST_F(ConnectionHooks, MoreClientsThanMayWaitForAPluginAreToldThatTheBrokerIsBusy) {
    start({Hook::AuthOnRegister});
    broker->listener().max_authentications = 2;
    TestClient& first = broker->open();
    TestClient& gone = broker->open();
    first.send("CONNECT client_id=a");
    gone.send("CONNECT client_id=b");
    broker->settle();
    TestClient& late = broker->open();
    late.send("CONNECT client_id=c");
    EXPECT_EQ(late.next(), "CONNACK session_present=0 reason=0x89");
    EXPECT_EQ(late.next(), "closed");
    TestClient& old = broker->open("v311");
    old.send("CONNECT client_id=d");
    EXPECT_EQ(old.next(), "CONNACK session_present=0 reason=0x03");
    EXPECT_EQ(broker->count(metrics::Counter::ConnectRefusedBusy), 2U);
    using metrics::Direction;
    EXPECT_EQ(broker->count(metrics::PacketKind{Direction::Sent, true, 2, 0x89}), 1U);
    EXPECT_EQ(broker->count(metrics::PacketKind{Direction::Sent, false, 2, 3}), 1U);
    EXPECT_EQ(broker->count(metrics::PacketKind{Direction::Received, false, 1}), 1U);
    gone.drop();  // gives its place free, and so does an answer
    broker->settle();
    TestClient& second = broker->open();
    second.send("CONNECT client_id=e");
    broker->settle();
    answer_register(Decision::Ok);
    EXPECT_EQ(first.next(), "CONNACK session_present=0 reason=0x00");
    TestClient& third = broker->open();
    third.send("CONNECT client_id=f");
    EXPECT_EQ(third.next(), "nothing");
    EXPECT_THAT(questions.asked,
                ElementsAre("register a", "register b", "register e", "register f"));
}

TEST_F(ConnectionHooks, OnRegisterIsToldWhatTheConnackTells) {
    start({Hook::AuthOnRegister, Hook::OnRegister});
    TestClient& client = broker->open();
    client.send("CONNECT client_id=a");
    broker->settle();
    auto verdict = decided<hooks::RegisterVerdict>(Decision::Ok);
    verdict.modifiers.max_qos = mqtt::QoS::AtLeastOnce;
    Questions::answer(questions.registers, std::move(verdict));
    broker->settle();
    TestClient& other = broker->open();
    other.send("CONNECT client_id=b");
    broker->settle();
    answer_register(Decision::Ok);
    broker->settle();
    TestClient& old = broker->open("v311");
    old.send("CONNECT client_id=c clean_start=1");
    broker->settle();
    answer_register(Decision::Ok);
    broker->settle();
    EXPECT_THAT(questions.asked,
                ElementsAre("register a", "registered a: maximum_qos=1", "register b",
                            "registered b: the usual", "register c", "registered c: nothing"));
}

TEST_F(ConnectionHooks, ALateErrorRefusesTheClient) {
    start({Hook::AuthOnRegister});
    TestClient& client = broker->open();
    client.send("CONNECT client_id=a");
    broker->settle();
    answer_register(Decision::Error);
    EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x86");
    EXPECT_EQ(client.next(), "closed");
}

TEST_F(ConnectionHooks, ALateNextAsksTheNextPluginOnly) {
    start({Hook::AuthOnRegister, Hook::AuthOnPublish, Hook::AuthOnSubscribe});
    TestClient& client = broker->open();
    client.send("CONNECT client_id=a");
    broker->settle();
    answer_register(Decision::Next);
    EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x00");
    client.send("SUBSCRIBE id=1 topic=t qos=1");
    broker->settle();
    answer_subscribe(Decision::Next);
    EXPECT_EQ(client.next(), "SUBACK id=1 reasons=0x01");
    client.send("PUBLISH topic=t payload=x");
    broker->settle();
    answer_publish(Decision::Next);
    EXPECT_EQ(client.next(), "PUBLISH qos=0 topic=t payload=x");
    EXPECT_THAT(questions.asked, ElementsAre("register a", "subscribe t", "publish t"));
}

TEST_F(ConnectionHooks, APluginThatDoesNotAnswerInTimeCountsAsNext) {
    start({Hook::AuthOnRegister, Hook::AuthOnPublish});
    TestClient& client = broker->open();
    client.send("CONNECT client_id=a");
    EXPECT_EQ(client.next(), "nothing");
    broker->advance(Seconds(14));
    EXPECT_EQ(client.next(), "nothing");
    broker->advance(Seconds(2));
    EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x00");
    answer_register(Decision::Error);  // too late
    client.send("SUBSCRIBE id=1 topic=t");
    EXPECT_EQ(client.next(), "SUBACK id=1 reasons=0x00");
    client.send("PUBLISH topic=t payload=x");
    EXPECT_EQ(client.next(), "nothing");
    broker->advance(Seconds(16));
    EXPECT_EQ(client.next(), "PUBLISH qos=0 topic=t payload=x");
    answer_publish(Decision::Error);
    EXPECT_EQ(client.next(), "nothing");
    EXPECT_EQ(broker->shard().chain().counts(0, Hook::AuthOnRegister).timeouts, 1U);
    EXPECT_EQ(broker->shard().chain().counts(0, Hook::AuthOnPublish).timeouts, 1U);
}

TEST_F(ConnectionHooks, WhoFailsToLogInTooOftenIsRefusedUnheard) {
    start({Hook::AuthOnRegister});
    broker->simulation().shared().login_guard = std::make_unique<LoginGuard>(
        LoginLimits{.per_address = 0, .per_user = 2, .window = Seconds(60)});
    const auto login = [&](const char* version) {
        TestClient& client = broker->open(version);
        client.send("CONNECT client_id=a username=alice password=wrong");
        broker->settle();
        if (!questions.registers.empty()) answer_register(Decision::Error);
        return client.next();
    };
    EXPECT_EQ(login("v5"), "CONNACK session_present=0 reason=0x86");
    EXPECT_EQ(login("v5"), "CONNACK session_present=0 reason=0x86");
    questions.asked.clear();
    EXPECT_EQ(login("v5"), "CONNACK session_present=0 reason=0x9f");
    EXPECT_EQ(login("v311"), "CONNACK session_present=0 reason=0x03");
    EXPECT_THAT(questions.asked, ::testing::IsEmpty());
    EXPECT_EQ(broker->count(metrics::Counter::LoginFailed), 2U);
    EXPECT_EQ(broker->count(metrics::Counter::LoginBlocked), 2U);
    broker->advance(Seconds(60));
    EXPECT_EQ(login("v5"), "CONNACK session_present=0 reason=0x86");
}

TEST_F(ConnectionHooks, AListenerAsksItsOwnPluginsOnly) {
    start({Hook::AuthOnRegister, Hook::AuthOnPublish, Hook::AuthOnSubscribe});
    broker->listener().auth_plugins = hooks::PluginOrder{1};
    broker->listener().authz_plugins = hooks::PluginOrder{1};
    TestClient& client = broker->subscribe("v311 client_id=a will_topic=w", "topic=t");
    client.send("PUBLISH topic=t payload=x");
    EXPECT_EQ(client.next(), "PUBLISH qos=0 topic=t payload=x");
    EXPECT_THAT(questions.asked, ::testing::IsEmpty());
    broker->listener().authz_plugins = hooks::PluginOrder{};
    client.send("PUBLISH topic=t qos=1 id=1 payload=y");
    EXPECT_EQ(client.next(), "closed");  // [v3.1.1 MQTT-3.3.5-2]
}

TEST_F(ConnectionHooks, WhoMayBeAnonymousIsNotAskedForAPasswordButForRights) {
    start({Hook::AuthOnRegister, Hook::AuthOnPublish});
    session::Settings settings;
    settings.allow_anonymous = true;
    broker->listener().settings.set(std::make_shared<const session::Settings>(settings));
    TestClient& client = broker->connect("v5 client_id=a username=u password=p");
    client.send("PUBLISH topic=t qos=1 id=1 payload=y");
    broker->settle();
    answer_publish(Decision::Error);
    EXPECT_EQ(client.next(), "PUBACK id=1 reason=0x87");
    EXPECT_THAT(questions.asked, ElementsAre("publish t"));
    broker->listener().authz_plugins = hooks::PluginOrder{};
    client.send("PUBLISH topic=t qos=1 id=2 payload=y");
    EXPECT_EQ(client.next(), "PUBACK id=2 reason=0x87");  // a list that lets nobody do anything
}

TEST(WithoutPlugins, AnonymousClientsMayDoEverythingUnlessSomebodyAskedForRules) {
    TestBroker broker;
    TestClient& client = broker.subscribe("v5 client_id=a", "topic=t");
    client.send("PUBLISH topic=t payload=1");
    EXPECT_EQ(client.next(), "PUBLISH qos=0 topic=t payload=1");
    broker.simulation().shared().anonymous_unrestricted = false;
    client.send("PUBLISH topic=t qos=1 id=1 payload=2");
    EXPECT_EQ(client.next(), "PUBACK id=1 reason=0x87");
    client.send("SUBSCRIBE id=2 topic=u");
    EXPECT_EQ(client.next(), "SUBACK id=2 reasons=0x87");
}

TEST_F(ConnectionHooks, APluginThatGivesNoAnswerIsNoFailedLogin) {
    start({Hook::AuthOnRegister});
    broker->simulation().shared().login_guard =
        std::make_unique<LoginGuard>(LoginLimits{.per_address = 1, .per_user = 0});
    broker->listener().auth_plugins = hooks::PluginOrder{0};
    TestClient& client = broker->open();
    client.send("CONNECT client_id=a username=alice");
    broker->settle();
    broker->advance(Seconds(16));
    EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x86");
    EXPECT_EQ(broker->count(metrics::Counter::LoginFailed), 0U);
}

TEST_F(ConnectionHooks, EnhancedAuthenticationIsLimitedLikePasswords) {
    start({Hook::OnAuth});
    broker->simulation().shared().login_guard =
        std::make_unique<LoginGuard>(LoginLimits{.per_address = 1, .per_user = 0});
    const auto login = [&] {
        TestClient& client = broker->open();
        client.send("CONNECT client_id=a authentication_method=m authentication_data=d");
        broker->settle();
        if (!questions.auths.empty()) answer_auth(Decision::Error);
        return client.next();
    };
    EXPECT_EQ(login(), "CONNACK session_present=0 reason=0x87");
    EXPECT_EQ(login(), "CONNACK session_present=0 reason=0x9f");
}

TEST_F(ConnectionHooks, EveryPublishIsAskedForFromTheFirstPluginOn) {
    start({Hook::AuthOnPublish});
    TestClient& client = broker->subscribe("v5 client_id=a", "topic=t");
    client.send("PUBLISH topic=t payload=1");
    broker->settle();
    answer_publish(Decision::Ok);
    EXPECT_EQ(client.next(), "PUBLISH qos=0 topic=t payload=1");
    client.send("PUBLISH topic=t payload=2");
    EXPECT_EQ(client.next(), "nothing");
    answer_publish(Decision::Error);
    EXPECT_EQ(client.next(), "nothing");
    EXPECT_THAT(questions.asked, ElementsAre("publish t", "publish t"));
}

TEST_F(ConnectionHooks, EverySubscribeIsAskedForFromTheFirstPluginOn) {
    start({Hook::AuthOnSubscribe});
    TestClient& client = broker->connect("v5 client_id=a");
    client.send("SUBSCRIBE id=1 topic=t");
    broker->settle();
    answer_subscribe(Decision::Ok);
    EXPECT_EQ(client.next(), "SUBACK id=1 reasons=0x00");
    client.send("SUBSCRIBE id=2 topic=secret");
    EXPECT_EQ(client.next(), "nothing");
    answer_subscribe(Decision::Error);
    EXPECT_EQ(client.next(), "SUBACK id=2 reasons=0x87");
}

TEST_F(ConnectionHooks, AnswersForClosedConnectionsAreForgotten) {
    start({Hook::AuthOnRegister, Hook::AuthOnPublish, Hook::AuthOnSubscribe, Hook::OnAuth});
    const auto connect = [&](std::string_view words) -> TestClient& {
        TestClient& client = broker->open();
        client.send("CONNECT client_id=" + std::string(words));
        broker->settle();
        return client;
    };
    connect("a").drop();
    answer_register(Decision::Ok);
    connect("b authentication_method=m").drop();
    for (const char* packet : {"PUBLISH topic=t", "SUBSCRIBE id=1 topic=t"}) {
        TestClient& client = connect("c");
        answer_register(Decision::Ok);
        EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x00");
        client.send(packet);
        broker->settle();
        client.drop();
        broker->settle();
    }
    broker->settle();
    answer_auth(Decision::Ok);
    answer_publish(Decision::Ok);
    answer_subscribe(Decision::Ok);
    broker->settle();
}

TEST_F(ConnectionHooks, AParkedClientIsNotReadFromAndKeepsItsOrder) {
    start({Hook::AuthOnPublish});
    broker->simulation().shared().hook_timeout = Seconds(100);
    TestClient& client = broker->subscribe("v5 client_id=a keep_alive=10", "topic=t");
    client.send("PUBLISH topic=t payload=1");
    client.send("PUBLISH topic=t payload=2");
    client.send("PINGREQ");
    EXPECT_EQ(client.next(), "nothing");
    broker->advance(Seconds(60));  // longer than its keep-alive: it cannot show that it is alive
    EXPECT_EQ(client.next(), "nothing");
    answer_publish(Decision::Ok);
    EXPECT_EQ(client.next(), "PUBLISH qos=0 topic=t payload=1");
    answer_publish(Decision::Ok);
    EXPECT_THAT(client.all(), ElementsAre("PUBLISH qos=0 topic=t payload=2", "PINGRESP"));
}

TEST_F(ConnectionHooks, PublishModifiersAreAppliedOnceAndOutliveTheAnswer) {
    start({Hook::AuthOnPublish, Hook::OnPublish});
    TestClient& client = broker->subscribe("v5 client_id=a", "topic=#");
    client.send("PUBLISH topic=t payload=1");
    broker->settle();
    {
        auto verdict = decided<hooks::PublishVerdict>(Decision::Ok);
        verdict.modifiers.topic = "a/topic/too/long/to/be/kept/inside/a/string";
        verdict.modifiers.payload = std::string(100, 'p');
        Questions::answer(questions.publishes, std::move(verdict));
    }
    EXPECT_EQ(client.next(),
              "PUBLISH qos=0 topic=a/topic/too/long/to/be/kept/inside/a/string payload=" +
                  std::string(100, 'p'));
    client.send("PUBLISH topic=t payload=2");
    broker->settle();
    answer_publish(Decision::Ok);
    EXPECT_EQ(client.next(), "PUBLISH qos=0 topic=t payload=2");
    EXPECT_THAT(questions.asked,
                ElementsAre("publish t", "published a/topic/too/long/to/be/kept/inside/a/string",
                            "publish t", "published t"));
}

TEST_F(ConnectionHooks, ALateThrottlePausesTheClient) {
    start({Hook::AuthOnPublish});
    TestClient& client = broker->connect("v5 client_id=a");
    client.send("PUBLISH topic=t");
    client.send("PINGREQ");
    broker->settle();
    auto verdict = decided<hooks::PublishVerdict>(Decision::Ok);
    verdict.modifiers.throttle_ms = 1000;
    Questions::answer(questions.publishes, std::move(verdict));
    EXPECT_EQ(client.next(), "nothing");
    broker->advance(Millis(900));
    EXPECT_EQ(client.next(), "nothing");
    broker->advance(Millis(200));
    EXPECT_EQ(client.next(), "PINGRESP");
}

TEST_F(ConnectionHooks, PluginsAreToldThatAnEndedSessionHasNoSubscriptionsLeft) {
    start({Hook::OnTopicUnsubscribed});
    constexpr const char* kLasting = "v5 clean_start=0 session_expiry_interval=60 client_id=";
    broker->subscribe("v5 client_id=clean", "topic=t").drop();
    broker->subscribe(kLasting + std::string("expires"), "topic=t").drop();
    broker->subscribe(kLasting + std::string("begins_anew"), "topic=t").drop();
    broker->settle();
    EXPECT_THAT(questions.asked, ElementsAre("unsubscribed clean: all"));
    broker->connect("v5 client_id=begins_anew");
    EXPECT_THAT(questions.asked,
                ElementsAre("unsubscribed clean: all", "unsubscribed begins_anew: all"));
    broker->advance(Seconds(61));
    EXPECT_THAT(questions.asked,
                ElementsAre("unsubscribed clean: all", "unsubscribed begins_anew: all",
                            "unsubscribed expires: all"));
}

TEST_F(ConnectionHooks, TheWillIsAskedForBeforeTheClientIsAcceptedAndMayBeRewritten) {
    start({Hook::AuthOnRegister, Hook::AuthOnPublish});
    TestClient& client = broker->open();
    client.send("CONNECT client_id=a will_topic=w will_payload=bye");
    broker->settle();
    answer_register(Decision::Ok);
    EXPECT_EQ(client.next(), "nothing");
    auto verdict = decided<hooks::PublishVerdict>(Decision::Ok);
    verdict.modifiers.topic = "rewritten/will";
    Questions::answer(questions.publishes, std::move(verdict));
    EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x00");
    EXPECT_THAT(questions.asked, ElementsAre("register a", "publish w"));

    TestClient& watcher = broker->open();
    watcher.send("CONNECT client_id=b");
    broker->settle();
    answer_register(Decision::Ok);
    watcher.send("SUBSCRIBE id=1 topic=#");
    (void)watcher.all();
    client.drop();
    EXPECT_EQ(watcher.next(), "PUBLISH qos=0 topic=rewritten/will payload=bye");
}

TEST_F(ConnectionHooks, OnPublishIsToldWhoseWillItIs) {
    start({Hook::OnPublish});
    broker
        ->connect(
            "v5 client_id=a username=u session_expiry_interval=60 will_topic=w "
            "will_delay_interval=5 will_message_expiry_interval=9")
        .drop();
    broker->connect("v311 client_id=b will_topic=v").drop();
    broker->advance(Seconds(6));
    EXPECT_THAT(questions.published, ElementsAre("v by b of nobody: v5=false expiry=0",
                                                 "w by a of u: v5=true expiry=9"));
}

TEST_F(ConnectionHooks, ARefusedWillRefusesTheClient) {
    start({Hook::AuthOnPublish});
    TestClient& client = broker->open();
    client.send("CONNECT client_id=a will_topic=w will_payload=bye");
    broker->settle();
    answer_publish(Decision::Error);
    EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x87");
    EXPECT_EQ(client.next(), "closed");
}

TEST_F(ConnectionHooks, ALateAnswerMayGiveTheClientAnIdWhoseHomeIsElsewhere) {
    start({Hook::AuthOnRegister}, 2);
    TestClient& client = broker->open_on(broker->shard(0));
    client.send("CONNECT client_id=" + broker->id_on(0, "a"));
    client.send("SUBSCRIBE id=1 topic=t");
    client.send("PUBLISH topic=t payload=x");
    broker->settle();
    auto verdict = decided<hooks::RegisterVerdict>(Decision::Ok);
    verdict.modifiers.client_id = broker->id_on(1, "b");
    Questions::answer(questions.registers, std::move(verdict));
    EXPECT_THAT(client.all(),
                ElementsAre("CONNACK session_present=0 reason=0x00", "SUBACK id=1 reasons=0x00",
                            "PUBLISH qos=0 topic=t payload=x"));
    EXPECT_EQ(broker->shard(0).connection_count(), 0U);
    EXPECT_EQ(broker->shard(1).connection_count(), 1U);
}

// [v5 4.12]
TEST_F(ConnectionHooks, EnhancedAuthenticationMayTakeSeveralLateAnswers) {
    start({Hook::OnAuth});
    TestClient& client = broker->open();
    client.send("CONNECT client_id=a authentication_method=m authentication_data=one");
    broker->settle();
    answer_auth(Decision::Ok, true, "challenge");
    EXPECT_EQ(client.next(),
              "AUTH reason=0x18 authentication_method=m authentication_data=challenge");
    client.send("AUTH reason=0x18 authentication_method=m authentication_data=two");
    EXPECT_EQ(client.next(), "nothing");
    answer_auth(Decision::Ok);
    EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x00");
    EXPECT_THAT(questions.asked, ElementsAre("auth one", "auth two"));
}

// [v5 4.12.1]
TEST_F(ConnectionHooks, ReauthenticationIsAskedForEachTimeAndARefusalCloses) {
    start({Hook::OnAuth});
    TestClient& client = broker->open();
    client.send("CONNECT client_id=a authentication_method=m");
    broker->settle();
    answer_auth(Decision::Ok);
    EXPECT_EQ(client.next(), "CONNACK session_present=0 reason=0x00");
    client.send("AUTH reason=0x19 authentication_method=m authentication_data=again");
    EXPECT_EQ(client.next(), "nothing");
    answer_auth(Decision::Ok);
    EXPECT_EQ(client.next(), "AUTH reason=0x00 authentication_method=m");
    client.send("AUTH reason=0x19 authentication_method=m authentication_data=third");
    EXPECT_EQ(client.next(), "nothing");
    answer_auth(Decision::Error);
    EXPECT_EQ(client.next(), "DISCONNECT reason=0x87");
    EXPECT_EQ(client.next(), "closed");
}

TEST_F(ConnectionHooks, ATakenOverClientNoLongerWaitsForItsAnswer) {
    start({Hook::AuthOnPublish});
    TestClient& client = broker->connect("v5 client_id=a");
    client.send("PUBLISH topic=t payload=x");
    broker->settle();
    TestClient& other = broker->subscribe("v5 client_id=a", "topic=t");
    EXPECT_EQ(client.next(), "DISCONNECT reason=0x8e");
    answer_publish(Decision::Ok);
    EXPECT_EQ(other.next(), "nothing");
}

TEST_F(ConnectionHooks, PluginsAreToldOfEveryDelivery) {
    start({Hook::OnDeliver});
    TestClient& client = broker->subscribe("v5 client_id=a username=u", "topic=t qos=1 rap=1");
    TestClient& old = broker->subscribe("v311 client_id=b", "topic=t");
    TestClient& publisher = broker->connect("v5 client_id=p");
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x retain=1 message_expiry_interval=7");
    broker->settle();
    EXPECT_EQ(client.next(),
              "PUBLISH qos=1 retain=1 topic=t id=1 message_expiry_interval=7 payload=x");
    EXPECT_EQ(old.next(), "PUBLISH qos=0 topic=t payload=x");
    EXPECT_THAT(questions.asked,
                UnorderedElementsAre("deliver x to a of u: qos=1 retain=true v5=true expiry=7",
                                     "deliver x to b of nobody: qos=0 retain=false v5=false "
                                     "expiry=7"));
}

TEST_F(ConnectionHooks, OnDeliverChangesWhatOneClientGetsAndNotWhatIsKept) {
    start({Hook::OnDeliver});
    questions.on_deliver.decision = Decision::Ok;
    questions.on_deliver.modifiers.topic = "other";
    questions.on_deliver.modifiers.payload = "changed";
    questions.on_deliver.modifiers.properties = std::string(
        "\x03\x00\x01"
        "c",
        4);  // Content Type
    TestClient& client = broker->subscribe("v5 client_id=a topic_alias_maximum=5", "topic=t");
    TestClient& old = broker->subscribe("v311 client_id=b", "topic=t");
    client.send("PUBLISH topic=t payload=x retain=1");
    EXPECT_EQ(client.next(), "PUBLISH qos=0 topic=other content_type=c payload=changed");
    EXPECT_EQ(old.next(), "PUBLISH qos=0 topic=other payload=changed");
    questions.on_deliver = {};
    client.send("SUBSCRIBE id=2 topic=t");
    EXPECT_THAT(client.all(), ElementsAre("SUBACK id=2 reasons=0x00",
                                          "PUBLISH qos=0 retain=1 topic=t payload=x"));
}

TEST_F(ConnectionHooks, OnDeliverCannotKeepAMessageBack) {
    start({Hook::OnDeliver});
    TestClient& client = broker->subscribe("v5 client_id=a", "topic=t");
    questions.on_deliver.decision = Decision::Error;
    client.send("PUBLISH topic=t payload=1");
    EXPECT_EQ(client.next(), "PUBLISH qos=0 topic=t payload=1");
    questions.on_deliver.decision = Decision::Ok;
    questions.on_deliver.modifiers.topic = "not/#/a/name";
    client.send("PUBLISH topic=t payload=2");
    EXPECT_EQ(client.next(), "PUBLISH qos=0 topic=t payload=2");
}

TEST_F(ConnectionHooks, PluginsAreToldOfOfflineAndDroppedMessages) {
    start({Hook::OnOfflineMessage, Hook::OnMessageDrop});
    session::Settings settings;
    settings.max_offline_messages = 1;
    broker->use(settings);
    broker->subscribe("v5 client_id=a clean_start=0 session_expiry_interval=60", "topic=t qos=1")
        .drop();
    TestClient& publisher = broker->connect("v5 client_id=b");
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=1");
    publisher.send("PUBLISH topic=t qos=1 id=2 payload=2");
    broker->settle();
    EXPECT_THAT(questions.asked, ElementsAre("offline 1", "dropped 2"));
}

}  // namespace
}  // namespace vmq::broker
