#include "plugins/native/shard_plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hooks/chain.h"
#include "plugins/native/native_string.h"
#include "plugins/native/scripted_description.h"

namespace vmq::plugins::native {
namespace {

using hooks::Decision;
using hooks::Hook;
using hooks::hook_bit;
using mqtt::ReasonCode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Script;

constexpr hooks::HookSet kAllHooks = hook_bit(Hook::Count) - 1;
constexpr ShardId kShard = 2;

/// What is posted to the shard waits until the test runs it.
class ShardPluginTest : public ::testing::Test {
protected:
    std::unique_ptr<ShardPlugin> make(const vmq_plugin& description) {
        return std::make_unique<ShardPlugin>(host, description, kShard, &script, nullptr);
    }
    std::optional<hooks::RegisterVerdict> ask_register() {
        return plugin->auth_on_register(
            {}, [this](hooks::RegisterVerdict verdict) { late.push_back(std::move(verdict)); });
    }
    void run() {
        for (auto& work : std::exchange(posted, {})) work();
    }

    std::vector<std::function<void()>> posted;
    std::vector<hooks::RegisterVerdict> late;
    Script script;
    Host& host = Host::make("guard", {}, 4, {.max_waiting = 2},
                            [this](ShardId shard, std::function<void()> work) {
                                EXPECT_EQ(shard, kShard);
                                posted.push_back(std::move(work));
                            });
    std::unique_ptr<ShardPlugin> plugin = make(testing::scripted_description());
};

TEST_F(ShardPluginTest, HasTheHooksThatTheDescriptionHas) {
    EXPECT_EQ(plugin->name(), "guard");
    EXPECT_EQ(plugin->hooks(), kAllHooks);
    EXPECT_EQ(plugin->answers_at_once(), hook_bit(Hook::OnUnsubscribe) | hook_bit(Hook::OnDeliver));
    vmq_plugin description{};
    description.on_client_gone = testing::scripted_description().on_client_gone;
    description.auth_on_publish = testing::scripted_description().auth_on_publish;
    description.immediate = VMQ_HOOK_AUTH_ON_PUBLISH | VMQ_HOOK_ON_AUTH | 1U << 31;
    EXPECT_EQ(make(description)->hooks(),
              hook_bit(Hook::OnClientGone) | hook_bit(Hook::AuthOnPublish));
    EXPECT_EQ(make(description)->answers_at_once(), hook_bit(Hook::AuthOnPublish));
}

TEST_F(ShardPluginTest, CallsEachHookUnderItsName) {
    const std::vector<mqtt::SubscribeEntry> entries{{"a", {}}};
    const std::vector<std::string_view> filters{"a"};
    hooks::SubscribeContext subscribe;
    subscribe.entries = &entries;
    const hooks::UnsubscribeContext unsubscribe{{}, std::nullopt, &filters, false, nullptr};
    const auto called = [this] { return std::exchange(script.called, ""); };
    (void)plugin->auth_on_register({}, {});
    EXPECT_EQ(called(), "auth_on_register");
    (void)plugin->on_auth({}, {});
    EXPECT_EQ(called(), "on_auth");
    (void)plugin->auth_on_publish({}, {});
    EXPECT_EQ(called(), "auth_on_publish");
    (void)plugin->auth_on_subscribe(subscribe, {});
    EXPECT_EQ(called(), "auth_on_subscribe");
    (void)plugin->on_unsubscribe(unsubscribe);
    EXPECT_EQ(called(), "on_unsubscribe");
    (void)plugin->on_deliver({});
    EXPECT_EQ(called(), "on_deliver");
    plugin->on_register({});
    EXPECT_EQ(called(), "on_register");
    plugin->on_publish({});
    EXPECT_EQ(called(), "on_publish");
    plugin->on_subscribe(subscribe);
    EXPECT_EQ(called(), "on_subscribe");
    plugin->on_topic_unsubscribed(unsubscribe);
    EXPECT_EQ(called(), "on_topic_unsubscribed");
    plugin->on_offline_message({});
    EXPECT_EQ(called(), "on_offline_message");
    plugin->on_message_drop({});
    EXPECT_EQ(called(), "on_message_drop");
    plugin->on_client_wakeup({});
    EXPECT_EQ(called(), "on_client_wakeup");
    plugin->on_client_offline({});
    EXPECT_EQ(called(), "on_client_offline");
    plugin->on_client_gone({});
    EXPECT_EQ(called(), "on_client_gone");
    plugin->on_session_expired({});
    EXPECT_EQ(called(), "on_session_expired");
    plugin->change_config({});
    EXPECT_EQ(called(), "change_config");
}

TEST_F(ShardPluginTest, OneWordIsAnAnswer) {
    for (const auto& [word, decision] : {std::pair(VMQ_NEXT, Decision::Next),
                                         {VMQ_OK, Decision::Ok},
                                         {VMQ_ERROR, Decision::Error}}) {
        script.answer = [answer = word](vmq_call*) { return answer; };
        const auto verdict = ask_register();
        ASSERT_TRUE(verdict);
        EXPECT_EQ(verdict->decision, decision);
        EXPECT_FALSE(verdict->refusal.reason);
        EXPECT_EQ(plugin->on_deliver({}).decision, decision);
    }
}

TEST_F(ShardPluginTest, TheLastAnswerOfACallCounts) {
    script.answer = [this](vmq_call* call) {
        auto answer = vmq_register_answer_of(VMQ_ANSWERED);  // makes no sense
        (void)host.answer_register(call, &answer);
        answer = vmq_register_answer_of(VMQ_OK);
        std::string mountpoint = "tenant";
        answer.mountpoint = native_string(mountpoint);
        const auto said = host.answer_register(call, &answer);
        mountpoint = "copied";
        return said;
    };
    const auto verdict = ask_register();
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->decision, Decision::Ok);
    EXPECT_EQ(verdict->modifiers.mountpoint, "tenant");
}

TEST_F(ShardPluginTest, EachKindOfAnswerArrives) {
    script.answer = [this](vmq_call* call) {
        auto answer = vmq_auth_answer_of(VMQ_OK);
        answer.continues = 1;
        return host.answer_auth(call, &answer);
    };
    EXPECT_TRUE(plugin->on_auth({}, {})->continues);
    script.answer = [this](vmq_call* call) {
        auto answer = vmq_publish_answer_of(VMQ_OK);
        answer.topic = native_string("other");
        return host.answer_publish(call, &answer);
    };
    EXPECT_EQ(plugin->auth_on_publish({}, {})->modifiers.topic, "other");
    EXPECT_EQ(plugin->on_deliver({}).modifiers.topic, "other");
    script.answer = [this](vmq_call* call) {
        auto answer = vmq_subscribe_answer_of(VMQ_ERROR);
        answer.refusal.reason_code = 0x97;
        return host.answer_subscribe(call, &answer);
    };
    EXPECT_EQ(plugin->auth_on_subscribe({}, {})->refusal.reason, ReasonCode::QuotaExceeded);
    script.answer = [this](vmq_call* call) {
        auto answer = vmq_unsubscribe_answer_of(VMQ_OK);
        answer.set = VMQ_UNSUBSCRIBE_FILTERS;
        return host.answer_unsubscribe(call, &answer);
    };
    EXPECT_EQ(plugin->on_unsubscribe({}).filters, std::vector<std::string>());
}

TEST_F(ShardPluginTest, AnAnswerMayComeLater) {
    vmq_ticket ticket = 0;
    script.answer = [&](vmq_call* call) {
        ticket = host.defer(call);
        EXPECT_EQ(host.defer(call), ticket) << "one for each call";
        return VMQ_LATER;
    };
    EXPECT_FALSE(ask_register());
    plugin.reset();  // a late answer does not need it
    auto answer = vmq_register_answer_of(VMQ_OK);
    answer.set = VMQ_REGISTER_MAX_MESSAGE_RATE;
    answer.max_message_rate = 3;
    EXPECT_EQ(host.complete_register(&host, ticket, &answer), 1);
    EXPECT_EQ(host.complete_register(&host, ticket, &answer), 0);
    EXPECT_TRUE(late.empty()) << "in a later turn";
    run();
    ASSERT_EQ(late.size(), 1U);
    EXPECT_EQ(late[0].decision, Decision::Ok);
    EXPECT_EQ(late[0].modifiers.max_message_rate, 3U);
}

TEST_F(ShardPluginTest, ALateAnswerThatMakesNoSenseRefuses) {
    vmq_ticket ticket = 0;
    script.answer = [&](vmq_call* call) {
        ticket = host.defer(call);
        return VMQ_LATER;
    };
    EXPECT_FALSE(ask_register());
    ::testing::internal::CaptureStderr();
    const auto answer = vmq_register_answer_of(99);
    EXPECT_EQ(host.complete_register(&host, ticket, &answer), 1);
    EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("99 is no decision"));
    run();
    ASSERT_EQ(late.size(), 1U);
    EXPECT_EQ(late[0].decision, Decision::Error);
    EXPECT_EQ(late[0].refusal.reason, ReasonCode::ImplementationSpecificError);
}

TEST_F(ShardPluginTest, ATicketOfACallThatWasAnsweredIsWorthNothing) {
    vmq_ticket ticket = 0;
    script.answer = [&](vmq_call* call) {
        ticket = host.defer(call);
        return VMQ_OK;
    };
    EXPECT_EQ(ask_register()->decision, Decision::Ok);
    const auto answer = vmq_register_answer_of(VMQ_ERROR);
    EXPECT_EQ(host.complete_register(&host, ticket, &answer), 0);
    EXPECT_TRUE(posted.empty());
    script.answer = [&](vmq_call* call) -> std::int32_t {
        ticket = host.defer(call);
        throw std::runtime_error("after all");
    };
    EXPECT_THROW((void)ask_register(), std::runtime_error);
    EXPECT_EQ(host.complete_register(&host, ticket, &answer), 0);
    EXPECT_EQ(host.late().waiting(), 0U);
}

TEST_F(ShardPluginTest, ThereIsNoTicketWhereNobodyCanWait) {
    std::vector<vmq_ticket> tickets;
    script.answer = [&](vmq_call* call) {
        tickets.push_back(host.defer(call));
        return VMQ_LATER;
    };
    (void)plugin->on_deliver({});
    (void)plugin->on_unsubscribe({});
    EXPECT_EQ(plugin->auth_on_register({}, {})->decision, Decision::Error);
    EXPECT_EQ(tickets, std::vector<vmq_ticket>(3, 0));
    EXPECT_FALSE(ask_register());
    EXPECT_FALSE(ask_register());
    EXPECT_EQ(ask_register()->decision, Decision::Error) << "2 wait already";
    EXPECT_EQ(tickets.back(), 0U);
}

TEST_F(ShardPluginTest, ExceptionsAreForTheChain) {
    script.answer = [](vmq_call*) -> std::int32_t { throw std::runtime_error("oh no"); };
    script.event = [] { throw 7; };
    EXPECT_THROW((void)ask_register(), std::runtime_error);
    EXPECT_THROW((void)plugin->on_deliver({}), std::runtime_error);
    EXPECT_THROW(plugin->on_client_gone({}), int);
}

TEST_F(ShardPluginTest, MistakesAreOneLineAndNotOneForEachClient) {
    ::testing::internal::CaptureStderr();
    script.answer = [](vmq_call*) { return 5; };
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask_register()->decision, Decision::Error);
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, AllOf(HasSubstr("guard: the plugin's auth_on_register returned 5"),
                            HasSubstr("so far: 1")));
    EXPECT_EQ(said.find("returned"), said.rfind("returned"));
}

TEST_F(ShardPluginTest, WhatMakesNoSenseRefuses) {
    const std::vector<std::pair<std::function<std::int32_t(vmq_call*)>, std::string>> wrong{
        {[](vmq_call*) { return 5; }, "returned 5, which means nothing"},
        {[](vmq_call*) { return VMQ_ANSWERED; }, "says that it has answered, but it has not"},
        {[](vmq_call*) { return VMQ_LATER; }, "it has no ticket"},
        {[this](vmq_call* call) { return host.answer_register(call, nullptr); },
         "the answer is missing"},
        {[this](vmq_call* call) {
             const auto answer = vmq_publish_answer_of(VMQ_OK);
             return host.answer_publish(call, &answer);
         },
         "it is the answer of another hook"}};
    for (const auto& [answer, text] : wrong) {
        plugin = make(testing::scripted_description());  // which has not complained yet
        script.answer = answer;
        ::testing::internal::CaptureStderr();
        const auto verdict = ask_register();
        EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr(text));
        ASSERT_TRUE(verdict);
        EXPECT_EQ(verdict->decision, Decision::Error);
        EXPECT_EQ(verdict->refusal.reason, ReasonCode::ImplementationSpecificError);
    }
    script.answer = [](vmq_call*) { return 5; };
    EXPECT_EQ(plugin->on_unsubscribe({}).decision, Decision::Error);
    EXPECT_EQ(plugin->on_deliver({}).decision, Decision::Error);
}

TEST_F(ShardPluginTest, ItsPlaceInAChainIsThatOfAnyPlugin) {
    hooks::Chain chain;
    chain.add(std::move(plugin));
    vmq_ticket ticket = 0;
    script.answer = [&](vmq_call* call) {
        ticket = host.defer(call);
        return VMQ_LATER;
    };
    std::vector<std::size_t> next;
    const auto done = [&](const hooks::RegisterVerdict& verdict, std::size_t place) {
        EXPECT_EQ(verdict.decision, Decision::Next);
        next.push_back(place);
    };
    EXPECT_FALSE(chain.auth_on_register({}, done));
    const auto answer = vmq_register_answer_of(VMQ_NEXT);
    EXPECT_EQ(host.complete_register(&host, ticket, &answer), 1);
    run();
    EXPECT_EQ(next, std::vector<std::size_t>{1});
}

}  // namespace
}  // namespace vmq::plugins::native
