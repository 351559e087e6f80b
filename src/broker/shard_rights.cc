// Subscriptions that the rules of now no longer allow, and what unsubscribing is for both.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/shard.h"

namespace vmq::broker {

using metrics::Counter;

namespace {

/// The answer about a single filter.
bool stays(const hooks::SubscribeVerdict& verdict) noexcept {
    return verdict.decision == hooks::Decision::Ok &&
           (!verdict.topics ||
            (verdict.topics->size() == 1 && !mqtt::is_error(verdict.topics->front().reason)));
}

}  // namespace

LostRights RightsCheck::wait() const {
    shards_.wait();
    LostRights all;
    for (const Part& part : parts_) {
        all.sessions += part.lost.sessions;
        all.subscriptions += part.lost.subscriptions;
        all.undecided += part.lost.undecided;
        for (const LostSubscription& each : part.lost.named) {
            if (all.named.size() < LostRights::kMaxNamed) all.named.push_back(each);
        }
    }
    return all;
}

bool Shard::unsubscribe(Client& client, std::string_view filter) {
    end_retained(client.lane, filter);
    for (const auto& lane : client.more) end_retained(*lane, filter);
    if (!subscribers_.unsubscribe(client, client.number, client.mountpoint, filter)) return false;
    if (client.stored() && durable()) {
        client.last_write =
            write(store::DeleteSubscription{client.session_id, std::string(filter)});
    }
    return true;
}

void Shard::check_rights(const std::shared_ptr<RightsCheck>& check) {
    RightsCheck::Part& part = check->part(id_);
    if (!std::exchange(part.begun, true)) {
        // Who comes later is asked by the rules of now anyway.
        part.rest.reserve(clients_by_number_.size());
        for (const auto& [number, client] : clients_by_number_) {
            if (client->subscription_count() > 0) part.rest.push_back(number);
        }
    }
    const auto begin = std::chrono::steady_clock::now();
    while (!part.rest.empty()) {
        const auto found = clients_by_number_.find(part.rest.back());
        part.rest.pop_back();
        if (found != clients_by_number_.end()) check_rights(check, *found->second);
        if (std::chrono::steady_clock::now() - begin > kRightsSlice) break;
    }
    if (part.rest.empty()) return check->shard_done();
    boost::asio::post(loop_.io(), [this, check] { check_rights(check); });
}

void Shard::check_rights(const std::shared_ptr<RightsCheck>& check, Client& client) {
    std::vector<std::string> texts;
    for (const auto& own : client.subscriptions()) texts.push_back(subscribers_.text(own));
    const std::vector<std::string_view> filters(texts.begin(), texts.end());
    const auto suspects = check->suspects()(client_context(client), filters);
    bool lost = false;
    for (const std::string_view filter : suspects) {
        lost = ask_for_right(check, client, std::string(filter), 0) || lost;
    }
    if (!lost) return;
    ++check->part(id_).lost.sessions;
    if (!check->apply()) return;
    log::info("client {}: {} no longer allows {} of its subscriptions, the first is {}",
              client.client_id, check->plugin(), suspects.size(), suspects.front());
}

hooks::PluginOrder Shard::others_for(const Client& client, std::string_view plugin) const {
    const Connection* connection = client.lane.connection;
    const auto* only = connection != nullptr && connection->listener().authz_plugins
                           ? &*connection->listener().authz_plugins
                           : nullptr;
    hooks::PluginOrder others;
    const std::size_t count = only != nullptr ? only->size() : chain_.size();
    for (std::size_t i = 0; i < count; ++i) {
        const auto place = only != nullptr ? (*only)[i] : static_cast<hooks::PluginPlace>(i);
        if (chain_.plugin(place).name() != plugin) others.push_back(place);
    }
    return others;
}

bool Shard::ask_for_right(const std::shared_ptr<RightsCheck>& check, Client& client,
                          const std::string& filter, std::size_t first) {
    const auto* own = subscribers_.find(client, client.mountpoint, filter);
    if (own == nullptr) return false;
    const hooks::PluginOrder others = others_for(client, check->plugin());
    const std::vector<mqtt::SubscribeEntry> entries{{filter, own->options}};
    const hooks::ClientContext who = client_context(client);
    hooks::SubscribeContext context;
    context.subscriber = who.subscriber;
    context.username = who.username;
    context.v5 = who.v5;
    context.entries = &entries;
    const auto later = [this, check, filter, number = client.number](
                           const hooks::SubscribeVerdict& verdict, std::size_t next) {
        const auto found = clients_by_number_.find(number);
        if (found == clients_by_number_.end()) return;
        if (verdict.decision == hooks::Decision::Next) {
            (void)ask_for_right(check, *found->second, filter, next);
        } else if (!stays(verdict) && check->apply()) {
            (void)end_right(*found->second, filter);
        }
    };
    const auto verdict = chain_.auth_on_subscribe(context, later, {&others, first});
    // A plugin that is asked again after a late answer no longer belongs to what is waited for.
    if (!verdict) {
        if (first == 0) ++check->part(id_).lost.undecided;
        return false;
    }
    if (stays(*verdict)) return false;
    if (first == 0) check->part(id_).add({client.mountpoint, client.client_id, filter});
    return !check->apply() || end_right(client, filter);
}

bool Shard::end_right(Client& client, const std::string& filter) {
    if (!unsubscribe(client, filter)) return false;
    metrics_.add(Counter::SubscriptionsRevoked);
    if (chain_.implements(hooks::Hook::OnTopicUnsubscribed)) {
        const std::vector<std::string_view> filters{filter};
        const hooks::ClientContext who = client_context(client);
        chain_.on_topic_unsubscribed({who.subscriber, who.username, &filters, who.v5});
    }
    return true;
}

}  // namespace vmq::broker
