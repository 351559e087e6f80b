#include "admin/commands/parser.h"

#include <gtest/gtest.h>

#include "admin/commands/sample_table.h"
#include "admin/commands/usage.h"

namespace vmq::admin::commands {
namespace {

Invocation run_of(const std::string& line) {
    Parsed parsed = parse(sample_table(), words(line));
    if (const Answer* answer = std::get_if<Answer>(&parsed.what)) {
        ADD_FAILURE() << line << ": " << print(*answer, Format::Human, false).out;
        return Invocation(sample_table().commands().front());
    }
    return std::get<Invocation>(std::move(parsed.what));
}

struct Told {
    std::string out;
    std::string err;
    int status;
};
Told told(const std::string& line) {
    const Parsed parsed = parse(sample_table(), words(line));
    const Answer* answer = std::get_if<Answer>(&parsed.what);
    if (answer == nullptr) return {"it runs", "", -1};
    const Printed printed = print(*answer, parsed.format, false);
    return {printed.out, printed.err, printed.status};
}

TEST(Parser, TheLongestWordsAreTheCommand) {
    EXPECT_EQ(run_of("session disconnect client-id=a").command().words, "session disconnect");
    EXPECT_EQ(run_of("session disconnect clients client-ids=a,b").command().words,
              "session disconnect clients");
}

TEST(Parser, ArgumentsAndFlagsStandInAnyOrder) {
    for (const char* line : {"session disconnect client-id=a --cleanup -m mp",
                             "session disconnect --cleanup client-id=a --mountpoint=mp",
                             "session disconnect -c -mmp client-id=a",
                             "session --mountpoint mp disconnect client-id=a --cleanup true",
                             "--cleanup session disconnect -m=mp client-id=a"}) {
        const Invocation invocation = run_of(line);
        EXPECT_EQ(invocation.argument("client-id"), "a") << line;
        EXPECT_TRUE(invocation.is_on("cleanup")) << line;
        EXPECT_EQ(invocation.value("mountpoint"), "mp") << line;
    }
    EXPECT_FALSE(run_of("session disconnect client-id=a --cleanup=false").is_on("cleanup"));
}

TEST(Parser, OnlyTheFirstEqualSignSplits) {
    EXPECT_EQ(run_of("session disconnect client-id=a=b").argument("client-id"), "a=b");
    EXPECT_EQ(run_of("session show --topic=a=b").value("topic"), "a=b");
}

TEST(Parser, FlagsKeepTheirOrderAndMayComeTwice) {
    const Invocation invocation = run_of("session show --topic=x --client_id --topic --limit 3");
    ASSERT_EQ(invocation.flags().size(), 4U);
    EXPECT_EQ(invocation.flags()[0].value, "x");
    EXPECT_EQ(invocation.flags()[1].name, "client_id");
    EXPECT_FALSE(invocation.flags()[1].value.has_value());
    EXPECT_FALSE(invocation.flags()[2].value.has_value());
    EXPECT_EQ(invocation.integer_or("limit", 100), 3);
    EXPECT_EQ(run_of("session show").integer_or("limit", 100), 100);
}

TEST(Parser, ANegativeNumberIsAValue) {
    EXPECT_EQ(run_of("session show --topic -5").value("topic"), "-5");
    EXPECT_EQ(told("session show --limit -5").out, "Invalid value: \"-5\" for flag: limit\n");
}

TEST(Parser, KeysAndAssignmentsOfSettings) {
    const Invocation show = run_of("show --all a b");
    EXPECT_EQ(show.keys(), (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(show.is_on("all"));
    const Invocation set = run_of("set a=1 b=");
    ASSERT_EQ(set.assignments().size(), 2U);
    EXPECT_EQ(set.assignments()[1].name, "b");
    EXPECT_EQ(set.assignments()[1].value, "");
    EXPECT_EQ(told("set").status, 1);
    EXPECT_EQ(told("show").status, 1);
}

TEST(Parser, OptionsOfTheErlangConnectorAreEaten) {
    EXPECT_EQ(
        run_of("-rpctimeout infinity session show -name a@b --limit=1").integer_or("limit", 0), 1);
}

TEST(Parser, FormatsAreUnderstoodAnywhere) {
    EXPECT_EQ(parse(sample_table(), words("--format=json session show")).format, Format::Json);
    EXPECT_EQ(parse(sample_table(), words("session --format csv show")).format, Format::Csv);
    const Parsed wrong = parse(sample_table(), words("session show --format=xml"));
    EXPECT_EQ(wrong.format, Format::Human);
    EXPECT_EQ(wrong.notice, "Invalid format \"xml\"! Defaulted to human-readable.");
    EXPECT_TRUE(std::holds_alternative<Invocation>(wrong.what));
}

TEST(Parser, HelpIsThePageOfTheWordsAndSucceeds) {
    for (const char* line : {"session --help", "-h session", "session -h --format=json"}) {
        EXPECT_EQ(told(line).out, usage(sample_table(), "session")) << line;
        EXPECT_EQ(told(line).status, 0) << line;
    }
    EXPECT_EQ(told("session show --help").out, usage(sample_table(), "session show"));
    EXPECT_EQ(told("--help").out, usage(sample_table(), ""));
    EXPECT_EQ(told("--help").status, 0);
}

TEST(Parser, AnUnknownCommandIsTheUsageOfWhatIsKnownAndNamesTheNearest) {
    const Told wrong = told("session shwo");
    EXPECT_EQ(wrong.out, usage(sample_table(), "session") + "\n");
    EXPECT_EQ(wrong.err, "Unknown sub-command \"shwo\". Did you mean `vmq-admin session show`?\n");
    EXPECT_EQ(wrong.status, 1);
    EXPECT_EQ(told("sesion show").out, usage(sample_table(), "") + "\n");
    EXPECT_EQ(told("foo --help").status, 1);
    EXPECT_EQ(told("session").status, 1);
    EXPECT_EQ(told("session").err, "");
    EXPECT_EQ(told("").status, 1);
    EXPECT_EQ(told("session show extra").status, 1);
}

TEST(Parser, WhatDoesNotFitIsSaidInVerneMqsWords) {
    EXPECT_EQ(told("session show --foo").out, "Invalid key: \"foo\"\n");
    EXPECT_EQ(told("session show --limt=1").err, "Did you mean `--limit`?\n");
    EXPECT_EQ(told("session show -z").out, "Invalid key: \"z\"\n");
    EXPECT_EQ(told("session show a=b").out, "Invalid arguments: a=b \n");
    EXPECT_EQ(told("session disconnect client=a").out, "Invalid key: \"client\"\n");
    EXPECT_EQ(told("session disconnect client-id=").out,
              "Empty value in argument: \"client-id\"\n");
    EXPECT_EQ(told("session show --limit=0").out, "Invalid value: \"0\" for flag: limit\n");
    EXPECT_EQ(told("session show --limit").out, "Invalid value: \"\" for flag: limit\n");
    EXPECT_EQ(told("session disconnect client-id=a --cleanup=maybe").out,
              "Invalid value: \"maybe\" for flag: cleanup\n");
    EXPECT_EQ(told("api-key create size=x").out, "Invalid arguments: size=x \n");
    EXPECT_EQ(told("session show --foo --format=json").status, 1);
}

TEST(Parser, WithoutARequiredArgumentTheUsageIsAnAlertWhichIsNoFailure) {
    const Told wrong = told("session disconnect --cleanup");
    EXPECT_EQ(wrong.out, usage(sample_table(), "session disconnect") + "\n");
    EXPECT_EQ(wrong.status, 0);
}

}  // namespace
}  // namespace vmq::admin::commands
