#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/setting_table.h"
#include "config/test_files.h"

namespace vmq::config {
namespace {

using ::testing::IsEmpty;

// VerneMQ 2.2.0's keys of this area.
constexpr char kServiceKeys[] =
    "http_modules min_apikey_length max_apikey_expiry_days http_module.$N.auth.mode "
    "http_module.vmq_http_mgmt_api.auth.mode http_module.vmq_http_pub.auth.mode "
    "http_module.vmq_http_v2_api.auth.mode max_ws_frame_size crl_refresh_interval "
    "systree_enabled systree_interval systree_mountpoint systree_qos systree_retain "
    "systree_reg_view prometheus_namespace graphite_enabled graphite_host "
    "graphite_port graphite_interval graphite_connect_timeout "
    "graphite_reconnect_timeout graphite_prefix graphite_api_key "
    "graphite_include_labels tcp_listen_options vmq_web_ui.admin.auth "
    "vmq_web_ui.admin.user_name vmq_web_ui.admin.user_pwd vmq_web_ui.mgmt_api.key "
    "vmq_web_ui.mgmt_api.port vmq_web_ui.mgmt_api.scheme "
    "vmq_web_ui.file_access.allow_read vmq_web_ui.file_access.allow_write ";

TEST(ServiceRows, KnowEveryKeyOfVerneMQ) { EXPECT_THAT(unknown_among(kServiceKeys), IsEmpty()); }

TEST(ServiceRows, AskForAnApiKeyWhereTheBrokerIsManaged) {
    EXPECT_EQ(SettingTable::instance().find("http_module.vmq_http_mgmt_api.auth.mode")->fallback,
              "apikey");
    EXPECT_EQ(SettingTable::instance().find("http_module.vmq_status_http.auth.mode")->fallback,
              "noauth");
}

}  // namespace
}  // namespace vmq::config
