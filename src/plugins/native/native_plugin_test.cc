#include "plugins/native/native_plugin.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <latch>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooks/chain.h"
#include "plugins/native/test_values.h"
#include "support/test_shards.h"

namespace vmq::plugins::native {
namespace {

using hooks::Decision;
using mqtt::ReasonCode;
using test::test_plugin;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vmq::testing::TestShards;

/// What every_hook has written down since the last call.
std::string take_record() {
    void* const object = ::dlopen(test_plugin("every_hook").c_str(), RTLD_NOW | RTLD_NOLOAD);
    if (object == nullptr) return "not loaded";
    const auto take =
        reinterpret_cast<const char* (*)()>(::dlsym(object, "every_hook_take_record"));
    const std::string record = take();
    ::dlclose(object);
    return record;
}

hooks::RegisterContext connect(std::string_view client_id) {
    hooks::RegisterContext context;
    context.peer = {"10.0.0.1", 1};
    context.subscriber = {"", client_id};
    context.username = "user";
    context.password = "secret";
    return context;
}

hooks::PublishContext publish(std::string_view topic) {
    hooks::PublishContext context;
    context.subscriber = {"m", "client"};
    context.topic = topic;
    context.payload = "payload";
    return context;
}

/// Loads plugins for two shards; what runs on a shard does so on a thread of its own.
class NativePluginTest : public ::testing::Test {
protected:
    Result<std::shared_ptr<NativePlugin>> load(const std::string& name, Settings settings = {}) {
        return NativePlugin::load(name, test_plugin(name), std::move(settings), 2, post());
    }
    std::shared_ptr<NativePlugin> every_hook() {
        auto loaded = load("every_hook");
        EXPECT_TRUE(loaded) << loaded.error().detail;
        return loaded.value();
    }
    LateAnswers::Post post() {
        return [this](ShardId shard, std::function<void()> work) {
            shards.post(shard, std::move(work));
        };
    }

    /// Asks on shard 1 and returns the verdict, however it comes.
    template <typename Verdict, typename Ask>
    Verdict answer(const Ask& ask) {
        std::latch answered(1);
        Verdict verdict;
        const auto take = [&](Verdict given) {
            EXPECT_EQ(TestShards::current_shard, 1U);
            verdict = std::move(given);
            answered.count_down();
        };
        shards.post(1, [&] {
            if (auto given = ask(take)) take(std::move(*given));
        });
        answered.wait();
        return verdict;
    }
    hooks::RegisterVerdict on_connect(hooks::Plugin& plugin, std::string_view word) {
        return answer<hooks::RegisterVerdict>(
            [&](auto done) { return plugin.auth_on_register(connect(word), done); });
    }

    TestShards shards{2};
};

TEST_F(NativePluginTest, KnowsWhatItIs) {
    const auto plugin = every_hook();
    EXPECT_EQ(plugin->name(), "every_hook");
    EXPECT_EQ(plugin->version(), "1.2.3");
    EXPECT_EQ(plugin->file(), test_plugin("every_hook"));
    EXPECT_EQ(plugin->hooks(), hooks::hook_bit(hooks::Hook::Count) - 1);
    EXPECT_EQ(plugin->plugin(0)->name(), "every_hook");
    EXPECT_EQ(plugin->plugin(0)->hooks(), plugin->hooks());
}

TEST_F(NativePluginTest, AnErrorNamesThePluginAndWhatIsWrong) {
    const auto error = [this](const std::string& name, Settings settings = {}) {
        const auto loaded = load(name, std::move(settings));
        EXPECT_FALSE(loaded) << name;
        return loaded ? "" : loaded.error().detail;
    };
    EXPECT_THAT(error("missing"), AllOf(HasSubstr("plugin missing cannot be loaded: "),
                                        HasSubstr(test_plugin("missing"))));
    EXPECT_THAT(error("no_symbol"), HasSubstr("does not export"));
    EXPECT_THAT(error("other_version"), HasSubstr("version 7"));
    EXPECT_EQ(error("init_fails", {{"why", "no database"}}),
              "plugin init_fails cannot be loaded: no database");
    EXPECT_EQ(error("init_fails"), "plugin init_fails cannot be loaded: its init failed (7)");
    EXPECT_EQ(error("every_hook", {{"throw", ""}}),
              "plugin every_hook cannot be loaded: its init threw: init");
}

TEST_F(NativePluginTest, WhatHasBegunIsEndedIfAShardCannotBeMade) {
    const auto loaded = load("every_hook", {{"throw_in_shard", "1"}});
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().detail,
              "plugin every_hook cannot be loaded: its create_shard threw: no shard");
    EXPECT_EQ(take_record(), "destroy_shard 0\ndestroy\n");
}

TEST_F(NativePluginTest, APluginInCWithOneHookIsEnough) {
    const auto loaded = load("minimal");
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_EQ(loaded.value()->hooks(), hooks::hook_bit(hooks::Hook::AuthOnRegister));
    EXPECT_EQ(loaded.value()->version(), "");
    const auto plugin = loaded.value()->plugin(1);
    EXPECT_EQ(plugin->auth_on_register(connect("c"), {})->decision, Decision::Ok);
    EXPECT_EQ(plugin->auth_on_register({}, {})->decision, Decision::Next);
}

TEST_F(NativePluginTest, EveryHookCrossesTheBorder) {
    const auto native = every_hook();
    const auto plugin = native->plugin(1);
    const std::vector<mqtt::SubscribeEntry> entries{{"filter", {}}};
    const std::vector<std::string_view> filters{"filter"};
    hooks::SubscribeContext subscribe;
    subscribe.subscriber = {"m", "client"};
    subscribe.entries = &entries;
    const hooks::UnsubscribeContext unsubscribe{{"m", "client"}, "user", &filters, false, nullptr};
    const hooks::ClientContext client{{"10.0.0.1", 1}, {"m", "client"}, "user", false, nullptr};
    hooks::MessageContext message;
    message.subscriber = {"m", "client"};
    message.topic = "topic";
    message.reason = hooks::DropReason::Expired;
    message.message_expiry_interval = 7;
    const std::vector<hooks::ConfigContext::Entry> entries_now{{"retry_interval", "9"}, {"x", ""}};
    (void)take_record();
    (void)plugin->auth_on_register(connect("client"), {});
    (void)plugin->on_auth({{"", "client"}, "user", "method", "data", nullptr}, {});
    (void)plugin->auth_on_publish(publish("topic"), {});
    (void)plugin->auth_on_subscribe(subscribe, {});
    (void)plugin->on_unsubscribe(unsubscribe);
    (void)plugin->on_deliver(publish("topic"));
    plugin->on_register(client);
    plugin->on_publish(publish("topic"));
    plugin->on_subscribe(subscribe);
    plugin->on_topic_unsubscribed(unsubscribe);
    plugin->on_topic_unsubscribed({{"m", "client"}, std::nullopt, nullptr, false, nullptr});
    plugin->on_offline_message(message);
    plugin->on_message_drop(message);
    plugin->on_client_wakeup(client);
    plugin->on_client_offline(client);
    plugin->on_client_gone(client);
    plugin->on_session_expired(client);
    plugin->change_config({false, &entries_now});
    EXPECT_EQ(take_record(),
              "auth_on_register shard=1 /client/user secret 10.0.0.1\n"
              "on_auth shard=1 /client/user method\n"
              "auth_on_publish shard=1 m/client/- payload\n"
              "auth_on_subscribe shard=1 m/client/- \n"
              "on_unsubscribe shard=1 m/client/user \n"
              "on_deliver shard=1 m/client/- payload\n"
              "on_register shard=1 m/client/user 10.0.0.1\n"
              "on_publish shard=1 m/client/- topic\n"
              "on_subscribe shard=1 m/client/- filter\n"
              "on_topic_unsubscribed shard=1 m/client/user filter\n"
              "on_topic_unsubscribed shard=1 m/client/- all\n"
              "on_offline_message shard=1 m/client/- topic\n"
              "on_message_drop shard=1 m/client/- 1 expires=7\n"
              "on_client_wakeup shard=1 m/client/user \n"
              "on_client_offline shard=1 m/client/user \n"
              "on_client_gone shard=1 m/client/user \n"
              "on_session_expired shard=1 m/client/user \n"
              "change_config shard=1 retry_interval=9 x=-\n");
}

TEST_F(NativePluginTest, AnswersAtOnceAndLaterAreTheSame) {
    const auto native = every_hook();
    const auto plugin = native->plugin(1);
    for (const std::string word : {"answer", "later"}) {
        const auto registered = on_connect(*plugin, word);
        EXPECT_EQ(registered.decision, Decision::Ok);
        EXPECT_EQ(registered.modifiers.mountpoint, "tenant");
        EXPECT_EQ(registered.modifiers.max_message_size, 99U);

        const auto authenticated = answer<hooks::AuthVerdict>(
            [&](auto done) { return plugin->on_auth({{}, {}, "method", word, nullptr}, done); });
        EXPECT_TRUE(authenticated.continues);
        EXPECT_EQ(authenticated.data, "challenge");

        const auto published = answer<hooks::PublishVerdict>(
            [&](auto done) { return plugin->auth_on_publish(publish(word), done); });
        EXPECT_EQ(published.modifiers.topic, "rewritten");

        const std::vector<mqtt::SubscribeEntry> entries{{word, {}}};
        hooks::SubscribeContext context;
        context.entries = &entries;
        const auto subscribed = answer<hooks::SubscribeVerdict>(
            [&](auto done) { return plugin->auth_on_subscribe(context, done); });
        EXPECT_EQ(subscribed.decision, Decision::Error);
        EXPECT_EQ(subscribed.refusal.reason, ReasonCode::QuotaExceeded);
        EXPECT_EQ(subscribed.refusal.reason_string, "enough");
    }
    const std::vector<std::string_view> filters{"answer"};
    EXPECT_THAT(*plugin->on_unsubscribe({{}, {}, &filters, false, nullptr}).filters,
                ElementsAre("other", "more"));
    EXPECT_EQ(plugin->on_deliver(publish("answer")).modifiers.payload, "changed");
    native->stop();
}

TEST_F(NativePluginTest, ASecondAnswerIsNotTaken) {
    auto native = every_hook();
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(on_connect(*native->plugin(1), "later_twice").decision, Decision::Ok);
    native.reset();  // ends the plugin's thread, so that it has said what it has to say
    EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("every_hook: taken 1"));
}

TEST_F(NativePluginTest, ExceptionsOfThePluginAreCaughtOnThisSide) {
    const auto native = every_hook();
    hooks::Chain chain;
    chain.add(native->plugin(1));
    ::testing::internal::CaptureStderr();
    for (const std::string_view word : {"throw", "throw_int"}) {
        EXPECT_EQ(chain.auth_on_register(connect(word), {})->decision, Decision::Error)
            << "nobody else has an opinion";
        EXPECT_EQ(chain.on_deliver(publish(word)).decision, Decision::Next);
    }
    chain.on_client_gone({{}, {"", "throw"}, std::nullopt, false, nullptr});
    EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("thrown by every_hook"));
    EXPECT_EQ(chain.counts(0, hooks::Hook::AuthOnRegister).failures, 2U);
    EXPECT_EQ(chain.counts(0, hooks::Hook::OnDeliver).failures, 2U);
    EXPECT_EQ(chain.counts(0, hooks::Hook::OnClientGone).failures, 1U);
}

TEST_F(NativePluginTest, AfterStoppingLateAnswersFindNobody) {
    auto native = every_hook();
    auto plugin = native->plugin(1);
    const auto fail = [](const hooks::RegisterVerdict&) { ADD_FAILURE() << "answered"; };
    EXPECT_FALSE(plugin->auth_on_register(connect("later_never"), fail));
    EXPECT_EQ(native->waiting(), 1U);
    native->stop();
    EXPECT_EQ(native->waiting(), 0U);
    EXPECT_EQ(plugin->auth_on_register(connect("later"), fail)->decision, Decision::Error)
        << "no ticket any more";
    native->stop();
}

TEST_F(NativePluginTest, LivesAsLongAsAPluginOfAShard) {
    auto native = every_hook();
    auto plugin = native->plugin(0);
    (void)take_record();
    native.reset();
    EXPECT_EQ(plugin->auth_on_register(connect("ok"), {})->decision, Decision::Ok);
    (void)take_record();
    plugin.reset();
    EXPECT_EQ(take_record(), "destroy_shard 0\ndestroy_shard 1\ndestroy\n")
        << "and the object is loaded for ever";
}

/// The example, as its head describes it.
class TenantGuardTest : public NativePluginTest {
protected:
    Result<std::shared_ptr<NativePlugin>> load_guard(Settings settings) {
        return NativePlugin::load("tenant_guard", VMQ_EXAMPLE_PLUGINS, std::move(settings), 2,
                                  post());
    }
    std::unique_ptr<hooks::Plugin> guard() {
        auto loaded = load_guard({{"acme.password", "secret"}, {"other.password", "secret2"}});
        EXPECT_TRUE(loaded) << loaded.error().detail;
        return loaded.value()->plugin(1);
    }
    hooks::RegisterVerdict login(hooks::Plugin& plugin, std::optional<std::string_view> user,
                                 std::string_view password) {
        auto context = connect("client");
        context.username = user;
        context.password = password;
        return answer<hooks::RegisterVerdict>(
            [&](auto done) { return plugin.auth_on_register(context, done); });
    }
    static hooks::PublishContext from_ann(std::string_view topic) {
        auto context = publish(topic);
        context.subscriber.mountpoint = "acme";
        context.username = "ann";
        return context;
    }
};

TEST_F(TenantGuardTest, ATenantsPasswordLetsItsUsersIn) {
    const auto plugin = guard();
    const auto verdict = login(*plugin, "acme:ann", "secret");
    EXPECT_EQ(verdict.decision, Decision::Ok);
    EXPECT_EQ(verdict.modifiers.mountpoint, "acme");
    EXPECT_EQ(verdict.modifiers.username, "ann");
    EXPECT_EQ(verdict.modifiers.max_offline_messages, 1000);
    for (const auto& [user, password] : {std::pair("acme:ann", "secret2"),
                                         {"acme:ann", ""},
                                         {"nobody:ann", "secret"},
                                         {"acme:a/b", "secret"}}) {
        EXPECT_EQ(login(*plugin, user, password).decision, Decision::Error) << user;
    }
    EXPECT_EQ(login(*plugin, "acme:ann", "secret2").refusal.reason,
              ReasonCode::BadUserNameOrPassword);
    for (const char* const user : {"ann", ":ann", "acme:"}) {
        EXPECT_EQ(login(*plugin, user, "secret").decision, Decision::Next) << user;
    }
    EXPECT_EQ(login(*plugin, std::nullopt, "secret").decision, Decision::Next);
}

TEST_F(TenantGuardTest, TopicsAreThoseBelowTheTenant) {
    const auto plugin = guard();
    EXPECT_EQ(plugin->auth_on_publish(from_ann("acme/door"), {})->modifiers.topic, "acme/door");
    EXPECT_EQ(plugin->auth_on_publish(from_ann("acme/me/door"), {})->modifiers.topic,
              "acme/ann/door");
    EXPECT_EQ(plugin->auth_on_publish(from_ann("acme/menu"), {})->modifiers.topic, "acme/menu");
    for (const std::string_view topic : {"other/door", "acme", "acmedoor", "/acme/door"}) {
        const auto verdict = plugin->auth_on_publish(from_ann(topic), {});
        EXPECT_EQ(verdict->decision, Decision::Error) << topic;
        EXPECT_EQ(verdict->refusal.reason, ReasonCode::NotAuthorized);
        EXPECT_EQ(verdict->refusal.reason_string, "not a topic of your tenant");
    }
    EXPECT_EQ(plugin->auth_on_publish(publish("acme/door"), {})->decision, Decision::Next)
        << "a client of nobody it knows";
}

TEST_F(TenantGuardTest, FiltersAreDecidedOneByOne) {
    const auto plugin = guard();
    const std::vector<mqtt::SubscribeEntry> entries{
        {"acme/me/#", {mqtt::QoS::AtLeastOnce, true, true, mqtt::RetainHandling::SendIfNew}},
        {"#", {}}};
    hooks::SubscribeContext context;
    context.subscriber = {"acme", "client"};
    context.username = "ann";
    context.entries = &entries;
    const auto verdict = plugin->auth_on_subscribe(context, {});
    ASSERT_TRUE(verdict && verdict->topics && verdict->topics->size() == 2);
    EXPECT_EQ((*verdict->topics)[0].filter, "acme/ann/#");
    EXPECT_EQ((*verdict->topics)[0].options, entries[0].options);
    EXPECT_EQ((*verdict->topics)[0].reason, ReasonCode::Success);
    EXPECT_EQ((*verdict->topics)[1].filter, "#");
    EXPECT_EQ((*verdict->topics)[1].reason, ReasonCode::NotAuthorized);
    const std::vector<std::string_view> filters{"acme/me/#", "#"};
    const auto removed = plugin->on_unsubscribe({{"acme", "client"}, "ann", &filters, false});
    EXPECT_THAT(*removed.filters, ElementsAre("acme/ann/#", "#"));
}

TEST_F(TenantGuardTest, SaysWhatIsWrongWithItsSettings) {
    EXPECT_EQ(load_guard({}).error().detail,
              "plugin tenant_guard cannot be loaded: there is no tenant: set TENANT.password");
    EXPECT_EQ(load_guard({{"acme.pasword", "x"}}).error().detail,
              "plugin tenant_guard cannot be loaded: there is no setting acme.pasword");
}

}  // namespace
}  // namespace vmq::plugins::native
