#include "plugins/acl/acl_file.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace vmq::plugins::acl {
namespace {

using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> texts(const AclFile& file) {
    std::vector<std::string> texts;
    texts.reserve(file.rules.size());
    for (const Rule& rule : file.rules) texts.push_back(rule.text());
    return texts;
}

using Lines = std::vector<std::uint32_t>;
Lines problem_lines(const AclFile& file) {
    Lines lines;
    for (const Problem& problem : file.problems) lines.push_back(problem.line);
    return lines;
}

/// The one problem of a file that has one.
Problem problem_of(std::string_view text) {
    const AclFile file = parse_acl_file(text);
    EXPECT_EQ(file.problem_count, 1U) << text;
    return file.problems.empty() ? Problem{} : file.problems[0];
}

TEST(AclFile, OfVerneMQIsReadAsItIsShipped) {
    const AclFile file = parse_acl_file("topic #\n");
    EXPECT_THAT(texts(file), ElementsAre("topic #"));
    EXPECT_EQ(file.problem_count, 0U);
}

TEST(AclFile, HasTopicsOfEveryoneThenOfUsersAndPatterns) {
    const AclFile file = parse_acl_file(
        "# who may what\n\ntopic read a\nuser alice\ntopic write b/+\npattern read c/%c/#\n"
        "topic d\nuser bob smith \ntopic readwrite e");
    EXPECT_THAT(texts(file),
                ElementsAre("topic read a", "user alice: topic write b/+", "pattern read c/%c/#",
                            "user alice: topic d", "user bob smith: topic e"));
    EXPECT_EQ(file.rules[4].line, 9U);
    EXPECT_EQ(file.problem_count, 0U);
}

TEST(AclFile, TrimsBlanksAroundButNotWithinATopic) {
    const AclFile file = parse_acl_file("topic  a b\t \ntopic read \tc\nuser \t x y \ntopic z\n");
    EXPECT_THAT(texts(file), ElementsAre("topic a b", "topic read c", "user x y: topic z"));
}

TEST(AclFile, MayHaveAByteOrderMarkAndCarriageReturns) {
    const AclFile file = parse_acl_file("\xEF\xBB\xBFtopic a\r\n\r\n \t\r\nuser u\r\ntopic b\r");
    EXPECT_THAT(texts(file), ElementsAre("topic a", "user u: topic b"));
    EXPECT_EQ(file.problem_count, 0U);
    EXPECT_THAT(problem_of("topic a\rtopic b\r\n").reason, HasSubstr("carriage return"));
}

TEST(AclFile, MayBeEmpty) {
    for (const auto text : {""sv, "\n"sv, "\r\n"sv, "\xEF\xBB\xBF"sv, "#"sv, "# \xFF\n"sv}) {
        const AclFile file = parse_acl_file(text);
        EXPECT_TRUE(file.rules.empty() && file.problem_count == 0);
    }
}

TEST(AclFile, ReportsAndSkipsLinesWithATopicThatIsNone) {
    for (const auto line : {"topic "sv, "topic read "sv, "pattern  \t"sv, "topic a#"sv,
                            "topic #/a"sv, "topic $share/x"sv, "topic \xFF"sv, "topic a\0b"sv,
                            "topic 1/2/3/4/5/6/7/8/9/10/11"sv, "topic deny a"sv}) {
        const AclFile file = parse_acl_file(std::string(line) + "\ntopic next\n");
        EXPECT_THAT(texts(file), ElementsAre("topic next")) << line;
        EXPECT_THAT(problem_lines(file), ElementsAre(1U)) << line;
        EXPECT_TRUE(file.problems.at(0).skipped) << line;
    }
    EXPECT_THAT(parse_acl_file("topic 1/2/3/4/5/6/7/8/9/10").rules, testing::SizeIs(1));
    EXPECT_THAT(parse_acl_file("topic 1/2/3", {.max_levels = 2}).rules, IsEmpty());
}

TEST(AclFile, WantsKeywordsInTheFirstColumnWithOneSpace) {
    for (const auto line : {" topic a"sv, "Topic a"sv, "topic\ta"sv, "topic"sv, "pattern"sv,
                            "topics a"sv, " # comment"sv, "PATTERN a"sv}) {
        const AclFile file = parse_acl_file(std::string(line) + "\ntopic next\n");
        EXPECT_THAT(texts(file), ElementsAre("topic next")) << line;
        EXPECT_THAT(problem_lines(file), ElementsAre(1U)) << line;
    }
}

// Otherwise bob's topics would be alice's, or everyone's.
TEST(AclFile, GivesTheTopicsBehindALostUserToNobody) {
    for (const auto line : {"user"sv, "user "sv, " user bob"sv, "User bob"sv, "user\tbob"sv,
                            "usr bob"sv, "user \xFF"sv, "garbage"sv, "user a\rb"sv}) {
        const AclFile file =
            parse_acl_file("topic all\nuser alice\ntopic hers\n" + std::string(line) +
                           "\ntopic his\npattern p\nuser carl\ntopic c\n");
        EXPECT_THAT(texts(file), ElementsAre("topic all", "user alice: topic hers", "pattern p",
                                             "user carl: topic c"))
            << line;
        EXPECT_THAT(problem_lines(file), ElementsAre(4U, 5U)) << line;
        EXPECT_THAT(file.problems.at(1).reason, HasSubstr("line 4")) << line;
    }
}

TEST(AclFile, LimitsTheLengthOfALine) {
    const std::string name(kMaxLineSize - 5, 'x');
    EXPECT_EQ(parse_acl_file("user " + name + "\ntopic a\n").rules.size(), 1U);
    EXPECT_EQ(parse_acl_file("user " + name + "x\ntopic a\n").rules.size(), 0U);
    EXPECT_THAT(problem_of("topic " + name + "\n").reason, HasSubstr("at most 8192"));
    EXPECT_EQ(parse_acl_file("#" + name + name + "\ntopic a\n").rules.size(), 1U);
}

TEST(AclFile, LimitsTheNumberOfRules) {
    const AclFile file = parse_acl_file("topic a\ntopic b\ntopic c\ntopic d\n", {.max_rules = 2});
    EXPECT_THAT(texts(file), ElementsAre("topic a", "topic b"));
    EXPECT_THAT(problem_lines(file), ElementsAre(3U));
    EXPECT_EQ(parse_acl_file("topic a\ntopic b\n", {.max_rules = 2}).problem_count, 0U);
}

TEST(AclFile, DescribesAHundredProblemsAndCountsTheRest) {
    std::string text;
    for (std::size_t i = 0; i <= kMaxProblems; ++i) text += "topic a#\n";
    const AclFile file = parse_acl_file(text);
    EXPECT_EQ(file.problems.size(), kMaxProblems);
    EXPECT_EQ(file.problem_count, kMaxProblems + 1);
}

TEST(AclFile, RemarksOnLinesThatMayMeanSomethingElse) {
    for (const auto line : {"topic  read a"sv, "topic a/%c"sv, "topic a/%u/b"sv, "topic x%m"sv,
                            "pattern a/x%c"sv, "pattern %c%u"sv, "topic read  write a"sv}) {
        const AclFile file = parse_acl_file(line);
        EXPECT_EQ(file.rules.size(), 1U) << line;
        ASSERT_EQ(file.problem_count, 1U) << line;
        EXPECT_FALSE(file.problems[0].skipped) << line;
    }
    EXPECT_EQ(parse_acl_file("pattern %m/%u/%c\ntopic 50%\n").problem_count, 0U);
    EXPECT_EQ(parse_acl_file("topic  read a").rules[0].topic, "read a");
}

}  // namespace
}  // namespace vmq::plugins::acl
