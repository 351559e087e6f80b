#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/setting_table.h"
#include "config/test_files.h"

namespace vmq::config {
namespace {

using ::testing::IsEmpty;

// VerneMQ 2.2.0's keys of this area.
constexpr char kNodeKeys[] =
    "outgoing_clustering_buffer_size incoming_clustering_buffer_size "
    "outgoing_clustering_flush_threshold outgoing_cluster_handshake_ack_timeout "
    "remote_enqueue_timeout cluster_ready_rpc_timeout setup.log_dir setup.data_dir "
    "outgoing_connect_options plugins.$N plugins.$N.path plugins.$N.priority "
    "plugins.vmq_passwd plugins.vmq_acl plugins.vmq_diversity plugins.vmq_webhooks "
    "plugins.vmq_bridge platform_data_dir distributed_cookie nodename "
    "vmq_generic_msg_store.store_dir vmq_generic_msg_store.db_backend "
    "vmq_generic_msg_store.nr_of_buckets vmq_swc.directory vmq_swc.dkm_directory "
    "vmq_swc.db_backend vmq_swc.swc_groups vmq_swc.sync_interval "
    "vmq_swc.sync_interval.leeway vmq_swc.gc_interval vmq_swc.periodic_gc "
    "vmq_swc.sync_timeout vmq_swc.fast_call_timeout vmq_swc.enable_broadcast "
    "vmq_swc.exchange_batch_size vmq_swc.init_sync_procedure "
    "vmq_swc.prevent_nonempty_join ";

TEST(NodeRows, KnowEveryKeyOfVerneMQ) { EXPECT_THAT(unknown_among(kNodeKeys), IsEmpty()); }

TEST(NodeRows, KnowThisBrokersOwnSettingsAndThePluginFamilies) {
    EXPECT_THAT(unknown_among("shards durability vmq_passwd.password_file vmq_acl.acl_file "
                              "vmq_webhooks.hook.endpoint vmq_diversity.x vmq_bridge.tcp.br0 "
                              "vmq_bcrypt.pool_size vmq_http_pub.mqtt_auth.mode"),
                IsEmpty());
}

TEST(NodeRows, HideTheCookie) {
    EXPECT_TRUE(SettingTable::instance().find("distributed_cookie")->secret);
}

}  // namespace
}  // namespace vmq::config
