#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/setting_table.h"
#include "config/test_files.h"

namespace vmq::config {
namespace {

using ::testing::IsEmpty;

// VerneMQ 2.2.0's keys of this area.
constexpr char kMqttKeys[] =
    "allow_anonymous allow_register_during_netsplit allow_publish_during_netsplit "
    "allow_subscribe_during_netsplit allow_unsubscribe_during_netsplit "
    "coordinate_registrations subscriber_retain_mode queue_type max_drain_time "
    "max_msgs_per_drain_step default_reg_view reg_views retry_interval "
    "max_client_id_size max_subscriptions_per_client persistent_client_expiration "
    "max_last_will_delay max_inflight_messages max_online_messages "
    "max_offline_messages queue_deliver_mode override_max_online_messages "
    "max_message_rate max_message_size upgrade_outgoing_qos mqtt_connect_timeout "
    "shared_subscription_policy shared_subscription_timeout_action "
    "suppress_lwt_on_session_takeover topic_alias_max_client topic_alias_max_broker "
    "topic_max_depth receive_max_client receive_max_broker metadata_plugin "
    "message_store_plugin disconnect_on_unauthorized_publish_v3 expire_retain_cache ";

TEST(MqttRows, KnowEveryKeyOfVerneMQ) { EXPECT_THAT(unknown_among(kMqttKeys), IsEmpty()); }

TEST(MqttRows, KnowThisBrokersOwnSettings) {
    EXPECT_THAT(unknown_among("allow_multiple_sessions max_session_expiry_interval "
                              "server_keep_alive_max max_retained_messages"),
                IsEmpty());
}

TEST(MqttRows, AreBuiltExceptClusterAndStoreMatters) {
    for (const auto key : {"allow_anonymous", "max_online_messages", "queue_type", "retry_interval",
                           "queue_deliver_mode", "allow_publish_during_netsplit"}) {
        EXPECT_EQ(SettingTable::instance().find(key)->status, Status::Built) << key;
    }
    for (const auto key :
         {"max_drain_time", "max_msgs_per_drain_step", "message_store_plugin", "metadata_plugin",
          "shared_subscription_timeout_action", "subscriber_retain_mode"}) {
        EXPECT_EQ(SettingTable::instance().find(key)->status, Status::NotBuiltYet) << key;
    }
}

TEST(MqttRows, SayWhatAChangeAtRunTimeReaches) {
    const auto settable = [](std::string_view key) {
        return SettingTable::instance().find(key)->settable;
    };
    EXPECT_EQ(settable("allow_anonymous"), Settable::NewSessions);
    EXPECT_EQ(settable("max_last_will_delay"), Settable::NewSessions);
    EXPECT_EQ(settable("topic_max_depth"), Settable::No);
}

}  // namespace
}  // namespace vmq::config
