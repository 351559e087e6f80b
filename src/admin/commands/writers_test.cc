#include "admin/commands/writers.h"

#include <gtest/gtest.h>

namespace vmq::admin::commands {
namespace {

Answer nodes() { return table({{"Node", "Running"}, {{std::string("VerneMQ@127.0.0.1"), true}}}); }

std::string human(const Answer& answer, bool terminal = false) {
    return print(answer, Format::Human, terminal).out;
}
std::string json(const Answer& answer) { return print(answer, Format::Json, false).out; }
std::string csv(const Answer& answer) { return print(answer, Format::Csv, false).out; }

TEST(Writers, ATableForPeopleHasVerneMqsFrame) {
    EXPECT_EQ(human(nodes()),
              "+-------------------+---------+\n"
              "| Node              | Running |\n"
              "+-------------------+---------+\n"
              "| VerneMQ@127.0.0.1 | true    |\n"
              "+-------------------+---------+\n");
}

TEST(Writers, TheHeadIsBoldOnATerminalOnly) {
    EXPECT_NE(human(nodes(), true).find("| \x1b[1mNode\x1b[0m              | "), std::string::npos);
    EXPECT_EQ(human(nodes(), false).find('\x1b'), std::string::npos);
}

TEST(Writers, CellsOfSeveralLinesExpandTheRow) {
    EXPECT_EQ(human(table({{"a", "b"}, {{std::string("x\ny\n"), std::int64_t{1}}}})),
              "+---+---+\n"
              "| a | b |\n"
              "+---+---+\n"
              "| x | 1 |\n"
              "| y |   |\n"
              "|   |   |\n"
              "+---+---+\n");
}

TEST(Writers, EachKindOfValueHasItsWord) {
    const Answer answer = table({{"v"},
                                 {{std::monostate{}},
                                  {Undefined{}},
                                  {false},
                                  {std::int64_t{-3}},
                                  {1.5},
                                  {std::string("\xC3\xA4")},
                                  {std::string("\xFF\x01")}}});
    EXPECT_EQ(human(answer),
              "+-----------+\n| v         |\n+-----------+\n| null      |\n+-----------+\n"
              "| undefined |\n+-----------+\n| false     |\n+-----------+\n| -3        |\n"
              "+-----------+\n| 1.500000  |\n+-----------+\n| \xC3\xA4         |\n+-----------+\n"
              "| <<255,1>> |\n+-----------+\n");
    EXPECT_EQ(json(answer),
              R"({"table":[{"v":null},{"v":null},{"v":false},{"v":-3},{"v":1.5},{"v":")"
              "\xC3\xA4\"},{\"v\":\"\xEF\xBF\xBD\\u0001\"}],\"type\":\"table\"}");
}

TEST(Writers, ATerminalIsNotSteeredByWhatClientsChoose) {
    EXPECT_EQ(human(table({{"t"}, {{std::string("\x1b[2J")}}})).find('\x1b'), std::string::npos);
}

TEST(Writers, WhatIsEmptyIsNothingForPeopleAndAnEmptyListForPrograms) {
    const Answer empty = table({{"a"}, {}});
    EXPECT_EQ(human(empty), "");
    EXPECT_EQ(json(empty), R"({"table":[],"type":"table"})");
    EXPECT_EQ(csv(empty), "a\r\n");
    EXPECT_EQ(json(Answer{}), "[]\n");
}

TEST(Writers, OneElementOfJsonStandsForItselfSeveralAreAList) {
    EXPECT_EQ(json(done()), R"({"text":"Done","type":"text"})");
    EXPECT_EQ(json(alert("no")), R"({"alert":[{"text":"no","type":"text"}],"type":"alert"})");
    EXPECT_EQ(json(nodes()),
              R"({"table":[{"Node":"VerneMQ@127.0.0.1","Running":true}],"type":"table"})");
    Answer two = done();
    two.elements.emplace_back(Text{" x "});
    EXPECT_EQ(json(two),
              "[{\"text\":\"Done\",\"type\":\"text\"},{\"text\":\"x\",\"type\":\"text\"}]\n");
}

TEST(Writers, CsvQuotesWhereItMustAndTellsAlertsOnStandardError) {
    EXPECT_EQ(
        csv(table({{"a", "b"}, {{std::string("x,\"y\""), true}, {std::string(" z "), false}}})),
        "a,b\r\n\"x,\"\"y\"\"\",true\r\nz,false\r\n");
    EXPECT_EQ(csv(done()), "");
    const Printed told = print(alert("no"), Format::Csv, false);
    EXPECT_EQ(told.out, "");
    EXPECT_EQ(told.err, "no\n");
}

TEST(Writers, RefusalsAreTextInEveryFormatAndAHintGoesToStandardError) {
    const Printed told =
        print(refusal("Invalid key: \"x\"", "did you mean y?"), Format::Json, true);
    EXPECT_EQ(told.out, "Invalid key: \"x\"\n");
    EXPECT_EQ(told.err, "did you mean y?\n");
    EXPECT_EQ(told.status, 1);
}

TEST(Writers, WhatIsNotUtf8IsReplacedByteByByte) {
    EXPECT_EQ(valid_utf8("a\xC0\xAF\xED\xA0\x80z"),
              "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");
    EXPECT_EQ(valid_utf8("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80");
}

}  // namespace
}  // namespace vmq::admin::commands
