#include "admin/alarms.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "admin/limits.h"

namespace vmq::admin {
namespace {

using Alarms = std::vector<Alarm>;
using Severity = Alarm::Severity;

std::string title_of(const broker::ListenerSnapshot& listener) {
    const bool v6 = listener.address.find(':') != std::string::npos;
    return fmt::format("{} {} ({}{}{}:{})", listener.type, listener.name, v6 ? "[" : "",
                       listener.address, v6 ? "]" : "", listener.port);
}

void add_listener(const broker::ListenerSnapshot& listener, Alarms& alarms) {
    if (!listener.running) {
        alarms.push_back({Severity::Warning, "listener_not_running",
                          fmt::format("Listener {} does not run: nobody new can connect there. "
                                      "`vmq-admin listener restart` lets clients in again.",
                                      title_of(listener))});
    } else if (listener.max_connections && listener.connections >= *listener.max_connections) {
        alarms.push_back({Severity::Warning, "listener_full",
                          fmt::format("Listener {} has all the {} connections that it may have "
                                      "(max_connections): others are refused.",
                                      title_of(listener), *listener.max_connections)});
    }
}

void add_certificate(const broker::ListenerSnapshot& listener, const NodeView& view,
                     Alarms& alarms) {
    if (!listener.certificate_expires) return;
    const auto left = *listener.certificate_expires - view.wall_now;
    if (left > kCertificateWarning) return;
    const auto days = std::chrono::duration_cast<std::chrono::days>(left).count();
    const std::string when = left < Seconds(0) ? "has expired: clients refuse it"
                             : days < 1        ? "expires within a day"
                                               : fmt::format("expires in {} days", days);
    alarms.push_back({left < Seconds(0) ? Severity::Danger : Severity::Warning,
                      "certificate_expires",
                      fmt::format("The certificate of listener {} {}. Replace its file; it is "
                                  "loaded without a restart.",
                                  title_of(listener), when)});
}

void add_store(const NodeView& view, Alarms& alarms) {
    if (view.node.numbers[metrics::Reading::StoreRefusing] == 0) return;
    alarms.push_back({Severity::Danger, "store_refusing",
                      "The message store cannot write: QoS 1 and 2 for sessions that must be kept "
                      "are refused until it can. Look for a full or failing disk; the log says "
                      "what the system said."});
}

void add_cluster(const broker::ClusterPicture& cluster, Alarms& alarms) {
    for (const auto& node : cluster.nodes) {
        if (node.running) continue;
        alarms.push_back(
            {Severity::Danger, "node_away",
             fmt::format("Node {} cannot be reached{}{}. Start it again, or, if it "
                         "is gone for good: `vmq-admin cluster leave node={}`.",
                         node.name, node.why.empty() ? "" : ": ", node.why, node.name)});
    }
    if (cluster.ready) return;
    alarms.push_back({Severity::Danger, "cluster_not_ready",
                      fmt::format("Clients are refused because too few nodes run (netsplit_policy "
                                  "= {}), except for what allow_register_during_netsplit and the "
                                  "like allow.",
                                  cluster.policy)});
}

void add_drops(const NodeView& view, Alarms& alarms) {
    struct Watched {
        std::string_view reason;
        std::string_view why;
    };
    // Other reasons are what publishers and subscribers asked for.
    constexpr Watched kWatched[] = {
        {"queue_full", "because queues of clients were full"},
        {"packet_too_large", "because they are larger than clients accept"},
        {"not_authorized", "because clients may not publish to these topics"},
        {"store_refused", "because the message store cannot write"},
    };
    for (const Watched& watched : kWatched) {
        const std::uint64_t count = view.recent.dropped(watched.reason);
        if (count == 0) continue;
        alarms.push_back({Severity::Warning, "messages_dropped",
                          fmt::format("In the last minute {} message{} not delivered {}. "
                                      "`vmq-admin drops show` names clients and topics.",
                                      count, count == 1 ? " was" : "s were", watched.why)});
    }
    if (view.recent.queues_nearly_full == 0) return;
    alarms.push_back(
        {Severity::Warning, "queues_nearly_full",
         fmt::format("In the last minute the queue{} of {} became nearly full; messages are "
                     "dropped when a queue is full. The log names the clients.",
                     view.recent.queues_nearly_full == 1 ? "" : "s",
                     view.recent.queues_nearly_full == 1
                         ? "a client"
                         : fmt::format("{} clients", view.recent.queues_nearly_full))});
}

}  // namespace

std::string_view word_of(Alarm::Severity severity) noexcept {
    return severity == Severity::Danger ? "danger" : "warning";
}

std::vector<Alarm> alarms_of(const NodeView& view) {
    Alarms alarms;
    add_store(view, alarms);
    add_cluster(view.node.cluster, alarms);
    for (const auto& listener : view.node.listeners) {
        add_listener(listener, alarms);
        add_certificate(listener, view, alarms);
    }
    add_drops(view, alarms);
    std::ranges::stable_sort(alarms, {}, &Alarm::severity);
    return alarms;
}

}  // namespace vmq::admin
