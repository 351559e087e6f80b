#include "broker/cluster_options.h"

#include <algorithm>
#include <utility>

#include "transport/peer_address.h"
#include "transport/tls_options.h"

namespace vmq::broker {
namespace {

constexpr std::string_view kKnownCookie = "vmq";  // VerneMQ's default

}  // namespace

transport::TlsClientOptions client_tls_options(const transport::TlsOptions& server) {
    transport::TlsClientOptions options;
    options.cafile = server.cafile;
    options.crlfile = server.crlfile;
    options.depth = server.depth;
    options.certificate = server.certificate;
    options.ciphers = server.ciphers;
    options.eccs = server.eccs;
    options.tls_version = server.tls_version;
    return options;
}

Result<std::optional<ClusterOptions>> cluster_options_from_config(
    const config::Config& config, std::vector<std::string>& warnings) {
    ClusterOptions options;
    const config::NodeSettings& node = config.node();
    options.node = node.nodename;
    options.cookie = node.distributed_cookie;
    const bool known_cookie = options.cookie == kKnownCookie;
    for (const config::ListenerSettings& each : config.listeners()) {
        const bool tls = each.kind == config::ListenerKind::Vmqs;
        if (!tls && each.kind != config::ListenerKind::Vmq) continue;
        ClusterListener listener;
        listener.name = each.name;
        listener.where.address = each.address;
        listener.where.port = each.port;
        listener.where.backlog = static_cast<int>(each.backlog);
        if (known_cookie && !transport::is_loopback(each.address)) {
            warnings.push_back(
                "listener " + each.name + " at " + each.address +
                ": distributed_cookie is the default, which everybody knows, so "
                "other nodes are let in on 127.0.0.1 only; set a secret of your own");
            listener.where.address =
                each.address.find(':') == std::string::npos ? "127.0.0.1" : "::1";
        }
        if (tls) {
            const transport::TlsOptions server = transport::tls_options_from(each, warnings);
            auto context = transport::TlsContext::load(server, nullptr);
            if (!context) return context.error();
            listener.tls = std::move(context).value();
            listener.tls_files = server;
            auto client = transport::TlsClientContext::load(client_tls_options(server));
            if (!client) return client.error();
            options.tls = std::move(client).value();
        }
        options.listeners.push_back(std::move(listener));
    }
    if (options.listeners.empty()) return std::optional<ClusterOptions>();
    options.outgoing_bytes = static_cast<std::size_t>(node.outgoing_clustering_buffer_size);
    options.spool_bytes = static_cast<std::size_t>(node.outgoing_clustering_spool_size);
    options.longest_frame = node.incoming_clustering_buffer_size;
    options.links.heartbeat_interval = Millis(node.cluster_heartbeat_interval_ms);
    options.links.silence_timeout = Millis(node.cluster_heartbeat_timeout_ms);
    options.netsplit_policy = node.netsplit_policy;
    options.wills_after.reset();
    if (node.cluster_wills_after_ms) options.wills_after = Millis(*node.cluster_wills_after_ms);
    options.filters_known_timeout = Millis(node.cluster_subscribe_timeout_ms);
    return std::optional(std::move(options));
}

}  // namespace vmq::broker
