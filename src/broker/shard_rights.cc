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

void Revocations::add(Unwelcome unwelcome) {
    last_.with([&](std::deque<Unwelcome>& last) {
        last.push_back(std::move(unwelcome));
        if (last.size() > kKept) last.pop_front();
        count_.fetch_add(1, std::memory_order_release);
    });
}

bool Revocations::hit(std::uint64_t accepted_at, std::string_view username,
                      std::uint8_t authenticated_by) const {
    if (accepted_at == now()) return false;
    return last_.with([&](const std::deque<Unwelcome>& last) {
        const std::uint64_t since = now() - accepted_at;
        if (since > last.size()) return true;
        const auto first = last.end() - static_cast<std::ptrdiff_t>(since);
        return std::any_of(first, last.end(), [&](const Unwelcome& unwelcome) {
            return unwelcome(username, authenticated_by);
        });
    });
}

bool Shard::may_resume(const Client& client, const Connection& connection,
                       const session::ConnectPlan& plan) {
    const auto same = [](const auto& a, const auto& b) {
        return (a ? *a : std::string()) == (b ? *b : std::string());
    };
    const auto& authz = connection.listener().authz_plugins;
    const hooks::PluginOrder* only = authz ? &*authz : nullptr;
    constexpr auto kHook = hooks::Hook::AuthOnSubscribe;
    if (same(client.username, plan.username) || !chain_.implements(kHook, only) ||
        !chain_.answers_at_once(kHook, only)) {
        return true;
    }
    hooks::SubscribeContext context;
    context.subscriber = {client.mountpoint, client.client_id};
    if (plan.username) context.username = *plan.username;
    context.v5 = plan.version == mqtt::ProtocolVersion::V5;
    for (const auto& own : client.subscriptions()) {
        const std::string filter = subscribers_.text(own);
        const std::vector<mqtt::SubscribeEntry> entries{{filter, own.options}};
        context.entries = &entries;
        const auto verdict = chain_.auth_on_subscribe(context, {}, {only});
        if (verdict && stays(*verdict)) continue;
        log::notice(
            "client {} is back as {}, who may not subscribe to {}: the session that was left is "
            "not given to this user and ends",
            client.client_id, plan.username.value_or("nobody"), filter);
        return false;
    }
    return true;
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
    if (check_rights_some(check)) return check->shard_done();
    boost::asio::post(loop_.io(), [this, check] { check_rights(check); });
}

bool Shard::check_rights_some(const std::shared_ptr<RightsCheck>& check) {
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
    return part.rest.empty();
}

void Shard::check_rights(const std::shared_ptr<RightsCheck>& check, Client& client) {
    std::vector<std::string> texts;
    for (const auto& own : client.subscriptions()) texts.push_back(subscribers_.text(own));
    const std::vector<std::string_view> filters(texts.begin(), texts.end());
    const auto suspects = check->suspects()(client_context(client), filters);
    std::vector<std::string_view> lost;
    for (const std::string_view filter : suspects) {
        if (ask_for_right(check, client, std::string(filter), 0)) lost.push_back(filter);
    }
    if (lost.empty()) return;
    const std::size_t sessions = ++check->part(id_).lost.sessions;
    if (!check->apply() || sessions > kRightsLogged) return;
    log::info("client {}: {} no longer allows {} of its subscriptions, the first is {}",
              client.client_id, check->plugin(), lost.size(), lost.front());
}

hooks::PluginOrder Shard::others_for(const Client& client, std::string_view plugin) const {
    const auto* only = client.listener != nullptr && client.listener->authz_plugins
                           ? &*client.listener->authz_plugins
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
        } else if (!stays(verdict) && check->apply() && end_right(*found->second, filter)) {
            log::info("client {}: {} no longer allows its subscription to {}",
                      found->second->client_id, check->plugin(), filter);
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
