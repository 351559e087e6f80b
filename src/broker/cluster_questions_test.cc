#include "broker/cluster_questions.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/cluster_test_node.h"

namespace vmq::broker {
namespace {

using testing::ClusterTestNode;
using testing::comes_true;

ClusterQuestions::Serve echo(const std::string& name) {
    return [name](const std::string& question, const ClusterQuestions::Give& give) {
        if (question == "refuse") return give(Error{ErrorCode::Unavailable, "refuses"});
        if (question == "silence") return;
        give(question == "much" ? std::string(1'000'000, 'x') : name + " heard " + question);
    };
}

/// "b@127.0.0.1: b heard x | c@127.0.0.1 is away"
std::string in_words(const std::vector<NodeAnswer>& answers) {
    std::string words;
    for (const NodeAnswer& each : answers) {
        words += (words.empty() ? "" : " | ") + each.node.substr(0, 1) + " " +
                 (each.answer ? "says " + each.answer.value() : each.answer.error().detail);
    }
    return words;
}

TEST(ClusterQuestionsShards, EveryOtherNodeAnswersOrIsNamed) {
    ClusterTestNode a("a", 0, "secret", {}, {.serve_question = echo("a")});
    ClusterTestNode b("b", 0, "secret", {}, {.serve_question = echo("b")});
    EXPECT_TRUE(a.service->ask("x", Seconds(5)).empty()) << "there is nobody";
    {
        ClusterTestNode c("c");
        ASSERT_TRUE(b.join(a, "a"));
        ASSERT_TRUE(c.join(a, "a"));
        ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ c+ "; }));
        EXPECT_EQ(in_words(a.service->ask("x", Seconds(5))),
                  "b says b heard x | c cannot be asked yet");
        EXPECT_EQ(in_words(a.service->ask("x", Seconds(5), {"b@127.0.0.1"})), "b says b heard x");
        EXPECT_EQ(in_words(a.service->ask("refuse", Seconds(5), {"b@127.0.0.1"})), "b refuses");
    }
    ASSERT_TRUE(comes_true([&] { return a.nodes() == "a+ b+ c- "; }));
    EXPECT_EQ(in_words(a.service->ask("x", Seconds(5))), "b says b heard x | c is away");
    EXPECT_EQ(in_words(a.service->ask("silence", Millis(50), {"b@127.0.0.1"})),
              "b has not answered in time");
    const auto much = b.service->ask("much", Seconds(30), {"a@127.0.0.1"});
    ASSERT_EQ(much.size(), 1U);
    ASSERT_TRUE(much[0].answer);
    EXPECT_EQ(much[0].answer.value(), std::string(1'000'000, 'x'));
}

}  // namespace
}  // namespace vmq::broker
