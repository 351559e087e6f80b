// For tests of what a connection asks its plugins: a plugin that answers when the test says so.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/test_broker.h"

namespace vmq::broker {

using hooks::Completion;
using hooks::Decision;
using hooks::Hook;
using hooks::hook_bit;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

/// What the plugin was asked and has not answered yet. Outlives the broker.
struct Questions {
    std::vector<std::string> asked;
    std::vector<Completion<hooks::RegisterVerdict>> registers;
    std::vector<Completion<hooks::AuthVerdict>> auths;
    std::vector<Completion<hooks::PublishVerdict>> publishes;
    std::vector<Completion<hooks::SubscribeVerdict>> subscribes;
    std::vector<std::string> published;  // what on_publish was told
    hooks::PublishVerdict on_deliver;    // what it answers to every delivery

    /// Answers the oldest question of a kind.
    template <typename Verdict>
    static void answer(std::vector<Completion<Verdict>>& waiting, Verdict verdict) {
        ASSERT_FALSE(waiting.empty());
        const auto done = std::move(waiting.front());
        waiting.erase(waiting.begin());
        done(std::move(verdict));
    }
};

/// Answers every authorisation hook later.
class LatePlugin final : public hooks::Plugin {
public:
    LatePlugin(Questions& questions, hooks::HookSet hooks) : questions_(questions), hooks_(hooks) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "late"; }
    [[nodiscard]] hooks::HookSet hooks() const noexcept override { return hooks_; }

    std::optional<hooks::RegisterVerdict> auth_on_register(
        const hooks::RegisterContext& context, Completion<hooks::RegisterVerdict> done) override {
        note("register", context.subscriber.client_id);
        questions_.registers.push_back(std::move(done));
        return {};
    }
    std::optional<hooks::AuthVerdict> on_auth(const hooks::AuthContext& context,
                                              Completion<hooks::AuthVerdict> done) override {
        note("auth", context.data);
        questions_.auths.push_back(std::move(done));
        return {};
    }
    std::optional<hooks::PublishVerdict> auth_on_publish(
        const hooks::PublishContext& context, Completion<hooks::PublishVerdict> done) override {
        note("publish", context.topic);
        questions_.publishes.push_back(std::move(done));
        return {};
    }
    std::optional<hooks::SubscribeVerdict> auth_on_subscribe(
        const hooks::SubscribeContext& context, Completion<hooks::SubscribeVerdict> done) override {
        note("subscribe", context.entries->front().filter);
        questions_.subscribes.push_back(std::move(done));
        return {};
    }
    hooks::UnsubscribeVerdict on_unsubscribe(const hooks::UnsubscribeContext& context) override {
        note("unsubscribe", context.filters->front());
        hooks::UnsubscribeVerdict verdict;
        verdict.decision = Decision::Ok;
        verdict.filters = {"rewritten"};
        if (context.properties != nullptr && !context.properties->user_properties.empty()) {
            verdict.details.reason_string = "as told";
            for (const auto& [name, value] : context.properties->user_properties) {
                verdict.details.user_properties.emplace_back(name, value);
            }
        }
        return verdict;
    }
    hooks::PublishVerdict on_deliver(const hooks::PublishContext& context) override {
        note("deliver",
             fmt::format("{} to {} of {}: qos={} retain={} v5={} expiry={}", context.payload,
                         context.subscriber.client_id, context.username.value_or("nobody"),
                         static_cast<int>(context.qos), context.retain, context.v5,
                         context.message_expiry_interval.value_or(0)));
        return questions_.on_deliver;
    }
    void on_publish(const hooks::PublishContext& context) override {
        note("published", context.topic);
        questions_.published.push_back(fmt::format("{} by {} of {}: v5={} expiry={}", context.topic,
                                                   context.subscriber.client_id,
                                                   context.username.value_or("nobody"), context.v5,
                                                   context.message_expiry_interval.value_or(0)));
    }
    void on_register(const hooks::ClientContext& context) override {
        std::string told = "nothing";
        if (context.properties != nullptr) {
            told = context.properties->has(mqtt::Property::MaximumQoS)
                       ? fmt::format("maximum_qos={}", context.properties->maximum_qos)
                       : "the usual";
        }
        note("registered", fmt::format("{}: {}", context.subscriber.client_id, told));
    }
    void on_topic_unsubscribed(const hooks::UnsubscribeContext& context) override {
        note("unsubscribed", context.filters == nullptr
                                 ? std::string(context.subscriber.client_id) + ": all"
                                 : std::string(context.filters->front()));
    }
    void on_message_drop(const hooks::MessageContext& context) override {
        note("dropped", context.payload);
    }
    void on_offline_message(const hooks::MessageContext& context) override {
        note("offline", context.payload);
    }

private:
    void note(std::string_view hook, std::string_view about) {
        questions_.asked.push_back(std::string(hook) + " " + std::string(about));
    }

    Questions& questions_;
    hooks::HookSet hooks_;
};

template <typename Verdict>
Verdict decided(Decision decision) {
    Verdict verdict;
    verdict.decision = decision;
    return verdict;
}

class ConnectionHooks : public ::testing::Test {
protected:
    void start(std::initializer_list<Hook> hooks, std::uint32_t shards = 1) {
        hooks::HookSet set = 0;
        for (const Hook hook : hooks) set |= hook_bit(hook);
        broker = std::make_unique<TestBroker>(TestBroker::Options{
            .shards = shards, .plugin = std::make_unique<LatePlugin>(questions, set)});
    }
    void answer_register(Decision decision) {
        Questions::answer(questions.registers, decided<hooks::RegisterVerdict>(decision));
    }
    void answer_publish(Decision decision) {
        Questions::answer(questions.publishes, decided<hooks::PublishVerdict>(decision));
    }
    void answer_subscribe(Decision decision) {
        Questions::answer(questions.subscribes, decided<hooks::SubscribeVerdict>(decision));
    }
    void answer_auth(Decision decision, bool continues = false, std::string data = {}) {
        auto verdict = decided<hooks::AuthVerdict>(decision);
        verdict.continues = continues;
        verdict.data = std::move(data);
        Questions::answer(questions.auths, std::move(verdict));
    }

    Questions questions;
    std::unique_ptr<TestBroker> broker;
};

}  // namespace vmq::broker
