// Subscriptions that the rules of now no longer allow, and what unsubscribing is for both.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/shard.h"
#include "broker/will_context.h"
#include "mqtt/topic.h"

namespace vmq::broker {

using metrics::Counter;

namespace {

/// The answer about a single filter.
bool stays(const hooks::SubscribeVerdict& verdict) noexcept {
    return verdict.decision == hooks::Decision::Ok &&
           (!verdict.topics ||
            (verdict.topics->size() == 1 && !mqtt::is_error(verdict.topics->front().reason)));
}

/// Calls visit(connection, will) for the will of each connection, and with null for one that waits
/// for its delay.
template <typename Visit>
void for_each_will(const Client& client, Visit visit) {
    if (client.will) visit(static_cast<Connection*>(nullptr), *client.will);
    const auto look = [&](const Lane& lane) {
        Connection* connection = lane.connection;
        if (connection == nullptr || !connection->plan().will) return;
        visit(connection, *connection->plan().will);
    };
    look(client.lane);
    for (const auto& lane : client.more) look(*lane);
}

bool has_will(const Client& client) {
    bool found = false;
    for_each_will(client, [&found](Connection*, const session::StoredWill&) { found = true; });
    return found;
}

}  // namespace

LostRights RightsCheck::wait() const {
    shards_.wait();
    LostRights all;
    for (const Part& part : parts_) {
        all.sessions += part.lost.sessions;
        all.subscriptions += part.lost.subscriptions;
        all.wills += part.lost.wills;
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
    constexpr auto kHook = hooks::Hook::AuthOnSubscribe;
    const hooks::PluginOrder all = authz ? *authz : everybody();
    if (!chain_.implements(kHook, &all)) return true;
    if (same(client.username, plan.username)) {
        // A session of an earlier process was looked at without knowing its listener.
        const bool known = client.listener != nullptr || !authz;
        if (known || !chain_.answers_at_once(kHook, &all)) return true;
    }
    // Who answers later cannot save a session for somebody else.
    const hooks::PluginOrder order = those_at_once(kHook, all);
    hooks::SubscribeContext context;
    context.subscriber = {client.mountpoint, client.client_id};
    if (plan.username) context.username = *plan.username;
    context.v5 = plan.version == mqtt::ProtocolVersion::V5;
    for (const auto& own : client.subscriptions()) {
        const std::string filter = subscribers_.text(own);
        const std::vector<mqtt::SubscribeEntry> entries{{filter, own.options}};
        context.entries = &entries;
        const auto verdict = chain_.auth_on_subscribe(context, {}, {&order});
        if (verdict && stays(*verdict)) continue;
        log::notice(
            "client {} is back as {}, who may not subscribe to {}: the session that was left is "
            "not given to this user and ends",
            client.client_id, plan.username.value_or("nobody"), filter);
        return false;
    }
    return true;
}

std::optional<routing::LocalSubscribers::Added> Shard::subscribe(Client& client,
                                                                 const mqtt::SubscribeEntry& entry,
                                                                 std::uint32_t subscription_id) {
    if (client.stored() && client.persistent() && durable()) {
        if (!shared_.store->accepting()) return std::nullopt;
        client.last_write = write(store::PutSubscription{
            client.session_id, std::string(entry.filter), entry.options, subscription_id});
    }
    return subscribers_.subscribe(client, client.number, client.mountpoint, entry.filter,
                                  entry.options, subscription_id, client.persistent(),
                                  client.online());
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
            if (client->subscription_count() > 0 || has_will(*client)) {
                part.rest.push_back(number);
            }
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
    check_wills(check, client);
    std::vector<std::string> texts;
    for (const auto& own : client.subscriptions()) texts.push_back(subscribers_.text(own));
    const std::vector<std::string_view> filters(texts.begin(), texts.end());
    const auto suspects = check->rules().suspects(client_context(client), filters);
    std::vector<std::string_view> lost;
    for (const std::string_view filter : suspects) {
        if (ask_for_right(check, client, std::string(filter))) lost.push_back(filter);
    }
    if (lost.empty()) return;
    const std::size_t sessions = ++check->part(id_).lost.sessions;
    if (!check->apply() || sessions > kRightsLogged) return;
    log::info("client {}: {} no longer allows {} of its subscriptions, the first is {}",
              client.client_id, check->plugin(), lost.size(), lost.front());
}

hooks::PluginOrder Shard::everybody() const {
    hooks::PluginOrder all;
    for (std::size_t i = 0; i < chain_.size(); ++i) {
        all.push_back(static_cast<hooks::PluginPlace>(i));
    }
    return all;
}

hooks::PluginOrder Shard::others_for(const Client& client, std::string_view plugin) const {
    const bool own_order = client.listener != nullptr && client.listener->authz_plugins;
    hooks::PluginOrder others = own_order ? *client.listener->authz_plugins : everybody();
    std::erase_if(others, [&](const hooks::PluginPlace place) {
        return chain_.plugin(place).name() == plugin;
    });
    return others;
}

hooks::PluginOrder Shard::those_at_once(hooks::Hook hook, const hooks::PluginOrder& order) const {
    hooks::PluginOrder some;
    for (const hooks::PluginPlace place : order) {
        const hooks::PluginOrder one{place};
        if (chain_.answers_at_once(hook, &one)) some.push_back(place);
    }
    return some;
}

bool Shard::ask_for_right(const std::shared_ptr<RightsCheck>& check, Client& client,
                          const std::string& filter) {
    if (subscribers_.find(client, client.mountpoint, filter) == nullptr) return false;
    RightsQuestion question;
    question.client = client.number;
    question.filter = filter;
    question.route = others_for(client, check->plugin());
    question.done = [this, check, filter, rules = shared_.revocations.rules()](
                        Client* left, const hooks::SubscribeVerdict& verdict) {
        if (left == nullptr || stays(verdict) || !check->apply()) return;
        if (rules != shared_.revocations.rules()) {
            return ask_for_right_again(*left, filter, std::string(check->plugin()));
        }
        if (!end_right(*left, filter)) return;
        log::info("client {}: {} no longer allows its subscription to {}", left->client_id,
                  check->plugin(), filter);
    };
    const auto verdict = rights_questions_.ask(std::move(question));
    if (!verdict) {
        ++check->part(id_).lost.undecided;
        return false;
    }
    if (stays(*verdict)) return false;
    check->part(id_).add({client.mountpoint, client.client_id, filter});
    return !check->apply() || end_right(client, filter);
}

void Shard::ask_for_right_again(Client& client, const std::string& filter,
                                const std::string& plugin) {
    RightsQuestion question;
    question.client = client.number;
    question.filter = filter;
    question.route = others_for(client, {});
    const auto take = [this, filter, plugin](Client* left, const hooks::SubscribeVerdict& verdict) {
        if (left == nullptr || stays(verdict) || !end_right(*left, filter)) return;
        log::info("client {}: {} no longer allows its subscription to {}", left->client_id, plugin,
                  filter);
    };
    question.done = take;
    if (const auto verdict = rights_questions_.ask(std::move(question))) take(&client, *verdict);
}

bool Shard::end_right(Client& client, const std::string& filter) {
    if (!unsubscribe(client, filter)) return false;
    metrics_.add(Counter::SubscriptionsRevoked);
    if (chain_.implements(hooks::Hook::OnTopicUnsubscribed)) {
        const std::vector<std::string_view> filters{filter};
        const hooks::ClientContext who = client_context(client);
        chain_.on_topic_unsubscribed({who.subscriber, who.username, &filters, who.v5, nullptr});
    }
    return true;
}

void Shard::drop_will(Client& client, Connection* connection) {
    metrics_.add(Counter::WillsRevoked);
    if (connection != nullptr) {
        connection->discard_will();
    } else {
        client.will.reset();
        client.will_at = kNever;
        restart_client_timer(client);
    }
    if (client.stored()) store_session(client);
}

bool Shard::allows_will(const Client& client, const session::StoredWill& will,
                        const hooks::PluginOrder& order) {
    constexpr auto kHook = hooks::Hook::AuthOnPublish;
    const hooks::PluginOrder by{will.allowed_by};
    if (will.allowed_by < chain_.size() && !chain_.answers_at_once(kHook, &by)) return true;
    const hooks::PluginOrder some = those_at_once(kHook, order);
    const auto verdict = chain_.auth_on_publish(will_context(client, will), {}, {&some});
    return verdict && verdict->decision == hooks::Decision::Ok;
}

void Shard::check_wills(const std::shared_ptr<RightsCheck>& check, Client& client) {
    if (!check->rules().will_suspect) return;
    std::vector<Connection*> owners;
    for_each_will(client, [&](Connection* owner, const session::StoredWill& will) {
        hooks::ClientContext who = client_context(client);
        who.username.reset();
        if (will.username) who.username = *will.username;
        if (!check->rules().will_suspect(who, will.topic)) return;
        if (allows_will(client, will, others_for(client, check->plugin()))) return;
        ++check->part(id_).lost.wills;
        if (!check->apply()) return;
        log::info("client {}: {} no longer allows its will on {}, which is dropped",
                  client.client_id, check->plugin(), will.topic);
        owners.push_back(owner);
    });
    for (Connection* owner : owners) drop_will(client, owner);
}

void Shard::check_arrived_will(Client& client, Connection& connection) {
    const session::StoredWill* will = connection.plan().will.get();
    constexpr auto kHook = hooks::Hook::AuthOnPublish;
    if (will == nullptr || will->rules == shared_.revocations.rules() ||
        will->allowed_by == hooks::kNobody) {
        return;
    }
    const hooks::PluginOrder order = others_for(client, {});
    if (!chain_.implements(kHook, &order) || allows_will(client, *will, order)) return;
    log::info("client {}: its will on {} is no longer allowed and is dropped", client.client_id,
              will->topic);
    drop_will(client, &connection);
}

bool Shard::rewrite(Client& client, const std::string& filter,
                    const hooks::SubscribeVerdict& verdict) {
    if (verdict.decision != hooks::Decision::Ok) return end_right(client, filter);
    if (!verdict.topics) return false;
    const auto* own = subscribers_.find(client, client.mountpoint, filter);
    const std::uint32_t subscription_id = own->subscription_id;
    bool changed = false;
    bool kept = false;
    for (const auto& topic : *verdict.topics) {
        // What is left to others here nobody has allowed.
        if (topic.left_to_next || mqtt::is_error(topic.reason)) continue;
        if (!mqtt::is_valid_topic_filter(topic.filter)) continue;
        const auto* there = subscribers_.find(client, client.mountpoint, topic.filter);
        kept = kept || topic.filter == filter;
        if (there != nullptr && there->options == topic.options) continue;
        const std::uint32_t most =
            client.settings ? client.settings->max_subscriptions_per_client : 0;
        if (there == nullptr && most != 0 && client.subscription_count() >= most) continue;
        changed = subscribe(client, {topic.filter, topic.options}, subscription_id) || changed;
    }
    if (!kept) changed = end_right(client, filter) || changed;
    return changed;
}

void Shard::reauthorize(std::string_view mountpoint, std::string_view client_id,
                        std::optional<std::string> username, const Reauthorized& done) {
    Client* client = find_client(mountpoint, client_id);
    if (client == nullptr) return done(Reauthorization::NoSession);
    const bool own_order = client->listener != nullptr && client->listener->authz_plugins;
    if (shared_.anonymous_unrestricted && !own_order &&
        !chain_.implements(hooks::Hook::AuthOnSubscribe)) {
        return done(Reauthorization::Unchanged);  // nobody restricts anybody
    }
    struct Progress {
        std::size_t left = 0;
        bool changed = false;
    };
    const auto progress = std::make_shared<Progress>();
    const auto finish_one = [progress, done](bool changed) {
        progress->changed = progress->changed || changed;
        if (--progress->left > 0) return;
        done(progress->changed ? Reauthorization::Changed : Reauthorization::Unchanged);
    };
    std::vector<std::string> filters;
    for (const auto& own : client->subscriptions()) filters.push_back(subscribers_.text(own));
    const hooks::PluginOrder route = others_for(*client, {});
    // One more, so that it is not through before all have been asked.
    progress->left = filters.size() + 1;
    for (const std::string& filter : filters) {
        RightsQuestion question;
        question.client = client->number;
        question.filter = filter;
        question.username = username;
        question.route = route;
        question.done = [this, filter, finish_one](Client* left,
                                                   const hooks::SubscribeVerdict& verdict) {
            finish_one(left != nullptr && rewrite(*left, filter, verdict));
        };
        if (subscribers_.find(*client, client->mountpoint, filter) == nullptr) {
            finish_one(false);
        } else if (const auto verdict = rights_questions_.ask(std::move(question))) {
            finish_one(rewrite(*client, filter, *verdict));
        }
    }
    loop_.run_again();
    finish_one(false);
}

}  // namespace vmq::broker
