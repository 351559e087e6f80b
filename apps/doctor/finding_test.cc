#include "doctor/finding.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace vmq::doctor {
namespace {

const Findings kFindings{{Severity::Ok, "clock", "synchronised", "", ""},
                         {Severity::Warning, "files", "few", "Why.", "ulimit"},
                         {Severity::Problem, "ports", "taken", "Because.", "stop it"}};

TEST(Finding, ForPeopleTheWorstComesFirst) {
    EXPECT_EQ(human(kFindings, false),
              "problem   ports: taken\n"
              "          Because.\n"
              "          -> stop it\n"
              "warning   files: few\n"
              "          Why.\n"
              "          -> ulimit\n"
              "ok        clock: synchronised\n"
              "1 problem, 1 warning, 0 notes, 1 ok\n");
}

TEST(Finding, ColoursAreForTerminalsOnly) {
    EXPECT_EQ(human(kFindings, false).find('\x1b'), std::string::npos);
    EXPECT_TRUE(human(kFindings, true).starts_with("\x1b[1;31mproblem   \x1b[0mports"));
}

TEST(Finding, LongLinesAreBrokenBetweenWords) {
    std::string words;
    for (int i = 0; i < 60; ++i) words += "word ";
    const std::string text = human({{Severity::Note, "x", words + "end", "", ""}}, false);
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = text.find('\n', start);
        EXPECT_LE(end - start, 100U);
        start = end + 1;
    }
    EXPECT_NE(text.find("\n          word"), std::string::npos);
}

TEST(Finding, ForProgramsThereIsJson) {
    const auto report = boost::json::parse(json(kFindings));
    EXPECT_EQ(report.at("result"), "problem");
    ASSERT_EQ(report.at("findings").as_array().size(), 3U);
    const auto& first = report.at("findings").as_array()[1];
    EXPECT_EQ(first.at("severity"), "warning");
    EXPECT_EQ(first.at("check"), "files");
    EXPECT_EQ(first.at("fix"), "ulimit");
}

TEST(Finding, OnlyProblemsFailUnlessStrict) {
    const Findings warning{{Severity::Warning, "", "", "", ""}};
    const Findings note{{Severity::Note, "", "", "", ""}};
    EXPECT_EQ(exit_status(kFindings, false), 1);
    EXPECT_EQ(exit_status(warning, false), 0);
    EXPECT_EQ(exit_status(warning, true), 1);
    EXPECT_EQ(exit_status(note, true), 0);
}

}  // namespace
}  // namespace vmq::doctor
