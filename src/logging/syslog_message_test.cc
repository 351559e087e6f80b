#include "logging/syslog_message.h"

#include <gtest/gtest.h>

#include <regex>

namespace vmq::logging {
namespace {

std::string message(SyslogFormat format, log::Level level = log::Level::Warning,
                    bool local = false) {
    Record record;
    record.time_us = 1'795'708'195'000'042;
    record.level = level;
    record.place.module = log::Module::Session;
    record.text = "client a\nb";
    SyslogIdentity identity;
    identity.format = format;
    identity.facility = syslog_facility("local1").value();
    identity.host = "10.0.0.1";
    identity.local = local;
    identity.app_name = "Verne MQ";
    identity.process = 42;
    TimeText times;
    std::string out;
    append_syslog(out, times, record, identity);
    return out;
}

TEST(SyslogMessage, HasTheTwoForms) {
    // local1 is 17, a warning 4.
    EXPECT_TRUE(std::regex_match(
        message(SyslogFormat::Rfc3164),
        std::regex(R"(<140>Nov 2\d \d\d:\d\d:\d\d 10\.0\.0\.1 Verne_MQ\[42\]: client a\?b)")))
        << message(SyslogFormat::Rfc3164);
    EXPECT_TRUE(std::regex_match(
        message(SyslogFormat::Rfc5424),
        std::regex(
            R"(<140>1 2026-11-2\dT\d\d:\d\d:\d\d\.000042[+-]\d\d:\d\d 10\.0\.0\.1 Verne_MQ 42 session - client a\?b)")))
        << message(SyslogFormat::Rfc5424);
}

// What glibc's syslog() writes there; daemons take a host for the tag.
TEST(SyslogMessage, TheOldFormHasNoHostForTheDaemonOfThisMachine) {
    EXPECT_TRUE(
        std::regex_match(message(SyslogFormat::Rfc3164, log::Level::Warning, true),
                         std::regex(R"(<140>Nov 2\d \d\d:\d\d:\d\d Verne_MQ\[42\]: client a\?b)")));
    EXPECT_NE(message(SyslogFormat::Rfc5424, log::Level::Warning, true).find(" 10.0.0.1 Verne_MQ"),
              std::string::npos);
}

TEST(SyslogMessage, SeveritiesAreThoseOfSyslog) {
    EXPECT_TRUE(message(SyslogFormat::Rfc3164, log::Level::Debug).starts_with("<143>"));
    EXPECT_TRUE(message(SyslogFormat::Rfc3164, log::Level::Info).starts_with("<142>"));
    EXPECT_TRUE(message(SyslogFormat::Rfc3164, log::Level::Notice).starts_with("<141>"));
    EXPECT_TRUE(message(SyslogFormat::Rfc3164, log::Level::Error).starts_with("<139>"));
    EXPECT_TRUE(message(SyslogFormat::Rfc3164, log::Level::Emergency).starts_with("<136>"));
}

TEST(SyslogMessage, FacilitiesHaveTheirNumbers) {
    EXPECT_EQ(syslog_facility("kern"), 0);
    EXPECT_EQ(syslog_facility("daemon"), 3);
    EXPECT_EQ(syslog_facility("clock"), 15);
    EXPECT_EQ(syslog_facility("local7"), 23);
    EXPECT_EQ(syslog_facility("x"), std::nullopt);
}

}  // namespace
}  // namespace vmq::logging
