#include "config/listener_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/test_files.h"

namespace vmq::config {
namespace {

using ::testing::IsEmpty;

// VerneMQ 2.2.0's listener keys of all levels.
constexpr char kKeys[] =
    "listener.http.name.http_module.vmq_status_http.auth.mode "
    "listener.https.name.http_module.vmq_status_http.auth.mode listener.tcp.buffer_sizes "
    "listener.ssl.buffer_sizes listener.tcp.name.buffer_sizes "
    "listener.ssl.name.buffer_sizes listener.vmq.name.buffer_sizes listener.tcp.active_n "
    "listener.ssl.active_n listener.tcp.name.active_n listener.ssl.name.active_n "
    "listener.vmq.name.high_watermark listener.vmq.name.low_watermark "
    "listener.vmq.name.high_msgq_watermark listener.vmq.name.low_msgq_watermark "
    "listener.max_connection_lifetime listener.tcp.max_connection_lifetime "
    "listener.ssl.max_connection_lifetime listener.ws.max_connection_lifetime "
    "listener.wss.max_connection_lifetime listener.tcp.name.max_connection_lifetime "
    "listener.ssl.name.max_connection_lifetime listener.ws.name.max_connection_lifetime "
    "listener.wss.name.max_connection_lifetime listener.max_connections "
    "listener.tcp.max_connections listener.ssl.max_connections "
    "listener.ws.max_connections listener.wss.max_connections "
    "listener.vmq.max_connections listener.vmqs.max_connections "
    "listener.http.max_connections listener.https.max_connections "
    "listener.tcp.name.max_connections listener.ssl.name.max_connections "
    "listener.ws.name.max_connections listener.wss.name.max_connections "
    "listener.vmq.name.max_connections listener.vmqs.name.max_connections "
    "listener.http.name.max_connections listener.https.name.max_connections "
    "listener.nr_of_acceptors listener.tcp.nr_of_acceptors listener.ssl.nr_of_acceptors "
    "listener.ws.nr_of_acceptors listener.wss.nr_of_acceptors "
    "listener.vmq.nr_of_acceptors listener.vmqs.nr_of_acceptors "
    "listener.http.nr_of_acceptors listener.https.nr_of_acceptors "
    "listener.tcp.name.nr_of_acceptors listener.ssl.name.nr_of_acceptors "
    "listener.ws.name.nr_of_acceptors listener.wss.name.nr_of_acceptors "
    "listener.vmq.name.nr_of_acceptors listener.vmqs.name.nr_of_acceptors "
    "listener.http.name.nr_of_acceptors listener.https.name.nr_of_acceptors "
    "listener.ssl.tls_handshake_timeout listener.wss.tls_handshake_timeout "
    "listener.vmqs.tls_handshake_timeout listener.https.tls_handshake_timeout "
    "listener.ssl.name.tls_handshake_timeout listener.wss.name.tls_handshake_timeout "
    "listener.vmqs.name.tls_handshake_timeout listener.https.name.tls_handshake_timeout "
    "listener.tcp.name listener.ws.name listener.wss.name listener.ssl.name "
    "listener.vmq.name listener.vmqs.name listener.http.name listener.https.name "
    "listener.tcp.proxy_protocol listener.ws.proxy_protocol listener.http.proxy_protocol "
    "listener.tcp.name.proxy_protocol listener.ws.name.proxy_protocol "
    "listener.http.name.proxy_protocol listener.ws.proxy_xff_support "
    "listener.ws.name.proxy_xff_support listener.ws.proxy_xff_trusted_intermediate "
    "listener.ws.name.proxy_xff_trusted_intermediate "
    "listener.ws.name.proxy_xff_use_cn_as_username listener.ws.name.proxy_xff_cn_header "
    "listener.tcp.proxy_protocol_use_cn_as_username "
    "listener.ws.proxy_protocol_use_cn_as_username "
    "listener.http.proxy_protocol_use_cn_as_username "
    "listener.tcp.name.proxy_protocol_use_cn_as_username "
    "listener.ws.name.proxy_protocol_use_cn_as_username "
    "listener.http.name.proxy_protocol_use_cn_as_username "
    "listener.tcp.name.allow_anonymous_override "
    "listener.ssl.name.allow_anonymous_override "
    "listener.ws.name.allow_anonymous_override "
    "listener.wss.name.allow_anonymous_override listener.tcp.name.auth_plugins "
    "listener.ssl.name.auth_plugins listener.ws.name.auth_plugins "
    "listener.wss.name.auth_plugins listener.tcp.name.authz_plugins "
    "listener.ssl.name.authz_plugins listener.ws.name.authz_plugins "
    "listener.wss.name.authz_plugins listener.tcp.allowed_protocol_versions "
    "listener.ws.allowed_protocol_versions listener.wss.allowed_protocol_versions "
    "listener.ssl.allowed_protocol_versions listener.tcp.name.allowed_protocol_versions "
    "listener.ws.name.allowed_protocol_versions "
    "listener.wss.name.allowed_protocol_versions "
    "listener.ssl.name.allowed_protocol_versions listener.http.name.config_mod "
    "listener.https.name.config_mod listener.http.name.config_fun "
    "listener.https.name.config_fun listener.http.name.http_modules "
    "listener.https.name.http_modules listener.http.name.max_request_line_length "
    "listener.https.name.max_request_line_length "
    "listener.ws.name.max_request_line_length listener.wss.name.max_request_line_length "
    "listener.http.name.max_header_value_length "
    "listener.https.name.max_header_value_length "
    "listener.ws.name.max_header_value_length listener.wss.name.max_header_value_length "
    "listener.mountpoint listener.tcp.mountpoint listener.ws.mountpoint "
    "listener.wss.mountpoint listener.ssl.mountpoint listener.vmq.mountpoint "
    "listener.vmqs.mountpoint listener.tcp.name.mountpoint listener.ws.name.mountpoint "
    "listener.wss.name.mountpoint listener.ssl.name.mountpoint "
    "listener.vmq.name.mountpoint listener.vmqs.name.mountpoint listener.ssl.cafile "
    "listener.wss.cafile listener.vmqs.cafile listener.https.cafile "
    "listener.ssl.name.cafile listener.wss.name.cafile listener.vmqs.name.cafile "
    "listener.https.name.cafile listener.ssl.depth listener.wss.depth "
    "listener.vmqs.depth listener.https.depth listener.ssl.name.depth "
    "listener.wss.name.depth listener.vmqs.name.depth listener.https.name.depth "
    "listener.ssl.certfile listener.wss.certfile listener.vmqs.certfile "
    "listener.https.certfile listener.ssl.name.certfile listener.wss.name.certfile "
    "listener.vmqs.name.certfile listener.https.name.certfile listener.ssl.keyfile "
    "listener.wss.keyfile listener.vmqs.keyfile listener.https.keyfile "
    "listener.ssl.name.keyfile listener.wss.name.keyfile listener.vmqs.name.keyfile "
    "listener.https.name.keyfile listener.ssl.keypasswd listener.wss.keypasswd "
    "listener.vmqs.keypasswd listener.https.keypasswd listener.ssl.name.keypasswd "
    "listener.wss.name.keypasswd listener.vmqs.name.keypasswd "
    "listener.https.name.keypasswd listener.ssl.ciphers listener.wss.ciphers "
    "listener.vmqs.ciphers listener.https.ciphers listener.ssl.name.ciphers "
    "listener.wss.name.ciphers listener.vmqs.name.ciphers listener.https.name.ciphers "
    "listener.ssl.eccs listener.wss.eccs listener.vmqs.eccs listener.https.eccs "
    "listener.ssl.name.eccs listener.wss.name.eccs listener.vmqs.name.eccs "
    "listener.https.name.eccs listener.ssl.crlfile listener.wss.crlfile "
    "listener.vmqs.crlfile listener.https.crlfile listener.ssl.name.crlfile "
    "listener.wss.name.crlfile listener.vmqs.name.crlfile listener.https.name.crlfile "
    "listener.ssl.require_certificate listener.wss.require_certificate "
    "listener.vmqs.require_certificate listener.https.require_certificate "
    "listener.ssl.name.require_certificate listener.wss.name.require_certificate "
    "listener.vmqs.name.require_certificate listener.https.name.require_certificate "
    "listener.ssl.tls_version listener.wss.tls_version listener.vmqs.tls_version "
    "listener.https.tls_version listener.ssl.name.tls_version "
    "listener.wss.name.tls_version listener.vmqs.name.tls_version "
    "listener.https.name.tls_version listener.ssl.use_identity_as_username "
    "listener.wss.use_identity_as_username listener.ssl.name.use_identity_as_username "
    "listener.wss.name.use_identity_as_username listener.tcp.forward_connection_opts "
    "listener.ssl.forward_connection_opts listener.ws.forward_connection_opts "
    "listener.wss.forward_connection_opts listener.tcp.name.forward_connection_opts "
    "listener.ssl.name.forward_connection_opts listener.ws.name.forward_connection_opts "
    "listener.wss.name.forward_connection_opts listener.ssl.psk_support "
    "listener.ssl.name.psk_support listener.ssl.psk_identity_hint "
    "listener.ssl.name.psk_identity_hint listener.ssl.pskfile "
    "listener.ssl.pskfile_separator ";

TEST(ListenerOptions, CoverEveryKeyOfVerneMQ) { EXPECT_THAT(unknown_among(kKeys), IsEmpty()); }

TEST(ListenerOptions, ExistAtAllThreeLevels) {
    for (const ListenerOption& option : listener_options()) {
        const std::string name(option.setting.key);
        for (const ListenerKind kind : kListenerKinds) {
            if (!option.has(kind)) continue;
            const std::string protocol = "listener." + std::string(word_of(kind)) + ".";
            EXPECT_THAT(unknown_among("listener." + name + " " + protocol + name + " " + protocol +
                                      "x." + name),
                        IsEmpty());
        }
    }
}

TEST(ListenerOptions, DoNotExistForOtherKinds) {
    EXPECT_EQ(SettingTable::instance().find("listener.tcp.x.certfile"), nullptr);
    EXPECT_EQ(SettingTable::instance().find("listener.https.x.mountpoint"), nullptr);
}

TEST(ListenerOptions, AreBuiltForMqttAndForHttpAsFarAsItHasThem) {
    const auto status = [](std::string_view key) {
        return SettingTable::instance().find(key)->status;
    };
    for (const auto key : {"listener.tcp.x",
                           "listener.http.x",
                           "listener.max_connections",
                           "listener.tcp.mountpoint",
                           "listener.tcp.x.allowed_protocol_versions",
                           "listener.tcp.x.allow_anonymous_override",
                           "listener.tcp.x.buffer_sizes",
                           "listener.tcp.x.max_connection_lifetime",
                           "listener.tcp.x.backlog",
                           "listener.backlog",
                           "listener.http.x.max_connections",
                           "listener.http.x.max_request_line_length",
                           "listener.http.x.max_header_value_length",
                           "listener.http.x.http_modules",
                           "listener.http.x.http_module.vmq_status_http.auth.mode",
                           "listener.https.x",
                           "listener.https.x.certfile",
                           "listener.https.x.http_modules",
                           "listener.ssl.x",
                           "listener.ssl.x.mountpoint",
                           "listener.ssl.x.pskfile",
                           "listener.ws.x",
                           "listener.wss.x",
                           "listener.wss.certfile",
                           "listener.wss.x.max_header_value_length",
                           "listener.tcp.x.proxy_protocol",
                           "listener.ssl.x.proxy_protocol",
                           "listener.ws.x.proxy_xff_support",
                           "listener.vmq.x",
                           "listener.vmqs.x",
                           "listener.vmqs.x.certfile"}) {
        EXPECT_EQ(status(key), Status::Built) << key;
    }
    for (const auto key : {"listener.vmq.x.max_connections", "listener.http.x.proxy_protocol"}) {
        EXPECT_EQ(status(key), Status::NotBuiltYet) << key;
    }
    for (const auto key : {"listener.http.x.config_mod", "listener.nr_of_acceptors",
                           "listener.tcp.x.nr_of_acceptors", "listener.tcp.x.active_n"}) {
        EXPECT_EQ(status(key), Status::NoMeaning) << key;
    }
}

TEST(ListenerOptions, InheritWhereNothingOrMinusOneIsGiven) {
    EXPECT_TRUE(inherits(*find_listener_option("max_connections"), "-1"));
    EXPECT_TRUE(inherits(*find_listener_option("nr_of_acceptors"), "-1"));
    EXPECT_TRUE(inherits(*find_listener_option("tls_handshake_timeout"), "-1"));
    EXPECT_TRUE(inherits(*find_listener_option("mountpoint"), ""));
    EXPECT_FALSE(inherits(*find_listener_option("mountpoint"), "-1"));
    EXPECT_FALSE(inherits(*find_listener_option("max_connections"), "0"));
}

TEST(ListenerKind, IsNamedByTheWordInTheKey) {
    for (const ListenerKind kind : kListenerKinds) EXPECT_EQ(listener_kind(word_of(kind)), kind);
    EXPECT_EQ(listener_kind("mqtt"), std::nullopt);
}

}  // namespace
}  // namespace vmq::config
