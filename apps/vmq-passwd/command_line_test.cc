#include "vmq-passwd/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace vmq::passwd_tool {
namespace {

using plugins::passwd::Scheme;
using ::testing::HasSubstr;
using ::testing::Not;

Result<CommandLine> parse(const std::vector<const char*>& words) {
    return parse_command_line(words);
}

void expect_line(const std::vector<const char*>& words, Action action, Scheme scheme,
                 const std::optional<std::string>& password = {}) {
    const auto line = parse(words);
    ASSERT_TRUE(line) << line.error().detail;
    EXPECT_EQ(line.value().action, action);
    EXPECT_EQ(line.value().scheme, scheme);
    EXPECT_EQ(line.value().file, "file");
    EXPECT_EQ(line.value().user, action == Action::HashAll ? "" : "bob");
    EXPECT_EQ(line.value().password, password);
}

std::string error_of(const std::vector<const char*>& words) {
    const auto line = parse(words);
    return line ? "" : line.error().detail;
}

TEST(CommandLine, TheCallsOfVernemq) {
    expect_line({"file", "bob"}, Action::Set, kDefaultScheme);
    expect_line({"-c", "file", "bob"}, Action::Create, kDefaultScheme);
    expect_line({"-cf", "file", "bob"}, Action::Overwrite, kDefaultScheme);
    expect_line({"-D", "file", "bob"}, Action::Delete, kDefaultScheme);
    expect_line({"-U", "file"}, Action::HashAll, kDefaultScheme);
}

TEST(CommandLine, BatchModeAndSchemes) {
    expect_line({"-b", "file", "bob", "pw"}, Action::Set, kDefaultScheme, "pw");
    expect_line({"-b", "-c", "file", "bob", "-pw"}, Action::Create, kDefaultScheme, "-pw");
    expect_line({"-H", "bcrypt", "-cf", "-b", "file", "bob", ""}, Action::Overwrite, Scheme::Bcrypt,
                "");
    expect_line({"-H", "sha512crypt", "file", "bob"}, Action::Set, Scheme::Sha512Crypt);
    expect_line({"-U", "-H", "vernemq", "file"}, Action::HashAll, Scheme::Vernemq);
    expect_line({"-H", "yescrypt", "file", "bob"}, Action::Set, Scheme::Yescrypt);
}

TEST(CommandLine, TwoDashesEndTheOptions) {
    const auto line = parse({"-D", "--", "-file", "--"});
    ASSERT_TRUE(line);
    EXPECT_EQ(line.value().file, "-file");
    EXPECT_EQ(line.value().user, "--");
}

TEST(CommandLine, HelpAndVersionNeedNothingElse) {
    EXPECT_EQ(parse({"-h"}).value().action, Action::Help);
    EXPECT_EQ(parse({"--help"}).value().action, Action::Help);
    EXPECT_EQ(parse({"--version"}).value().action, Action::Version);
}

TEST(CommandLine, SaysWhatIsWrong) {
    EXPECT_EQ(error_of({}), "something is missing");
    EXPECT_EQ(error_of({"file"}), "something is missing");
    EXPECT_EQ(error_of({"-U"}), "something is missing");
    EXPECT_EQ(error_of({"-b", "file", "bob"}), "something is missing");
    EXPECT_EQ(error_of({"-U", "file", "bob"}), "there is a word too many");
    EXPECT_EQ(error_of({"-c", "-D", "file", "bob"}), "only one of -c, -cf, -D and -U can be used");
    EXPECT_EQ(error_of({"-b", "-D", "file", "bob", "pw"}), "-b does not go with -D and -U");
    EXPECT_EQ(error_of({"-b", "-U", "file"}), "-b does not go with -D and -U");
    EXPECT_EQ(error_of({"-H", "bcrypt", "-D", "file", "bob"}), "-H does not go with -D");
    EXPECT_EQ(error_of({"-H"}), "-H needs the name of a scheme");
    EXPECT_THAT(error_of({"-H", "md5", "file", "bob"}), HasSubstr("yescrypt, bcrypt"));
    EXPECT_EQ(error_of({"-x", "file", "bob"}), "unknown option -x");
}

TEST(CommandLine, ErrorsDoNotRepeatAPassword) {
    EXPECT_THAT(error_of({"file", "bob", "hidden"}), Not(HasSubstr("hidden")));
    EXPECT_THAT(error_of({"-b", "file", "bob", "hidden", "x"}), Not(HasSubstr("hidden")));
}

}  // namespace
}  // namespace vmq::passwd_tool
