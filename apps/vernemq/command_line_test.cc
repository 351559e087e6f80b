#include "vernemq/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmq::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Result<CommandLine> parse(const std::vector<const char*>& words) {
    return parse_command_line(words);
}

TEST(CommandLine, NothingTypedIsNoCommand) { EXPECT_EQ(parse({}).value().command, Command::None); }

TEST(CommandLine, AWordThatIsNoCommandIsKept) {
    const auto line = parse({"strat"}).value();
    EXPECT_EQ(line.command, Command::Unknown);
    EXPECT_EQ(line.word, "strat");
}

TEST(CommandLine, EverySubCommandIsKnown) {
    EXPECT_EQ(parse({"console"}).value().command, Command::Console);
    EXPECT_EQ(parse({"start"}).value().command, Command::Start);
    EXPECT_EQ(parse({"stop"}).value().command, Command::Stop);
    EXPECT_EQ(parse({"restart"}).value().command, Command::Restart);
    EXPECT_EQ(parse({"ping"}).value().command, Command::Ping);
    EXPECT_EQ(parse({"chkconfig"}).value().command, Command::Chkconfig);
    EXPECT_EQ(parse({"config"}).value().command, Command::Config);
    EXPECT_EQ(parse({"version"}).value().command, Command::Version);
    EXPECT_EQ(parse({"--version"}).value().command, Command::Version);
    EXPECT_EQ(parse({"getpid"}).value().command, Command::Getpid);
    EXPECT_EQ(parse({"help"}).value().command, Command::Help);
    EXPECT_EQ(parse({"attach-direct", "-f"}).value().command, Command::OfErlangOnly);
}

TEST(CommandLine, TheConfigFileMayStandAnywhere) {
    EXPECT_EQ(parse({"-c", "a", "ping"}).value().config_file, "a");
    EXPECT_EQ(parse({"ping", "--config", "a"}).value().config_file, "a");
    EXPECT_EQ(parse({"ping", "--config=a"}).value().config_file, "a");
    EXPECT_EQ(parse({"ping"}).value().config_file, std::nullopt);
}

TEST(CommandLine, ArgumentsFollowTheCommandInTheirOrder) {
    const auto line = parse({"config", "-c", "f", "describe", "allow_anonymous"}).value();
    EXPECT_THAT(line.arguments, ElementsAre("describe", "allow_anonymous"));
}

TEST(CommandLine, OptionsOfTheErlangVmInContainersAreIgnored) {
    const auto line = parse({"console", "-noshell", "-noinput"}).value();
    EXPECT_EQ(line.command, Command::Console);
    EXPECT_THAT(line.arguments, IsEmpty());
}

TEST(CommandLine, HelpIsAnOptionOfEveryCommand) {
    EXPECT_TRUE(parse({"console", "--help"}).value().help);
    EXPECT_TRUE(parse({"-h"}).value().help);
}

TEST(CommandLine, AnOptionWithoutItsValueIsAnError) {
    EXPECT_EQ(parse({"ping", "-c"}).error().detail, "-c needs a file");
    EXPECT_EQ(parse({"ping", "--config="}).error().detail, "--config needs a file");
}

TEST(CommandLine, AnUnknownOptionIsAnError) {
    EXPECT_EQ(parse({"start", "--frce"}).error().detail, "unknown option --frce");
}

TEST(CommandLine, TheDoctorHasOptionsOfItsOwn) {
    const auto plain = parse({"doctor"});
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain.value().command, Command::Doctor);
    EXPECT_FALSE(plain.value().json || plain.value().strict || plain.value().days);
    const auto all = parse({"doctor", "--format=json", "--strict", "--days=7"});
    ASSERT_TRUE(all);
    EXPECT_TRUE(all.value().json && all.value().strict);
    EXPECT_EQ(all.value().days, 7);
    for (const char* days : {"--days=", "--days=x", "--days=-1", "--days=7d", "--days=99999"}) {
        EXPECT_FALSE(parse({"doctor", days})) << days;
    }
    EXPECT_FALSE(parse({"ping", "--strict"}));
}

}  // namespace
}  // namespace vmq::launcher
