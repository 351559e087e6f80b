// What operators ask of clients: to be found, disconnected, unsubscribed.
#include <utility>

#include "broker/limits.h"
#include "broker/shard.h"

namespace vmq::broker {

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

bool Shard::disconnect_client(std::string_view mountpoint, std::string_view client_id,
                              bool cleanup) {
    Client* client = find_client(mountpoint, client_id);
    if (client == nullptr) return false;
    while (client != nullptr && client->online()) {
        Connection& connection = *client->lane.connection;
        connection.session()->disconnect(mqtt::ReasonCode::AdministrativeAction,
                                         session::CloseCause::AdministrativeAction,
                                         "disconnected by an operator");
        connection.end_session();
        client = find_client(mountpoint, client_id);  // a clean session ends with its connection
    }
    if (cleanup && client != nullptr) {
        chain_.on_client_gone(client_context(*client));
        end_client(*client);
    }
    loop_.run_again();
    return true;
}

bool Shard::unsubscribe_client(std::string_view mountpoint, std::string_view client_id,
                               std::string_view filter, bool tell_plugins) {
    Client* client = find_client(mountpoint, client_id);
    if (client == nullptr || !unsubscribe(*client, filter)) return false;
    if (tell_plugins) {
        const std::vector<std::string_view> filters{filter};
        chain_.on_topic_unsubscribed(
            {{client->mountpoint, client->client_id}, std::nullopt, &filters, false});
    }
    loop_.run_again();
    return true;
}

}  // namespace vmq::broker
