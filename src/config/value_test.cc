#include "config/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmq::config {
namespace {

Setting of(ValueType type) {
    Setting setting;
    setting.type = type;
    return setting;
}

Setting ranged(ValueType type, std::int64_t minimum, std::int64_t maximum) {
    Setting setting = of(type);
    setting.minimum = minimum;
    setting.maximum = maximum;
    return setting;
}

Setting worded(ValueType type, std::string_view words) {
    Setting setting = of(type);
    setting.words = words;
    return setting;
}

void expect_value(const Setting& setting, std::string_view text, const Value& value) {
    const auto parsed = parse_value(setting, text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().detail;
    EXPECT_TRUE(parsed.value() == value) << text;
}

void expect_error(const Setting& setting, std::string_view text, std::string_view expected) {
    const auto parsed = parse_value(setting, text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().detail, expected) << text;
}

TEST(Value, FlagIsOnOrOffAndNothingElse) {
    const Setting flag = of(ValueType::Flag);
    expect_value(flag, "on", true);
    expect_value(flag, "off", false);
    for (const auto bad : {"true", "false", "yes", "1", "On", "", "on "}) {
        expect_error(flag, bad, "on or off");
    }
}

TEST(Value, IntegerKeepsItsRange) {
    const Setting port = ranged(ValueType::Integer, 1, 65535);
    expect_value(port, "1", std::int64_t{1});
    expect_value(port, "+65535", std::int64_t{65535});
    for (const auto bad :
         {"0", "65536", "-1", "", "x", "1x", "1.0", "+-1", "99999999999999999999"}) {
        expect_error(port, bad, "an integer from 1 to 65535");
    }
    expect_value(of(ValueType::Integer), "-9223372036854775808", kNoMinimum);
    expect_error(of(ValueType::Integer), "9223372036854775808", "an integer");
    expect_error(ranged(ValueType::Integer, -1, kNoMaximum), "-2", "an integer of at least -1");
    expect_error(ranged(ValueType::Integer, kNoMinimum, 5), "6", "an integer of at most 5");
}

TEST(Value, IntegerMayBeInfinityWhereAllowed) {
    const Setting setting = ranged(ValueType::IntegerOrInfinity, 0, 10);
    expect_value(setting, "infinity", Unlimited{});
    expect_value(setting, "10", std::int64_t{10});
    expect_error(setting, "11", "an integer from 0 to 10 or infinity");
    expect_error(of(ValueType::Integer), "infinity", "an integer");
}

TEST(Value, TextAtomAndTermAreAnything) {
    expect_value(of(ValueType::Text), "", std::string());
    expect_value(of(ValueType::Atom), "a b", std::string("a b"));
    expect_value(of(ValueType::ErlangTerm), "[{x,1}]", std::string("[{x,1}]"));
}

TEST(Value, WordIsOneOfTheList) {
    const Setting setting = worded(ValueType::Word, "fifo|lifo");
    expect_value(setting, "lifo", std::string("lifo"));
    for (const auto bad : {"", "Fifo", "fifo|lifo", "fif"}) {
        expect_error(setting, bad, "one of fifo, lifo");
    }
}

TEST(Value, ByteSizeTakesSuffixes) {
    const Setting size = of(ValueType::ByteSize);
    expect_value(size, "0", std::int64_t{0});
    expect_value(size, "10KB", std::int64_t{10240});
    expect_value(size, "10kb", std::int64_t{10240});
    expect_value(size, "3MB", std::int64_t{3} << 20);
    expect_value(size, "2gb", std::int64_t{2} << 30);
    expect_value(size, "8589934591GB", std::int64_t{8589934591} << 30);
    for (const auto bad : {"", "KB", "10 KB", "10Kb", "10K", "-1", "1.5MB", "8589934592GB"}) {
        expect_error(size, bad, "a size such as 1024, 10KB, 10MB or 1GB");
    }
    expect_value(of(ValueType::ByteSizeOrInfinity), "infinity", Unlimited{});
    expect_error(of(ValueType::ByteSizeOrInfinity), "inf",
                 "a size such as 1024, 10KB, 10MB or 1GB, or infinity");
}

TEST(Value, DurationAddsItsPartsAndRoundsUpToTheUnit) {
    Setting seconds = of(ValueType::Duration);
    seconds.unit = "s";
    expect_value(seconds, "1h30m", std::int64_t{5400});
    expect_value(seconds, "1ms", std::int64_t{1});
    expect_value(seconds, "2000ms", std::int64_t{2});
    expect_error(seconds, "1x",
                 "a duration such as 1h30m (units f w d h m s ms, m being a minute)");
    EXPECT_EQ(parse_duration_ms(".5s").value(), 500);
    EXPECT_EQ(parse_duration_ms("1F1W1D1H1M1S1MS").value(),
              1'209'600'000 + 604'800'000 + 86'400'000 + 3'600'000 + 60'000 + 1001);
    EXPECT_EQ(parse_duration_ms("0.1h").value(), 360'000);
    EXPECT_EQ(parse_duration_ms("0.000000001s").value(), 1);
    EXPECT_EQ(parse_duration_ms("999999999f").value(), 999'999'999LL * 1'209'600'000);
    for (const auto bad :
         {"", "1", "h", "1.5", "1..5s", ".s", "1h 30m", "-1s", "1000000000f", "0.0000000001s"}) {
        EXPECT_FALSE(parse_duration_ms(bad)) << bad;
    }
}

TEST(Value, LongDurationKnowsMonthsOf28DaysAndYearsOf336) {
    const Setting setting = worded(ValueType::LongDuration, "never");
    expect_value(setting, "never", Unlimited{});
    expect_value(setting, "0s", std::int64_t{0});
    expect_value(setting, "2h", std::int64_t{7200});
    expect_value(setting, "1d", std::int64_t{86400});
    expect_value(setting, "1w", std::int64_t{604800});
    expect_value(setting, "1m", std::int64_t{2419200});
    expect_value(setting, "1y", std::int64_t{29030400});
    for (const auto bad :
         {"", "s", "1", "1min", "1.5h", "-1s", "1d12h", "client", "9223372036854775807y"}) {
        expect_error(setting, bad,
                     "an integer with one unit of s h d w m y (m is 28 days, y is 336 days), such "
                     "as 3d, or never");
    }
}

TEST(Value, AddressIsCutAtTheLastColon) {
    const Setting setting = of(ValueType::Address);
    expect_value(setting, "127.0.0.1:1883", Endpoint{"127.0.0.1", 1883, ""});
    expect_value(setting, "::1:1883", Endpoint{"::1", 1883, ""});
    expect_value(setting, ":::1883", Endpoint{"::", 1883, ""});
    expect_value(setting, "[::1]:65535", Endpoint{"::1", 65535, ""});
    expect_value(setting, "0.0.0.0:0", Endpoint{"0.0.0.0", 0, ""});
    expect_value(setting, "0:0:0:0:0:0:0:1:1883", Endpoint{"::1", 1883, ""});
}

TEST(Value, AddressErrorsSayWhatIsMissing) {
    const Setting setting = of(ValueType::Address);
    const std::string form = "ADDR:PORT, such as 127.0.0.1:1883 or [::1]:1883";
    for (const auto bad : {"", "1883", ":1883", "127.0.0.1"}) expect_error(setting, bad, form);
    for (const auto bad : {"127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1"}) {
        expect_error(setting, bad, form + " with a port from 0 to 65535 after the last colon");
    }
    for (const auto bad :
         {"localhost:1883", "127.0.0:1883", "[127.0.0.1]:1883", "::1]:1883", "local:/tmp/x:0"}) {
        expect_error(
            setting, bad,
            form + "; the address must be a literal IPv4 or IPv6 address, not a host name");
    }
    expect_error(setting, "*:1883", form + "; every address is 0.0.0.0 or ::");
}

TEST(Value, SocketNeedsAPathAndPortZero) {
    const Setting setting = of(ValueType::AddressOrSocket);
    expect_value(setting, "local:/run/mqtt:0", Endpoint{"", 0, "/run/mqtt"});
    expect_value(setting, "unix:a:b:0", Endpoint{"", 0, "a:b"});
    expect_value(setting, "127.0.0.1:1", Endpoint{"127.0.0.1", 1, ""});
    for (const auto bad : {"local:/run/mqtt", "local:/run/mqtt:1", "unix::0", "unix:0"}) {
        expect_error(setting, bad, "a unix socket is written local:PATH:0, with port 0");
    }
    expect_value(setting, "unix:" + std::string(107, 'p') + ":0",
                 Endpoint{"", 0, std::string(107, 'p')});
    expect_error(setting, "unix:" + std::string(108, 'p') + ":0", "a path of at most 107 bytes");
}

TEST(Value, ListsComeWithOrWithoutBrackets) {
    using Integers = std::vector<std::int64_t>;
    using Words = std::vector<std::string>;
    expect_value(of(ValueType::IntegerList), "3,4, 5", Integers{3, 4, 5});
    expect_value(of(ValueType::IntegerList), "[3]", Integers{3});
    expect_value(of(ValueType::IntegerList), "[]", Integers{});
    expect_value(of(ValueType::WordList), "[vmq_passwd, vmq_acl]", Words{"vmq_passwd", "vmq_acl"});
    expect_value(of(ValueType::WordList), "vmq_passwd", Words{"vmq_passwd"});
    for (const auto bad : {"[3", "3]", "3,,4", ",3", "[", "]"}) {
        expect_error(of(ValueType::IntegerList), bad, "a list of integers separated by commas");
    }
    expect_error(of(ValueType::IntegerList), "a", "a list of integers separated by commas");
}

TEST(Value, ListsKeepTheirMembersAndTheirCount) {
    Setting versions = worded(ValueType::IntegerList, "3|4|5");
    expect_error(versions, "3,6", "a list of integers separated by commas, each one of 3, 4, 5");
    Setting sizes = ranged(ValueType::IntegerList, 0, 10);
    sizes.count = 3;
    expect_value(sizes, "0,10,5", std::vector<std::int64_t>{0, 10, 5});
    for (const auto bad : {"1,2", "1,2,3,4", "1,2,11", "1,2,-1", "[]"}) {
        expect_error(sizes, bad, "3 integers from 0 to 10 separated by commas");
    }
    expect_error(worded(ValueType::WordList, "a|b"), "c",
                 "a list of words separated by commas, each one of a, b");
}

}  // namespace
}  // namespace vmq::config
