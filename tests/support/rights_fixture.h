// For tests of rights that end: plugins that judge filters as the test says.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/rights.h"
#include "support/test_broker.h"

namespace vmq::broker {

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
inline std::vector<std::string_view> secrets(const hooks::ClientContext& /*client*/,
                                             std::span<const std::string_view> filters) {
    std::vector<std::string_view> found;
    for (const auto filter : filters) {
        if (filter.starts_with("secret") || filter.starts_with("$share/g/secret")) {
            found.push_back(filter);
        }
    }
    return found;
}

inline ChangedRules changed_rules() {
    return {"rules", secrets, [](const hooks::ClientContext&, std::string_view topic) {
                return topic.starts_with("secret");
            }};
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
        const auto run = std::make_shared<RightsCheck>(changed_rules(), apply, 1);
        broker_->shard().check_rights(run);
        broker_->settle();
        return run->wait();
    }

    Judge::Case rules_;
    Judge::Case other_;
    std::unique_ptr<TestBroker> broker_;
};

}  // namespace vmq::broker
