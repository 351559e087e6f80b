// Rows of the setting table: HTTP, WebSocket and TLS globals, $SYS, metrics, web interface.
#include "config/setting_rows.h"

namespace vmq::config::rows {
namespace {

void add_http(std::vector<Setting>& table) {
    const Setting rows[] = {
        list("http_modules",
             "[vmq_metrics_http,vmq_http_mgmt_api,vmq_status_http,vmq_health_http,vmq_http_v2_api]",
             "What HTTP listeners without a list of their own serve.")
            .built()
            .hidden(),
        word("http_module.vmq_http_mgmt_api.auth.mode", "noauth|apikey", "apikey",
             "Whether the management API asks for an API key.")
            .built()
            .hidden(),
        word("http_module.vmq_http_v2_api.auth.mode", "noauth|apikey", "apikey",
             "Whether version 2 of the management API asks for an API key.")
            .built()
            .hidden(),
        word("http_module.$N.auth.mode", "noauth|apikey", "noauth",
             "Whether an HTTP module asks for an API key.")
            .built()
            .hidden(),
        word("http_module.vmq_http_pub.auth.mode", "noauth|apikey", "apikey",
             "Whether publishing over HTTP asks for an API key.")
            .hidden(),
        integer("min_apikey_length", "0", "Shortest API key accepted.")
            .unit("characters")
            .range(0, 256)
            .live()
            .built()
            .hidden(),
        integer("max_apikey_expiry_days", kUnset,
                "Longest life of an API key that expires at all; none is as long as is asked for.")
            .unit("days")
            .range(0, 1'000'000)
            .live()
            .built()
            .hidden(),
        integer_or_infinity("max_ws_frame_size", "268435456", "Largest WebSocket frame accepted.")
            .unit("bytes")
            .built(),
        integer("crl_refresh_interval", "60000",
                "Period after which changed revocation lists are read again, if it is shorter than "
                "the 10 s for certificates and keys.")
            .unit("ms")
            .built()
            .hidden(),
        term("tcp_listen_options",
             "[{nodelay,true},{linger,{true,0}},{send_timeout,30000},{send_timeout_close,true}]",
             "Socket options of all listeners, as Erlang writes them. This broker has its own.")
            .no_meaning()
            .hidden(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

void add_metrics(std::vector<Setting>& table) {
    const Setting rows[] = {
        flag("systree_enabled", "on", "Publishes metrics below $SYS.").live().built(),
        integer("systree_interval", "20000", "Period of those publishes; 0 stops them.")
            .unit("ms")
            .live()
            .built(),
        text("systree_mountpoint", "", "Mountpoint of those publishes.").hidden().built(),
        integer("systree_qos", "0", "QoS of those publishes.").range(0, 2).hidden().built(),
        flag("systree_retain", "off", "Retains those publishes.").hidden().built(),
        atom("systree_reg_view", "vmq_reg_trie",
             "Routing table of those publishes. This broker has one.")
            .no_meaning()
            .hidden(),
        text("prometheus_namespace", "vernemq_",
             "What metric names at /metrics begin with; \"\" is nothing.")
            .built(),
        flag("graphite_enabled", "off", "Sends metrics to Graphite.").live().built(),
        text("graphite_host", "localhost", "Host of the Graphite server.").live().built(),
        integer("graphite_port", "2003", "Port of the Graphite server.")
            .range(1, kUint16Max)
            .live()
            .built(),
        integer("graphite_interval", "20000", "Period of sending; 0 stops it.")
            .unit("ms")
            .live()
            .built(),
        flag("graphite_include_labels", "off", "Sends one metric per label, too.")
            .hidden()
            .live()
            .built(),
        integer("graphite_connect_timeout", "5000", "Time limit of connecting.")
            .unit("ms")
            .hidden()
            .built(),
        integer("graphite_reconnect_timeout", "15000", "Wait before connecting again.")
            .unit("ms")
            .hidden()
            .built(),
        text("graphite_prefix", "", "What metric names begin with at Graphite.").built(),
        text("graphite_api_key", "", "Key of a hosted Graphite.").secret().built(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

void add_web_ui(std::vector<Setting>& table) {
    const Setting rows[] = {
        text("vmq_web_ui.admin.auth", "password", "How the web interface asks who is there."),
        text("vmq_web_ui.admin.user_name", "admin", "Login name of the web interface."),
        text("vmq_web_ui.admin.user_pwd", "", "Login password of the web interface.").secret(),
        text("vmq_web_ui.mgmt_api.key", "", "API key the web interface uses.").secret(),
        text("vmq_web_ui.mgmt_api.port", "", "Port at which it reaches the management API."),
        text("vmq_web_ui.mgmt_api.scheme", "", "Scheme with which it reaches the management API."),
        flag("vmq_web_ui.file_access.allow_read", "off",
             "Lets the web interface show configuration files."),
        flag("vmq_web_ui.file_access.allow_write", "off",
             "Lets the web interface change configuration files."),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

}  // namespace

void add_service_settings(std::vector<Setting>& table) {
    add_http(table);
    add_metrics(table);
    add_web_ui(table);
}

}  // namespace vmq::config::rows
