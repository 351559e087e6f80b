#include "plugins/passwd/password_line.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmq::plugins::passwd {
namespace {

using Kind = PasswordLine::Kind;

std::vector<PasswordLine> lines_of(std::string_view text) {
    std::vector<PasswordLine> all;
    PasswordLines lines(text);
    while (const auto line = lines.next()) all.push_back(*line);
    return all;
}

PasswordLine only_line(std::string_view text) {
    const auto all = lines_of(text);
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? PasswordLine{} : all.front();
}

void expect_entry(std::string_view text, std::string_view user, std::string_view rest) {
    const PasswordLine line = only_line(text);
    EXPECT_EQ(line.kind, Kind::Entry);
    EXPECT_EQ(line.user, user);
    EXPECT_EQ(line.rest, rest);
    EXPECT_EQ(line.raw, text);
}

void expect_faulty(std::string_view text, std::string_view fault) {
    const PasswordLine line = only_line(text);
    EXPECT_EQ(line.kind, Kind::Faulty);
    EXPECT_EQ(line.fault, fault);
    EXPECT_EQ(line.user, "");
}

TEST(PasswordLines, AnEntryIsCutAtItsFirstColon) {
    expect_entry("bob:hash", "bob", "hash");
    expect_entry("bob:a:b:", "bob", "a:b:");
    expect_entry("bob:", "bob", "");
    expect_entry(" b o b :hash ", " b o b ", "hash ");
    expect_entry("a#b:hash", "a#b", "hash");
}

TEST(PasswordLines, LineEndsAreThoseOfUnixAndWindows) {
    expect_entry("bob:hash\n", "bob", "hash");
    expect_entry("bob:hash\r\n", "bob", "hash");
    expect_entry("bob:hash\r", "bob", "hash");
    expect_entry("bob:hash\r\r\n", "bob", "hash\r");
    EXPECT_EQ(lines_of("").size(), 0U);
    EXPECT_EQ(lines_of("\n").size(), 1U);
    EXPECT_EQ(lines_of("a:1\r\n\nb:2").size(), 3U);
}

TEST(PasswordLines, LinesAreNumberedAndKeptWhole) {
    const std::string text = "a:1\n\r\n# c\r\nb:2";
    std::string joined;
    std::size_t number = 0;
    for (const PasswordLine& line : lines_of(text)) {
        EXPECT_EQ(line.number, ++number);
        joined += line.raw;
    }
    EXPECT_EQ(joined, text);
}

TEST(PasswordLines, BlankLinesAndCommentsAreToldFromEntries) {
    for (const char* blank : {"\n", " \n", "\t \r\n", "\r"}) {
        EXPECT_EQ(only_line(blank).kind, Kind::Blank);
    }
    for (const char* comment : {"#", "# text\n", "  \t# text\n", "#bob:hash\n"}) {
        EXPECT_EQ(only_line(comment).kind, Kind::Comment);
    }
}

TEST(PasswordLines, AByteOrderMarkIsNoPartOfTheFirstName) {
    expect_entry(
        "\xEF\xBB\xBF"
        "bob:hash\n",
        "bob", "hash");
    EXPECT_EQ(only_line("\xEF\xBB\xBF\n").kind, Kind::Blank);
    EXPECT_EQ(lines_of("a:1\n\xEF\xBB\xBF"
                       "bob:hash\n")[1]
                  .user,
              "\xEF\xBB\xBF"
              "bob");
}

TEST(PasswordLines, FaultsAreNamed) {
    expect_faulty("bob\n", "there is no ':' between user name and hash");
    expect_faulty(":hash\n", "the user name is empty");
    expect_faulty(std::string_view("b\0b:hash\n", 9), "the user name contains a NUL");
}

TEST(PasswordLines, UserNamesAreTakenUpToTheLimit) {
    const std::string longest(kMaxUserBytes, 'u');
    expect_entry(longest + ":hash", longest, "hash");
    expect_faulty(longest + "u:hash", "the user name is longer than 65535 bytes");
}

TEST(CheckUserName, AcceptsWhatALineCanBeginWith) {
    for (const char* good : {"bob", "b b", " bob ", "ü", "a#b", "-", "$6$"}) {
        EXPECT_TRUE(check_user_name(good)) << good;
        EXPECT_EQ(only_line(std::string(good) + ":x\n").user, good);
    }
    EXPECT_TRUE(check_user_name(std::string(kMaxUserBytes, 'u')));
}

TEST(CheckUserName, SaysWhyNot) {
    const auto why = [](std::string_view user) { return check_user_name(user).error().detail; };
    EXPECT_EQ(why(""), "the user name is empty");
    EXPECT_EQ(why("a:b"), "the user name contains ':'");
    EXPECT_EQ(why("a\nb"), "the user name contains a line break");
    EXPECT_EQ(why("bob\r"), "the user name contains a line break");
    EXPECT_EQ(why("#bob"), "the user name begins with '#', like a comment");
    EXPECT_EQ(why(" #bob"), "the user name begins with '#', like a comment");
    EXPECT_EQ(why("\xEF\xBB\xBF"
                  "bob"),
              "the user name begins with a byte order mark");
    EXPECT_EQ(why(std::string_view("a\0", 2)), "the user name contains a NUL");
    EXPECT_EQ(why(std::string(kMaxUserBytes + 1, 'u')), "the user name is longer than 65535 bytes");
}

}  // namespace
}  // namespace vmq::plugins::passwd
