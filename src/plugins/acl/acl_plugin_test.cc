#include "plugins/acl/acl_plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooks/chain.h"
#include "support/temporary_folder.h"

namespace vmq::plugins::acl {
namespace {

using hooks::Decision;
using mqtt::ReasonCode;

/// A chain whose only plugin is the one under test, as MQTT 3 and as MQTT 5.
class AclPluginTest : public ::testing::TestWithParam<bool> {
protected:
    void write(std::string_view text) {
        std::ofstream(folder_.path() + "/vmq.acl", std::ios::binary) << text;
        ASSERT_TRUE(source_->reload());
    }

    Decision publishes(std::string_view topic) {
        hooks::PublishContext context;
        context.subscriber = {"mp", "client"};
        context.username = "alice";
        context.topic = topic;
        context.v5 = GetParam();
        const auto verdict = plugin_.auth_on_publish(context, {});
        EXPECT_TRUE(verdict.has_value());  // at once
        return verdict->decision;
    }

    hooks::SubscribeVerdict subscribes(const std::vector<std::string_view>& filters) {
        std::vector<mqtt::SubscribeEntry> entries;
        entries.reserve(filters.size());
        for (const auto filter : filters) entries.push_back({filter, {}});
        if (!entries.empty()) entries[0].options.no_local = true;
        hooks::SubscribeContext context;
        context.subscriber = {"mp", "client"};
        context.username = "alice";
        context.entries = &entries;
        context.v5 = GetParam();
        auto verdict = AclPlugin(source_).auth_on_subscribe(context, {});
        EXPECT_TRUE(verdict.has_value());
        return std::move(*verdict);
    }

    vmq::testing::TemporaryFolder folder_;
    std::shared_ptr<AclSource> source_ =
        std::make_shared<AclSource>(AclSource::Options{.file = folder_.path() + "/vmq.acl"});
    AclPlugin plugin_{source_};
};

INSTANTIATE_TEST_SUITE_P(Versions, AclPluginTest, ::testing::Bool(),
                         [](const auto& v5) { return v5.param ? "Mqtt5" : "Mqtt3"; });

TEST_P(AclPluginTest, IsVerneMQsPluginOfThatName) {
    EXPECT_EQ(plugin_.name(), "vmq_acl");
    EXPECT_EQ(plugin_.hooks(),
              hook_bit(hooks::Hook::AuthOnPublish) | hook_bit(hooks::Hook::AuthOnSubscribe));
}

TEST_P(AclPluginTest, LeavesWhatItDoesNotGrantToTheNext) {
    write("topic read r\ntopic write w\nuser alice\ntopic hers\npattern %m/%c/%u\n");
    EXPECT_EQ(publishes("w"), Decision::Ok);
    EXPECT_EQ(publishes("hers"), Decision::Ok);
    EXPECT_EQ(publishes("mp/client/alice"), Decision::Ok);
    EXPECT_EQ(publishes("r"), Decision::Next);
    EXPECT_EQ(publishes("mp/client/bob"), Decision::Next);
}

TEST_P(AclPluginTest, AnswersByTheRulesInForce) {
    write("topic a\n");
    for (int i = 0; i < 2; ++i) EXPECT_EQ(publishes("a"), Decision::Ok);
    write("topic b\n");
    for (int i = 0; i < 2; ++i) EXPECT_EQ(publishes("a"), Decision::Next);
    EXPECT_EQ(publishes("b"), Decision::Ok);
}

TEST_P(AclPluginTest, GrantsAWholeSubscribeUnchanged) {
    write("topic a/#\n");
    const auto verdict = subscribes({"a/+", "$share/g/a/b"});
    EXPECT_EQ(verdict.decision, Decision::Ok);
    EXPECT_FALSE(verdict.topics.has_value());
}

TEST_P(AclPluginTest, LeavesTheFiltersThatAreNotGrantedToTheNext) {
    write("topic a/+\n");
    const auto verdict = subscribes({"a/+", "a/#", "b", "a/b"});
    EXPECT_EQ(verdict.decision, Decision::Ok);
    ASSERT_TRUE(verdict.topics.has_value());
    std::vector<std::pair<std::string, bool>> left;
    for (const auto& topic : *verdict.topics) left.emplace_back(topic.filter, topic.left_to_next);
    EXPECT_THAT(left, ::testing::ElementsAre(std::pair("a/+", false), std::pair("a/#", true),
                                             std::pair("b", true), std::pair("a/b", false)));
    EXPECT_TRUE(verdict.topics->at(0).options.no_local);
}

TEST_P(AclPluginTest, LeavesASubscribeToTheNextIfItGrantsNothingOfIt) {
    write("topic write b\n");
    EXPECT_EQ(subscribes({"a", "b"}).decision, Decision::Next);
}

TEST_P(AclPluginTest, RefusesAsTheLastOfAChain) {
    write("topic a\n");
    hooks::Chain chain;
    chain.add(std::make_unique<AclPlugin>(source_));
    hooks::PublishContext context;
    context.topic = "b";
    context.v5 = GetParam();
    EXPECT_EQ(chain.auth_on_publish(context, {})->decision, Decision::Error);
    context.topic = "a";
    EXPECT_EQ(chain.auth_on_publish(context, {})->decision, Decision::Ok);
}

}  // namespace
}  // namespace vmq::plugins::acl
