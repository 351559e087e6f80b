#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/setting_table.h"
#include "config/test_files.h"

namespace vmq::config {
namespace {

using ::testing::IsEmpty;

// VerneMQ 2.2.0's keys of this area.
constexpr char kLogKeys[] =
    "logging.keepalive_as_warning log.console log.console.level log.template "
    "log.console.file log.console.console.format log.console.file.format "
    "log.console.rotation.size log.console.rotation.keep "
    "log.console.rotation.compress_on_rotate log.error log.error.file "
    "log.error.file.format log.error.rotation.size log.error.rotation.keep "
    "log.error.rotation.compress_on_rotate log.syslog log.syslog.level "
    "log.syslog.format log.syslog.facility log.syslog.app_name "
    "log.syslog.remote.host log.syslog.remote.port log.syslog.remote.protocol "
    "log.syslog.remote.tls.cafile log.level log.crash log.crash.file "
    "log.crash.rotation.size log.crash.rotation.keep ";

TEST(LogRows, KnowEveryKeyOfVerneMQ) { EXPECT_THAT(unknown_among(kLogKeys), IsEmpty()); }

TEST(LogRows, AreAllBuilt) {
    for (const Setting& setting : SettingTable::instance().rows()) {
        const bool log = setting.key.starts_with("log.") || setting.key.starts_with("logging.");
        if (!log || setting.status == Status::NoMeaning) continue;
        if (setting.status == Status::Obsolete) continue;
        EXPECT_EQ(setting.status, Status::Built) << setting.key;
    }
}

TEST(LogRows, ChangeLevelsWhileTheBrokerRuns) {
    for (const auto key : {"log.console.level", "log.level", "log.syslog.level", "log.connections",
                           "logging.keepalive_as_warning"}) {
        EXPECT_EQ(SettingTable::instance().find(key)->settable, Settable::Immediately) << key;
    }
}

}  // namespace
}  // namespace vmq::config
