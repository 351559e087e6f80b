#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/setting_table.h"
#include "config/test_files.h"

namespace vmq::config {
namespace {

using ::testing::IsEmpty;

// VerneMQ 2.2.0's keys of this area.
constexpr char kIgnoredKeys[] =
    "queue_sup_sup_children fanout.shard_count fanout.async_handoff "
    "logging.obfuscation_secret plumtree.directory plumtree.outstanding_limit "
    "plumtree.drop_i_have_threshold log.crash.rotation.compress_on_rotate log.sasl "
    "log.sasl.file log.sasl.rotation.size log.sasl.rotation.keep "
    "log.sasl.rotation.compress_on_rotate sasl wait_for_proc default_schema_dir ";

TEST(IgnoredRows, KnowEveryKeyOfVerneMQ) { EXPECT_THAT(unknown_among(kIgnoredKeys), IsEmpty()); }

TEST(IgnoredRows, CoverTheFamiliesAndOlderVersions) {
    const auto status = [](std::string_view key) {
        return SettingTable::instance().find(key)->status;
    };
    EXPECT_EQ(status("erlang.schedulers.total"), Status::NoMeaning);
    EXPECT_EQ(status("runtime_health.thresholds.busy_ports"), Status::NoMeaning);
    EXPECT_EQ(status("leveldb.block_size_steps"), Status::NoMeaning);
    EXPECT_EQ(status("log.crash.rotation"), Status::Obsolete);
    EXPECT_EQ(status("log.crash.rotation.compress_on_rotate"), Status::NoMeaning);
    EXPECT_EQ(status("log.sasl"), Status::NoMeaning);
    for (const auto key :
         {"trade_consistency", "message_size_limit", "max_queued_messages", "vmq_pulse.url",
          "accept_eula", "log.crash.size", "log.crash.maximum_message_size"}) {
        EXPECT_EQ(status(key), Status::Obsolete) << key;
    }
}

}  // namespace
}  // namespace vmq::config
