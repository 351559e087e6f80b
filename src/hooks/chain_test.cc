#include "hooks/chain.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace vmq::hooks {
namespace {

using Calls = std::vector<std::string>;

/// What a scripted plugin answers to every authorisation hook.
enum class Answer : std::uint8_t { Next, Ok, Error, Later };

constexpr HookSet kAllHooks = hook_bit(Hook::Count) - 1;

/// Writes down who was asked; keeps the completions it has not called yet.
struct Script {
    Calls calls;
    std::vector<Completion<RegisterVerdict>> registers;
    std::vector<Completion<AuthVerdict>> auths;
    std::vector<Completion<PublishVerdict>> publishes;
    std::vector<Completion<SubscribeVerdict>> subscribes;
};

class Scripted final : public Plugin {
public:
    Scripted(Script& script, std::string name, Answer answer, HookSet hooks = kAllHooks)
        : script_(script), name_(std::move(name)), answer_(answer), hooks_(hooks) {}

    [[nodiscard]] std::string_view name() const noexcept override { return name_; }
    [[nodiscard]] HookSet hooks() const noexcept override { return hooks_; }

    std::optional<RegisterVerdict> auth_on_register(const RegisterContext&,
                                                    Completion<RegisterVerdict> done) override {
        return answer("register", script_.registers, std::move(done));
    }
    std::optional<AuthVerdict> on_auth(const AuthContext&, Completion<AuthVerdict> done) override {
        return answer("auth", script_.auths, std::move(done));
    }
    std::optional<PublishVerdict> auth_on_publish(const PublishContext&,
                                                  Completion<PublishVerdict> done) override {
        return answer("publish", script_.publishes, std::move(done));
    }
    std::optional<SubscribeVerdict> auth_on_subscribe(const SubscribeContext&,
                                                      Completion<SubscribeVerdict> done) override {
        return answer("subscribe", script_.subscribes, std::move(done));
    }
    UnsubscribeVerdict on_unsubscribe(const UnsubscribeContext&) override {
        note("unsubscribe");
        return {decision(), std::vector<std::string>{name_}, {}};
    }
    PublishVerdict on_deliver(const PublishContext&) override {
        note("deliver");
        PublishVerdict verdict;
        verdict.decision = decision();
        verdict.modifiers.topic = name_;
        return verdict;
    }
    void on_register(const ClientContext&) override { note("told register"); }
    void on_publish(const PublishContext&) override { note("told publish"); }
    void on_subscribe(const SubscribeContext&) override { note("told subscribe"); }
    void on_topic_unsubscribed(const UnsubscribeContext&) override { note("told unsubscribed"); }
    void on_offline_message(const MessageContext&) override { note("told offline message"); }
    void on_message_drop(const MessageContext&) override { note("told drop"); }
    void on_client_wakeup(const ClientContext&) override { note("told wakeup"); }
    void on_client_offline(const ClientContext&) override { note("told offline"); }
    void on_client_gone(const ClientContext&) override { note("told gone"); }
    void on_session_expired(const ClientContext&) override { note("told expired"); }
    void change_config(const ConfigContext&) override { note("told config"); }

private:
    void note(const std::string& what) { script_.calls.push_back(name_ + " " + what); }
    [[nodiscard]] Decision decision() const {
        return answer_ == Answer::Ok      ? Decision::Ok
               : answer_ == Answer::Error ? Decision::Error
                                          : Decision::Next;
    }
    template <typename Verdict>
    std::optional<Verdict> answer(const std::string& what, std::vector<Completion<Verdict>>& later,
                                  Completion<Verdict> done) {
        note(what);
        if (answer_ == Answer::Later) {
            later.push_back(std::move(done));
            return std::nullopt;
        }
        Verdict verdict;
        verdict.decision = decision();
        return verdict;
    }

    Script& script_;
    const std::string name_;
    const Answer answer_;
    const HookSet hooks_;
};

class ChainTest : public ::testing::Test {
protected:
    void add(const char* name, Answer answer, HookSet hooks = kAllHooks) {
        chain_.add(std::make_unique<Scripted>(script_, name, answer, hooks));
    }
    std::optional<Decision> ask_register(Route route = {}) {
        const auto verdict = chain_.auth_on_register(
            {},
            [this](RegisterVerdict late, std::size_t next) {
                late_decision_ = late.decision;
                late_next_ = next;
            },
            route);
        return verdict ? std::optional(verdict->decision) : std::nullopt;
    }

    Chain chain_;
    Script script_;
    std::optional<Decision> late_decision_;
    std::size_t late_next_ = 0;
};

TEST_F(ChainTest, AsksInOrderUntilOneSaysOk) {
    add("a", Answer::Next);
    add("b", Answer::Ok);
    add("c", Answer::Error);
    EXPECT_EQ(ask_register(), Decision::Ok);
    EXPECT_EQ(script_.calls, (Calls{"a register", "b register"}));
}

TEST_F(ChainTest, AnErrorEndsTheChainToo) {
    add("a", Answer::Error);
    add("b", Answer::Ok);
    EXPECT_EQ(ask_register(), Decision::Error);
    EXPECT_EQ(script_.calls, Calls{"a register"});
}

TEST_F(ChainTest, IfNobodyDecidesTheAnswerIsAnErrorWithoutAReason) {
    add("a", Answer::Next);
    const auto verdict = chain_.auth_on_publish({}, {});
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->decision, Decision::Error);
    EXPECT_EQ(verdict->refusal.reason, std::nullopt);
}

TEST_F(ChainTest, WithoutAPluginTheAnswerIsAnError) {
    EXPECT_EQ(ask_register(), Decision::Error);
    EXPECT_EQ(chain_.on_auth({}, {})->decision, Decision::Error);
    EXPECT_EQ(chain_.auth_on_publish({}, {})->decision, Decision::Error);
    EXPECT_EQ(chain_.auth_on_subscribe({}, {})->decision, Decision::Error);
    EXPECT_FALSE(chain_.implements(Hook::AuthOnRegister));
}

TEST_F(ChainTest, PluginsWithoutTheHookAreNotAsked) {
    add("a", Answer::Error, hook_bit(Hook::AuthOnPublish));
    add("b", Answer::Ok, hook_bit(Hook::AuthOnRegister));
    EXPECT_EQ(ask_register(), Decision::Ok);
    EXPECT_EQ(script_.calls, Calls{"b register"});
    EXPECT_TRUE(chain_.implements(Hook::AuthOnPublish));
    EXPECT_FALSE(chain_.implements(Hook::OnDeliver));
}

TEST_F(ChainTest, EveryAuthorisationHookReachesItsPlugin) {
    add("a", Answer::Ok);
    EXPECT_EQ(ask_register(), Decision::Ok);
    EXPECT_EQ(chain_.on_auth({}, {})->decision, Decision::Ok);
    EXPECT_EQ(chain_.auth_on_publish({}, {})->decision, Decision::Ok);
    EXPECT_EQ(chain_.auth_on_subscribe({}, {})->decision, Decision::Ok);
    EXPECT_EQ(script_.calls, (Calls{"a register", "a auth", "a publish", "a subscribe"}));
}

TEST_F(ChainTest, APendingPluginEndsTheCallAndItsVerdictComesLater) {
    add("a", Answer::Next);
    add("b", Answer::Later);
    add("c", Answer::Ok);
    EXPECT_EQ(ask_register(), std::nullopt);
    EXPECT_EQ(script_.calls, (Calls{"a register", "b register"}));
    ASSERT_EQ(script_.registers.size(), 1U);
    EXPECT_FALSE(late_decision_);
    RegisterVerdict verdict;
    verdict.decision = Decision::Ok;
    script_.registers[0](verdict);
    EXPECT_EQ(late_decision_, Decision::Ok);
    EXPECT_EQ(script_.calls.size(), 2U) << "the chain does not go on by itself";
}

TEST_F(ChainTest, AfterALateNextTheCallerGoesOnBehindThePendingPlugin) {
    add("a", Answer::Next);
    add("b", Answer::Later);
    add("skipped", Answer::Error, hook_bit(Hook::OnAuth));
    add("c", Answer::Ok);
    (void)ask_register();
    script_.registers[0](RegisterVerdict{});
    ASSERT_EQ(late_decision_, Decision::Next);
    script_.calls.clear();
    EXPECT_EQ(ask_register({nullptr, late_next_}), Decision::Ok);
    EXPECT_EQ(script_.calls, Calls{"c register"});
}

TEST_F(ChainTest, ALateNextOfTheLastPluginExhaustsTheChain) {
    add("a", Answer::Later);
    (void)ask_register();
    script_.registers[0](RegisterVerdict{});
    EXPECT_EQ(ask_register({nullptr, late_next_}), Decision::Error);
    EXPECT_EQ(script_.calls, Calls{"a register"});
}

TEST_F(ChainTest, OtherHooksCanBePendingToo) {
    add("a", Answer::Later);
    int late = 0;
    const auto count = [&late](const auto& verdict, std::size_t next) {
        EXPECT_EQ(verdict.decision, Decision::Error);
        EXPECT_EQ(next, 1U);
        ++late;
    };
    EXPECT_FALSE(chain_.on_auth({}, count));
    EXPECT_FALSE(chain_.auth_on_publish({}, count));
    EXPECT_FALSE(chain_.auth_on_subscribe({}, count));
    AuthVerdict auth;
    auth.decision = Decision::Error;
    script_.auths.at(0)(auth);
    PublishVerdict publish;
    publish.decision = Decision::Error;
    script_.publishes.at(0)(publish);
    SubscribeVerdict subscribe;
    subscribe.decision = Decision::Error;
    script_.subscribes.at(0)(subscribe);
    EXPECT_EQ(late, 3);
}

/// Notes whether it was given a `done`.
class AtOnce final : public Plugin {
public:
    AtOnce(HookSet at_once, std::vector<bool>& given) : at_once_(at_once), given_(given) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "at once"; }
    [[nodiscard]] HookSet hooks() const noexcept override { return kAllHooks; }
    [[nodiscard]] HookSet answers_at_once() const noexcept override { return at_once_; }
    std::optional<PublishVerdict> auth_on_publish(const PublishContext&,
                                                  Completion<PublishVerdict> done) override {
        given_.push_back(static_cast<bool>(done));
        return PublishVerdict{};
    }

private:
    const HookSet at_once_;
    std::vector<bool>& given_;
};

TEST_F(ChainTest, WhoAnswersAtOnceIsGivenNoCompletion) {
    std::vector<bool> given;
    chain_.add(std::make_unique<AtOnce>(hook_bit(Hook::AuthOnPublish), given));
    chain_.add(std::make_unique<AtOnce>(hook_bit(Hook::AuthOnSubscribe), given));
    (void)chain_.auth_on_publish({}, [](const PublishVerdict&, std::size_t) {});
    EXPECT_EQ(given, (std::vector<bool>{false, true}));
}

TEST_F(ChainTest, UnsubscribeAndDeliverTakeTheFirstOkAndIgnoreErrors) {
    add("a", Answer::Next);
    EXPECT_FALSE(chain_.on_unsubscribe({}).filters);
    EXPECT_FALSE(chain_.on_deliver({}).modifiers.topic);
    add("b", Answer::Ok);
    add("c", Answer::Ok);
    EXPECT_EQ(chain_.on_unsubscribe({}).filters, std::vector<std::string>{"b"});
    EXPECT_EQ(chain_.on_deliver({}).modifiers.topic, "b");
}

TEST_F(ChainTest, AnErrorOfUnsubscribeOrDeliverEndsTheChainWithoutChanges) {
    add("a", Answer::Error);
    add("b", Answer::Ok);
    EXPECT_FALSE(chain_.on_unsubscribe({}).filters);
    EXPECT_FALSE(chain_.on_deliver({}).modifiers.topic);
    EXPECT_EQ(script_.calls, (Calls{"a unsubscribe", "a deliver"}));
}

TEST_F(ChainTest, EveryPluginIsToldOfEvents) {
    add("a", Answer::Error);
    add("b", Answer::Ok);
    chain_.on_register({});
    chain_.on_publish({});
    chain_.on_subscribe({});
    chain_.on_topic_unsubscribed({});
    chain_.on_offline_message({});
    chain_.on_message_drop({});
    chain_.on_client_wakeup({});
    chain_.on_client_offline({});
    chain_.on_client_gone({});
    chain_.on_session_expired({});
    chain_.change_config({});
    Calls expected;
    for (const char* event : {"register", "publish", "subscribe", "unsubscribed", "offline message",
                              "drop", "wakeup", "offline", "gone", "expired", "config"}) {
        for (const char* name : {"a", "b"})
            expected.push_back(std::string(name) + " told " + event);
    }
    EXPECT_EQ(script_.calls, expected);
}

TEST_F(ChainTest, OnePluginAloneCanBeToldOfSettings) {
    add("a", Answer::Ok);
    add("b", Answer::Next);
    chain_.change_config({}, PluginPlace{1});
    EXPECT_EQ(script_.calls, Calls{"b told config"});
    chain_.set_enabled(PluginPlace{1}, false);
    chain_.change_config({}, PluginPlace{1});
    EXPECT_EQ(script_.calls.size(), 1U);
}

TEST_F(ChainTest, ARouteNamesWhoIsAskedAndInWhichOrder) {
    add("a", Answer::Ok);
    add("b", Answer::Next);
    add("c", Answer::Next);
    const PluginOrder order{2, 1};
    EXPECT_EQ(ask_register({&order}), Decision::Error);
    EXPECT_EQ(script_.calls, (Calls{"c register", "b register"}));
    const PluginOrder nobody;
    EXPECT_EQ(ask_register({&nobody}), Decision::Error);
    EXPECT_EQ(script_.calls.size(), 2U);
}

TEST_F(ChainTest, KnowsWhoImplementsAHookOnARoute) {
    add("a", Answer::Ok, hook_bit(Hook::AuthOnPublish));
    add("b", Answer::Ok, hook_bit(Hook::AuthOnRegister));
    const PluginOrder only_b{1};
    EXPECT_TRUE(chain_.implements(Hook::AuthOnPublish, nullptr));
    EXPECT_FALSE(chain_.implements(Hook::AuthOnPublish, &only_b));
    EXPECT_TRUE(chain_.implements(Hook::AuthOnRegister, &only_b));
    EXPECT_FALSE(chain_.answers_at_once(Hook::AuthOnPublish, nullptr));
    EXPECT_TRUE(chain_.answers_at_once(Hook::AuthOnPublish, &only_b));
}

TEST_F(ChainTest, AVerdictSaysWhoDecided) {
    add("a", Answer::Next);
    add("b", Answer::Later);
    add("c", Answer::Ok);
    const PluginOrder order{2, 0};
    EXPECT_EQ(chain_.auth_on_register({}, {}, {&order})->decided_by, 2U);
    std::uint8_t late = kNobody;
    EXPECT_EQ(chain_.auth_on_register({}, [&](const RegisterVerdict& verdict,
                                              std::size_t) { late = verdict.decided_by; }),
              std::nullopt);
    RegisterVerdict verdict;
    verdict.decision = Decision::Ok;
    script_.registers.front()(verdict);
    EXPECT_EQ(late, 1U);
}

TEST_F(ChainTest, APluginThatIsOffIsNotAsked) {
    add("a", Answer::Error);
    add("b", Answer::Ok, hook_bit(Hook::AuthOnRegister));
    chain_.set_enabled(0, false);
    EXPECT_EQ(ask_register(), Decision::Ok);
    EXPECT_FALSE(chain_.implements(Hook::AuthOnPublish));
    EXPECT_FALSE(chain_.implements(Hook::OnRegister));
    chain_.on_register({});
    EXPECT_EQ(script_.calls, Calls{"b register"});
    chain_.set_enabled(0, true);
    EXPECT_EQ(ask_register(), Decision::Error);
    EXPECT_TRUE(chain_.implements(Hook::AuthOnPublish));
}

/// Grants "ok", leaves all others to the next one.
class GrantsSome final : public Plugin {
public:
    [[nodiscard]] std::string_view name() const noexcept override { return "some"; }
    [[nodiscard]] HookSet hooks() const noexcept override {
        return hook_bit(Hook::AuthOnSubscribe);
    }
    std::optional<SubscribeVerdict> auth_on_subscribe(const SubscribeContext& context,
                                                      Completion<SubscribeVerdict>) override {
        SubscribeVerdict verdict;
        verdict.decision = Decision::Ok;
        auto& topics = verdict.topics.emplace();
        for (const auto& entry : *context.entries) {
            topics.push_back(
                {std::string(entry.filter), {}, mqtt::ReasonCode::Success, entry.filter != "ok"});
        }
        return verdict;
    }
};

TEST_F(ChainTest, WhoDecidesAboutSomeFiltersSaysWhereToGoOn) {
    add("a", Answer::Next);
    chain_.add(std::make_unique<GrantsSome>());
    add("c", Answer::Error);
    const std::vector<mqtt::SubscribeEntry> entries{{"ok", {}}, {"other", {}}};
    SubscribeContext context;
    context.entries = &entries;
    const auto verdict = chain_.auth_on_subscribe(context, {});
    EXPECT_EQ(verdict->decision, Decision::Ok);
    EXPECT_EQ(verdict->next, 2U);
    EXPECT_EQ(script_.calls, Calls{"a subscribe"});
}

TEST_F(ChainTest, WhoDecidesAboutNoFilterHasNoOpinion) {
    chain_.add(std::make_unique<GrantsSome>());
    add("b", Answer::Ok);
    const std::vector<mqtt::SubscribeEntry> entries{{"other", {}}};
    SubscribeContext context;
    context.entries = &entries;
    EXPECT_FALSE(chain_.auth_on_subscribe(context, {})->topics);
    EXPECT_EQ(script_.calls, Calls{"b subscribe"});
    EXPECT_EQ(
        chain_.counts(0, Hook::AuthOnSubscribe).decisions[static_cast<std::size_t>(Decision::Next)],
        1U);
}

/// Throws in every hook.
class Broken final : public Plugin {
public:
    [[nodiscard]] std::string_view name() const noexcept override { return "broken"; }
    [[nodiscard]] HookSet hooks() const noexcept override { return kAllHooks; }
    std::optional<RegisterVerdict> auth_on_register(const RegisterContext&,
                                                    Completion<RegisterVerdict>) override {
        throw std::runtime_error("no memory for this");
    }
    UnsubscribeVerdict on_unsubscribe(const UnsubscribeContext&) override { throw 1; }
    void on_register(const ClientContext&) override { throw std::runtime_error("nor for this"); }
};

TEST_F(ChainTest, WhatAPluginThrowsCountsAsNext) {
    chain_.add(std::make_unique<Broken>());
    add("b", Answer::Ok);
    EXPECT_EQ(ask_register(), Decision::Ok);
    EXPECT_EQ(chain_.on_unsubscribe({}).decision, Decision::Ok);
    chain_.on_register({});
    EXPECT_EQ(script_.calls, (Calls{"b register", "b unsubscribe", "b told register"}));
    EXPECT_EQ(chain_.counts(0, Hook::AuthOnRegister).failures, 1U);
    EXPECT_EQ(chain_.counts(0, Hook::OnUnsubscribe).failures, 1U);
    EXPECT_EQ(chain_.counts(0, Hook::OnRegister).failures, 1U);
    EXPECT_EQ(chain_.counts(1, Hook::AuthOnRegister).failures, 0U);
}

TEST_F(ChainTest, CountsCallsDecisionsAndHowLongTheyTook) {
    add("a", Answer::Next);
    add("b", Answer::Later);
    (void)ask_register();
    (void)ask_register();
    script_.registers.front()(RegisterVerdict{});
    EXPECT_EQ(chain_.waits_for(), 1U);
    EXPECT_EQ(chain_.give_up(Hook::AuthOnRegister, {nullptr, chain_.waits_for()}), "b");
    const auto first = chain_.counts(0, Hook::AuthOnRegister);
    EXPECT_EQ(first.calls, 2U);
    EXPECT_EQ(first.decisions[static_cast<std::size_t>(Decision::Next)], 2U);
    EXPECT_EQ(first.latency.count(), 2U);
    const auto second = chain_.counts(1, Hook::AuthOnRegister);
    EXPECT_EQ(second.calls, 2U);
    EXPECT_EQ(second.decisions[static_cast<std::size_t>(Decision::Next)], 1U);
    EXPECT_EQ(second.latency.count(), 1U);
    EXPECT_EQ(second.timeouts, 1U);
    EXPECT_EQ(chain_.counts(1, Hook::OnPublish).calls, 0U);
}

TEST(HookStats, MeasuresFewOfManyCallsThatAnswerAtOnce) {
    HookStats stats;
    std::uint64_t measured = 0;
    for (int i = 0; i < 1024; ++i) measured += stats.begin(true);
    EXPECT_EQ(measured, 1024U);
    EXPECT_EQ(stats.begin(true), HookStats::kSample);
    EXPECT_EQ(stats.begin(true), 0U);
    EXPECT_EQ(stats.begin(false), 1U);
}

}  // namespace
}  // namespace vmq::hooks
