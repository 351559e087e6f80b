#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/setting_table.h"
#include "config/test_files.h"

namespace vmq::config {
namespace {

using ::testing::AnyOf;
using ::testing::IsEmpty;

// VerneMQ 2.2.0's keys of this area.
constexpr char kKeys[] =
    "logging.keepalive_as_warning log.console log.console.level log.template "
    "log.console.file log.console.console.format log.console.file.format "
    "log.console.rotation.size log.console.rotation.keep "
    "log.console.rotation.compress_on_rotate log.error log.error.file "
    "log.error.file.format log.error.rotation.size log.error.rotation.keep "
    "log.error.rotation.compress_on_rotate log.syslog log.syslog.level "
    "log.syslog.format log.syslog.facility log.syslog.app_name "
    "log.syslog.remote.host log.syslog.remote.port log.syslog.remote.protocol "
    "log.syslog.remote.tls.cafile log.level ";

TEST(LogRows, KnowEveryKeyOfVerneMQ) { EXPECT_THAT(unknown_among(kKeys), IsEmpty()); }

TEST(LogRows, BuiltAreTheMainLogItsLevelAndItsFile) {
    for (const Setting& setting : SettingTable::instance().rows()) {
        const bool log = setting.key.starts_with("log.");
        if (!log || setting.status != Status::Built) continue;
        EXPECT_THAT(setting.key, AnyOf("log.console", "log.console.level", "log.console.file"));
    }
}

}  // namespace
}  // namespace vmq::config
