// What operators do to clients and retained messages of a shard.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "broker/limits.h"
#include "broker/shard.h"

namespace vmq::broker {

using session::CloseCause;

namespace {

constexpr std::string_view kWhy = "disconnected by an operator";

}  // namespace

Client* Shard::find_client(std::string_view mountpoint, std::string_view client_id) {
    const auto found = clients_.find(key_of(mountpoint, client_id));
    return found == clients_.end() ? nullptr : found->get();
}

Client* Shard::find_client(ClientNumber number) noexcept {
    const auto found = clients_by_number_.find(number);
    return found == clients_by_number_.end() ? nullptr : found->second;
}

std::optional<std::vector<ClientNumber>> Shard::clients_named(std::string_view client_id) const {
    if (mountpoints_.size() > kMountpointsAtOnce) return std::nullopt;
    std::vector<ClientNumber> numbers;
    for (const auto& [mountpoint, clients] : mountpoints_) {
        const auto found = clients_.find(key_of(mountpoint, client_id));
        if (found != clients_.end()) numbers.push_back((*found)->number);
    }
    return numbers;
}

void Shard::end_watch(WatchNumber number) {
    std::vector<ActivityCount> left;
    for (ActivityCount& each : watches_) {
        if (each.number != number) left.push_back(std::move(each));
    }
    watches_ = std::move(left);
}

ActivityPicture Shard::take_activity(WatchNumber number) {
    const auto found = std::ranges::find(watches_, number, &ActivityCount::number);
    return found == watches_.end() ? ActivityPicture() : found->activity.take();
}

void Shard::count_received(const Client& client, std::string_view topic, std::size_t payload) {
    for (ActivityCount& each : watches_) {
        each.activity.received(client.mountpoint, client.client_id, topic, payload);
    }
}

void Shard::count_sent(const Client& client, std::string_view topic, std::size_t payload) {
    for (ActivityCount& each : watches_) {
        each.activity.sent(client.mountpoint, client.client_id, topic, payload);
    }
}

std::vector<std::string> Shard::begin_trace(const std::shared_ptr<Trace>& trace) {
    const TraceOptions& wanted = trace->options();
    std::vector<std::string> pids;
    if (!wanted.client_id) return pids;
    std::vector<ClientNumber> numbers;
    if (wanted.mountpoint) {
        const Client* client = find_client(*wanted.mountpoint, *wanted.client_id);
        if (client != nullptr) numbers.push_back(client->number);
    } else if (auto named = clients_named(*wanted.client_id)) {
        numbers = std::move(*named);
    }
    for (const ClientNumber number : numbers) {
        Client& client = *find_client(number);
        const auto look_at = [&](const Lane& lane) {
            if (lane.connection != nullptr && lane.connection->begin_trace(*trace)) {
                pids.push_back(lane.connection->trace_pid());
            }
        };
        look_at(client.lane);
        for (const auto& lane : client.more) look_at(*lane);
    }
    return pids;
}

void Shard::disconnect_by_operator(Client& client, bool cleanup) {
    const ClientNumber number = client.number;
    std::vector<ConnectionNumber> open;
    if (client.lane.connection != nullptr) open.push_back(client.lane.connection->number());
    for (const auto& lane : client.more) {
        if (lane->connection != nullptr) open.push_back(lane->connection->number());
    }
    for (const ConnectionNumber each : open) {
        Connection* connection = find(each);
        if (connection == nullptr) continue;
        if (!connection->closing()) {
            connection->session()->disconnect(mqtt::ReasonCode::AdministrativeAction,
                                              CloseCause::AdministrativeAction, kWhy);
        }
        connection->end_session();
    }
    loop_.run_again();
    if (!cleanup) return;
    // It is gone already if its session ended with the connection.
    const auto left = clients_by_number_.find(number);
    if (left == clients_by_number_.end()) return;
    chain_.on_client_gone(client_context(*left->second));
    end_client(*left->second);
}

bool Shard::disconnect_client(std::string_view mountpoint, std::string_view client_id,
                              bool cleanup) {
    const auto found = clients_.find(key_of(mountpoint, client_id));
    if (found == clients_.end()) return false;
    disconnect_by_operator(**found, cleanup);
    return true;
}

std::size_t Shard::disconnect_some(std::size_t count, const std::vector<std::string>& spared,
                                   bool cleanup) {
    std::vector<ClientNumber> chosen;
    for (const auto& [number, connection] : connections_) {
        if (chosen.size() == count) break;
        const Client* client = connection->client();
        if (client == nullptr || connection->closing()) continue;
        if (std::ranges::binary_search(spared, client->client_id)) continue;
        chosen.push_back(client->number);
    }
    for (const ClientNumber number : chosen) {
        const auto client = clients_by_number_.find(number);
        if (client != clients_by_number_.end()) disconnect_by_operator(*client->second, cleanup);
    }
    return chosen.size();
}

bool Shard::unsubscribe_client(std::string_view mountpoint, std::string_view client_id,
                               std::string_view filter, bool tell_plugins) {
    const auto found = clients_.find(key_of(mountpoint, client_id));
    if (found == clients_.end()) return false;
    Client& client = **found;
    if (!unsubscribe(client, filter)) return false;
    loop_.run_again();
    if (!tell_plugins) return true;
    const hooks::ClientContext context = client_context(client);
    std::vector<std::string_view> filters{filter};
    chain_.on_topic_unsubscribed(
        {context.subscriber, context.username, &filters, context.v5, nullptr});
    return true;
}

}  // namespace vmq::broker
