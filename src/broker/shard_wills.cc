// Wills that other nodes know, and wills of their clients.
#include <vector>

#include "base/log.h"
#include "broker/cluster_port.h"
#include "broker/shard.h"
#include "broker/will_context.h"

namespace vmq::broker {

using metrics::Counter;

void Shard::tell_will(const Client& client, session::StoredWill& will) {
    ClusterPort* cluster = shared_.cluster.load(std::memory_order_acquire);
    if (cluster == nullptr) return;
    cluster::LastWill last = last_will_of(client, will);
    last.kept = durable() && (client.persistent() || client.stored());
    will.told = cluster->tell_will(std::move(last));
}

void Shard::tell_restored_wills() {
    for (const auto& [number, client] : clients_by_number_) {
        if (client->will && !client->will->told) tell_will(*client, *client->will);
    }
}

void Shard::publish_last_will(const cluster::LastWill& will) {
    metrics_.add(Counter::ClusterWillsPublished);
    (void)route(intent_of(will), {key_of(will.key.mountpoint, will.key.client_id).hash, Reply{}});
    loop_.run_again();
}

void Shard::drop_told_will(const cluster::ClientKey& key, const void* told) {
    Client* client = find_client(key.mountpoint, key.client_id);
    if (client == nullptr) return;
    if (client->will && client->will->told.get() == told) {
        client->will.reset();
        client->will_at = kNever;
        restart_client_timer(*client);
    }
    const auto drop_of = [&](const Lane& lane) {
        Connection* connection = lane.connection;
        if (connection == nullptr) return;
        const session::StoredWill* will = connection->plan().will.get();
        if (will != nullptr && will->told.get() == told) connection->discard_will();
    };
    drop_of(client->lane);
    for (const auto& lane : client->more) drop_of(*lane);
    if (client->stored()) store_session(*client);
    loop_.run_again();
}

void Shard::drop_restored_wills(std::uint32_t delay_s) {
    std::size_t count = 0;
    for (const auto& [number, client] : clients_by_number_) {
        if (!client->will || !client->will->restored || client->online()) continue;
        if (last_will_of(*client, *client->will).delay_s > delay_s) continue;
        client->will.reset();
        client->will_at = kNever;
        restart_client_timer(*client);
        if (client->stored()) store_session(*client);
        ++count;
    }
    if (count > 0) {
        log::notice("{} wills of the time before this start have been published by other nodes",
                    count);
    }
    loop_.run_again();
}

}  // namespace vmq::broker
