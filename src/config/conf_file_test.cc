#include "config/conf_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/test_files.h"

namespace vmq::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ConfFile parse(const std::string& text) {
    MemoryFiles files;
    files.files["f"] = text;
    return parse_conf(files, "f");
}

/// `key=value` of every entry, in order.
std::vector<std::string> entries_of(const ConfFile& file) {
    std::vector<std::string> entries;
    for (const Entry& entry : file.entries) entries.push_back(entry.key + "=" + entry.value);
    return entries;
}

std::string only_value(const std::string& text) {
    const ConfFile file = parse(text);
    EXPECT_THAT(lines_of(file.errors), IsEmpty()) << text;
    return file.entries.size() == 1 ? file.entries[0].value : "(not one entry)";
}

TEST(ConfFile, ReadsKeysAndValuesAndSkipsBlanksAndComments) {
    const ConfFile file = parse("# head\n\n  a = 1  \n\tb.c-d_E=x y # tail\n#c = 2\n   \n");
    EXPECT_THAT(entries_of(file), ElementsAre("a=1", "b.c-d_E=x y"));
    EXPECT_THAT(file.errors, IsEmpty());
}

TEST(ConfFile, RemembersWhereEachEntryStands) {
    const ConfFile file = parse("\n  a.b = 1\n");
    ASSERT_EQ(file.entries.size(), 1U);
    EXPECT_EQ(to_string(file.entries[0].at), "f:2:3");
    EXPECT_EQ(to_string(file.entries[0].value_at()), "f:2:9");
}

TEST(ConfFile, TakesAHashAsACommentEvenWithinAPlainValue) {
    EXPECT_EQ(only_value("a = b#c"), "b");
    EXPECT_EQ(only_value("a = b #c"), "b");
    EXPECT_EQ(only_value("a = 'b#c' # d"), "b#c");
}

TEST(ConfFile, ReadsBothLineEndsAByteOrderMarkAndALastLineWithoutEnd) {
    EXPECT_THAT(entries_of(parse("\xEF\xBB\xBF"
                                 "a = 1\r\nb = 2\nc = 3\r")),
                ElementsAre("a=1", "b=2", "c=3"));
    EXPECT_EQ(only_value("a = ''\r\n"), "");
    EXPECT_THAT(entries_of(parse("")), IsEmpty());
}

TEST(ConfFile, ReadsQuotedValues) {
    EXPECT_EQ(only_value("a = ''"), "");
    EXPECT_EQ(only_value("a = '  b '"), "  b ");
    EXPECT_EQ(only_value("a = it's"), "it's");
    EXPECT_EQ(only_value("a = \"b\""), "\"b\"");
}

TEST(ConfFile, ReadsMultiLineValuesWithoutTheirOuterNewlines) {
    EXPECT_EQ(only_value("a = '''\n\nb # c\n\n  d\n'''\n"), "b # c\n\n  d");
    EXPECT_EQ(only_value("a = '''b\r\nc'''"), "b\nc");
    EXPECT_EQ(only_value("a = ''''''"), "");
    EXPECT_EQ(only_value("a = '''it's''' # x"), "it's");
}

TEST(ConfFile, CountsTheLinesOfMultiLineValues) {
    const ConfFile file = parse("a = '''\nx\ny\n'''\nb = 1\n!\n");
    ASSERT_EQ(file.entries.size(), 2U);
    EXPECT_EQ(to_string(file.entries[0].at), "f:1:1");
    EXPECT_EQ(to_string(file.entries[1].at), "f:5:1");
    EXPECT_EQ(to_string(file.errors[0].at), "f:6:1");
}

TEST(ConfFile, KeepsEscapedDotsWithinAWord) {
    const ConfFile file = parse("a.b\\.c.d = 1");
    ASSERT_EQ(file.entries.size(), 1U);
    EXPECT_EQ(file.entries[0].key, "a.b\\.c.d");
    EXPECT_THAT(words_of(file.entries[0].key), ElementsAre("a", "b.c", "d"));
}

TEST(ConfFile, ReportsEverySyntaxErrorAndReadsOn) {
    const ConfFile file = parse(
        "a\n"
        "= 1\n"
        "a.. = 1\n"
        "b = \n"
        "c = 'x\n"
        "d = 'x' y\n"
        "e 1\n"
        "good = 1\n"
        "f = # nothing\n"
        "g = '''x\n"
        "h = 2\n"
        "i\\x = 1\n");
    EXPECT_THAT(
        lines_of(file.errors),
        ElementsAre("f:1:2: a: expected = after the key",
                    "f:2:1: expected a key (letters, digits, _ and -), an include or a comment",
                    "f:3:3: expected a word of letters, digits, _ and - after the dot",
                    "f:4:5: b: expected a value; an empty one is written ''",
                    "f:5:5: c: expected a closing ' on the same line",
                    "f:6:9: d: expected the end of the line or a comment after the closing quote",
                    "f:7:3: e: expected = after the key",
                    "f:9:5: f: expected a value; an empty one is written ''",
                    "f:10:5: g: expected a closing ''' in the rest of the file",
                    "f:12:2: i: expected = after the key"));
    EXPECT_THAT(entries_of(file), ElementsAre("good=1", "h=2"));
}

TEST(ConfFile, RejectsControlCharactersAndOtherEncodings) {
    EXPECT_THAT(lines_of(parse(std::string("a = x\0y\n", 8)).errors),
                ElementsAre("f:1:5: a: expected text without control characters"));
    EXPECT_THAT(lines_of(parse("a = x\ry\n").errors),
                ElementsAre("f:1:5: a: expected text without control characters"));
    EXPECT_THAT(lines_of(parse("a = '\xE9'\n").errors),
                ElementsAre("f:1:5: a: expected UTF-8 text"));
    EXPECT_EQ(only_value("a = \xC3\xA9\tb"), "\xC3\xA9\tb");
    EXPECT_THAT(lines_of(parse("# \xE9\n").errors), IsEmpty());
}

TEST(ConfFile, CountsColumnsInCharacters) {
    EXPECT_THAT(lines_of(parse("a = '\xC3\xA9\xC3\xA9' x\n").errors),
                ElementsAre("f:1:10: a: expected the end of the line or a comment after the "
                            "closing quote"));
}

TEST(ConfFileInclude, SplicesMatchingFilesInSortedOrder) {
    MemoryFiles files;
    files.files = {{"/etc/v.conf", "a = 1\ninclude conf.d/*.conf\nz = 1\n"},
                   {"/etc/conf.d/2.conf", "c = 1"},
                   {"/etc/conf.d/1.conf", "b = 1\ninclude more/x.conf # nested\n"},
                   {"/etc/conf.d/more/x.conf", "n = 1"},
                   {"/etc/conf.d/.1.conf", "hidden = 1"},
                   {"/etc/conf.d/1.conf.bak", "old = 1"}};
    const ConfFile file = parse_conf(files, "/etc/v.conf");
    EXPECT_THAT(entries_of(file), ElementsAre("a=1", "b=1", "n=1", "c=1", "z=1"));
    EXPECT_EQ(to_string(file.entries[2].at), "/etc/conf.d/more/x.conf:1:1");
    EXPECT_THAT(file.errors, IsEmpty());
    EXPECT_THAT(file.warnings, IsEmpty());
}

TEST(ConfFileInclude, AcceptsAPatternWithoutMatchAndWarnsOfAMissingFile) {
    EXPECT_THAT(parse("include conf.d/*.conf\n").warnings, IsEmpty());
    const ConfFile file = parse("include gone.conf\n");
    EXPECT_THAT(file.errors, IsEmpty());
    EXPECT_THAT(lines_of(file.warnings), ElementsAre("f:1:1: gone.conf does not exist"));
}

TEST(ConfFileInclude, RejectsOtherCharactersInThePath) {
    EXPECT_THAT(lines_of(parse("include a b\ninclude 'a'\n").errors),
                ElementsAre("f:1:11: expected a path made of letters, digits and - _ . * / after "
                            "include",
                            "f:2:9: expected a path made of letters, digits and - _ . * / after "
                            "include"));
}

TEST(ConfFileInclude, IsAKeyIfAnEqualsSignFollows) {
    EXPECT_THAT(entries_of(parse("include = 1\nincluded = 2\ninclude.x = 3\n")),
                ElementsAre("include=1", "included=2", "include.x=3"));
}

TEST(ConfFileInclude, EndsACircle) {
    MemoryFiles files;
    files.files = {{"a", "include b\nx = 1\n"}, {"b", "include a\ny = 1\n"}};
    const ConfFile file = parse_conf(files, "a");
    EXPECT_THAT(lines_of(file.errors), ElementsAre("b:1:1: a includes itself"));
    EXPECT_THAT(entries_of(file), ElementsAre("y=1", "x=1"));
}

TEST(ConfFileInclude, EndsAChainThatIsTooLong) {
    MemoryFiles files;
    for (int i = 0; i < 20; ++i) {
        files.files["f" + std::to_string(i)] = "include f" + std::to_string(i + 1) + "\n";
    }
    EXPECT_THAT(lines_of(parse_conf(files, "f0").errors),
                ElementsAre("f15:1:1: too many includes: at most 16 within each other and 1000 in "
                            "all"));
}

TEST(ConfFile, ReportsAMissingMainFile) {
    MemoryFiles files;
    EXPECT_THAT(lines_of(parse_conf(files, "f").errors), ElementsAre("f: f does not exist"));
}

TEST(Glob, MatchesRunsOfCharacters) {
    EXPECT_TRUE(matches_glob("*", "abc"));
    EXPECT_TRUE(matches_glob("*.conf", "a.conf"));
    EXPECT_TRUE(matches_glob("a*b*c", "aXbbYc"));
    EXPECT_TRUE(matches_glob("abc", "abc"));
    EXPECT_TRUE(matches_glob("abc*", "abc"));
    EXPECT_FALSE(matches_glob("*.conf", "a.conf~"));
    EXPECT_FALSE(matches_glob("a*b", "ac"));
    EXPECT_FALSE(matches_glob("*", ".hidden"));
    EXPECT_TRUE(matches_glob(".*", ".hidden"));
}

}  // namespace
}  // namespace vmq::config
