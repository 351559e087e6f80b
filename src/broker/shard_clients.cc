// Sessions begin, are taken over, wait for their client, and end.
#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/registrations.h"
#include "broker/shard.h"
#include "broker/will_context.h"
#include "session/connack.h"

namespace vmq::broker {

using metrics::Counter;
using session::CloseCause;

namespace {

queue::Limits queue_limits(const session::Settings& settings) {
    return {settings.max_online_messages, settings.max_offline_messages,
            settings.queue_lifo ? queue::Order::Lifo : queue::Order::Fifo,
            settings.override_max_online_messages};
}

/// 28 characters like VerneMQ's: "anon-" and 23 of the URL-safe base64 alphabet.
std::string random_client_id(Random& random) {
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string id = "anon-";
    while (id.size() < 28) id += kAlphabet[random.below(64)];
    return id;
}

}  // namespace

std::string Shard::new_client_id(std::string_view mountpoint) {
    while (true) {
        std::string id = random_client_id(random_);
        // One that lives here saves the connection a move.
        if (home_of(mountpoint, id) != id_) continue;
        if (!clients_.contains(key_of(mountpoint, id))) return id;
    }
}

hooks::ClientContext Shard::client_context(const Client& client) const {
    hooks::ClientContext context;
    context.subscriber = {client.mountpoint, client.client_id};
    if (const Connection* connection = client.lane.connection) {
        context.peer = {connection->peer().address, connection->peer().port};
        if (connection->plan().username) context.username = *connection->plan().username;
        context.v5 = connection->plan().version == mqtt::ProtocolVersion::V5;
    } else if (client.username) {
        context.username = *client.username;
    }
    return context;
}

void Shard::attach(Connection& connection, session::ConnectPlan plan) {
    if (registrations_->must_ask(plan)) {
        return registrations_->ask(connection, std::move(plan));
    }
    let_in(connection, std::move(plan));
}

void Shard::let_in(Connection& connection, session::ConnectPlan plan, cluster::Epoch granted) {
    const ClientHash::Key key = key_of(plan.mountpoint, plan.client_id);
    auto found = clients_.find(key);
    // Its timer may still be on its way, at the start of the process above all.
    if (found != clients_.end() && !(*found)->online() && now() >= (*found)->expires_at) {
        expire(**found);
        found = clients_.end();
    }
    const bool several = plan.settings->allow_multiple_sessions;
    while (found != clients_.end() && (*found)->online() && !several) {
        displace(**found, plan.clean_start);
        found = clients_.find(key);
    }
    bool discarded = false;  // a session that the store knew
    const bool anew =
        found != clients_.end() && (plan.clean_start || !may_resume(**found, connection, plan));
    if (anew && !((*found)->online() && several)) {
        discarded = (*found)->stored();
        end_client(**found);  // [v5 MQTT-3.1.2-4] [v3.1.1 MQTT-3.1.2-6]
        found = clients_.end();
    }
    const bool session_present = found != clients_.end() && !plan.clean_start;
    Client& client = found != clients_.end()
                         ? **found
                         : make_client(plan.mountpoint, plan.client_id, *plan.settings);
    begin_session(client, connection, std::move(plan), session_present, discarded);
    registrations_->note(client, granted);
}

void Shard::displace(Client& client, bool clean_start) {
    Connection& old = *client.lane.connection;
    const session::StoredWill* will = old.plan().will.get();
    const bool suppressed = old.plan().settings->suppress_lwt_on_session_takeover;
    // A delayed will is not sent when the client is back before its delay is over; when the new
    // connection begins a new session, the old one has ended and its will is due [v5 3.1.3.2.2].
    const bool delayed = will != nullptr && will_delay_s(will->delay_s, *old.plan().settings) > 0 &&
                         client.persistent() && !clean_start;
    if (suppressed || delayed) old.discard_will();
    old.session()->disconnect(mqtt::ReasonCode::SessionTakenOver, CloseCause::TakenOver,
                              "taken over");  // [v5 MQTT-3.1.4-3] [v3.1.1 MQTT-3.1.4-2]
    old.end_session();
}

void Shard::use_settings(Client& client, std::shared_ptr<const session::Settings> settings) {
    client.settings = std::move(settings);
    subscribers_.take_turns(
        client, client.number, client.mountpoint, client.client_id,
        client.settings->allow_multiple_sessions && client.settings->balance_sessions);
}

void Shard::begin_session(Client& client, Connection& connection, session::ConnectPlan plan,
                          bool session_present, bool discarded) {
    use_settings(client, plan.settings);
    client.listener = &connection.listener();
    const bool revoked = plan.username && shared_.revocations.hit(plan.accepted_at, *plan.username,
                                                                  plan.authenticated_by);
    // Sessions of one client id share a queue for when none is there: the longest one decides.
    client.session_expiry_s = client.online()
                                  ? std::max(client.session_expiry_s, plan.session_expiry_s)
                                  : plan.session_expiry_s;
    client.username.reset();
    if (plan.username && client.session_expiry_s > 0) {
        client.username = std::make_unique<const std::string>(*plan.username);
    }
    client.expires_at = kNever;
    client.will_at = kNever;
    client.will.reset();  // [v5 MQTT-3.1.3-9]
    client.timer.stop();
    Lane* lane = &client.lane;
    if (lane->connection != nullptr) {
        client.more.push_back(std::make_unique<Lane>(queue_limits(*plan.settings), false));
        lane = client.more.back().get();
    }
    lane->queue.set_limits(queue_limits(*plan.settings));
    if (plan.will) tell_will(client, *plan.will);
    const std::uint16_t window = plan.receive_maximum;
    lane->connection = &connection;
    connection.attach(client, *lane, std::move(plan), session_present);
    subscribers_.set_state(client, client.number, true, client.persistent());
    if (client.persistent() || client.stored()) {
        store_session(client);
        connection.hold_output();
    } else if (discarded) {
        connection.hold_output();
    }
    drop_expired(client, lane->queue.take_expired(now()));
    drop_at_attach(client, lane->queue.attach(window));
    chain_.on_client_wakeup(client_context(client));
    tell_registered(client, connection);
    session_log().connected(connection.who(), connection.plan(), session_present, now());
    check_arrived_will(client, connection);
    pump(client, *lane);
    if (!revoked) return;
    metrics_.add(Counter::SessionsRevoked);
    connection.session()->disconnect(mqtt::ReasonCode::NotAuthorized, CloseCause::NotAuthorized,
                                     "the password has changed or is gone");
}

void Shard::tell_registered(const Client& client, const Connection& connection) {
    if (!chain_.implements(hooks::Hook::OnRegister)) return;
    hooks::ClientContext context = client_context(client);
    mqtt::Properties properties;
    if (context.v5) {
        properties = session::connack_properties(connection.plan());
        context.properties = &properties;
    }
    chain_.on_register(context);
}

void Shard::drop_at_attach(Client& client, std::vector<queue::Delivery> dropped) {
    for (const queue::Delivery& delivery : dropped) {
        count_drop(client, delivery, hooks::DropReason::QueueFull);
        forget(client, delivery);
    }
}

Client& Shard::make_client(std::string_view mountpoint, std::string_view client_id,
                           const session::Settings& settings) {
    const ClientNumber number{++next_number_ << 8U | id_};
    auto made =
        std::make_unique<Client>(*this, number, mountpoint, client_id, queue_limits(settings));
    Client& client = *made;
    clients_.insert(std::move(made));
    clients_by_number_.emplace(number, &client);
    session_walks_.add(client);
    ++mountpoints_[client.mountpoint];
    metrics_.add(Counter::QueueSetup);
    return client;
}

void Shard::on_disconnected(Client& client, Lane& lane, CloseCause cause,
                            std::unique_ptr<session::StoredWill> will) {
    lane.connection = nullptr;
    // Another session of the same client goes on: what this one had was its own copy.
    const auto other = std::find_if(client.more.begin(), client.more.end(),
                                    [](const auto& each) { return each->connection != nullptr; });
    const bool goes_on = client.lane.connection != nullptr || other != client.more.end();
    if (goes_on) {
        close_lane(client, lane);
        if (will) publish_will(client, *will);
        return;
    }
    if (&lane != &client.lane) {
        std::swap(client.lane.queue, lane.queue);
        std::swap(client.lane.retained, lane.retained);
        client.more.clear();
    }
    if (will) {
        const std::uint32_t delay = will_delay_s(will->delay_s, *client.settings);
        // With a store the delay goes on while we are away.
        const bool kept = cause != CloseCause::ServerShutdown || durable();
        if (delay > 0 && client.persistent() && kept) {
            client.will = std::move(will);  // [v5 MQTT-3.1.3-9]
            client.will_at = now() + Seconds(delay);
        } else {
            publish_will(client, *will);  // [v5 MQTT-3.1.2-8] [v3.1.1 MQTT-3.1.2-8]
        }
    }
    if (!client.persistent()) {  // [v5 MQTT-3.1.2-23]
        chain_.on_client_gone(client_context(client));
        return end_client(client);
    }
    subscribers_.set_state(client, client.number, false, true);
    redispatch(client, client.lane.queue.take_shared(
                           [&](std::uint64_t group) { return has_other_member(client, group); }));
    drop_expired(client, client.lane.queue.take_expired(now()));
    for (const queue::Delivery& dropped : client.lane.queue.detach()) {
        if (dropped.qos == mqtt::QoS::AtMostOnce) {
            count_unhandled(client, dropped, Undelivered::ClientOffline);
        } else {
            count_drop(client, dropped, hooks::DropReason::QueueFull);
        }
        forget(client, dropped);
    }
    if (client.session_expiry_s != session::kSessionNeverExpires) {
        client.expires_at = now() + Seconds(client.session_expiry_s);
    }
    store_session(client);
    restart_client_timer(client);
    chain_.on_client_offline(client_context(client));
}

void Shard::close_lane(Client& client, Lane& lane) {
    std::unique_ptr<Lane> ended;
    if (&lane == &client.lane) {  // another one takes its place
        const auto other =
            std::find_if(client.more.begin(), client.more.end(),
                         [](const auto& each) { return each->connection != nullptr; });
        ended = std::move(*other);
        client.more.erase(other);
        std::swap(client.lane.queue, ended->queue);
        std::swap(client.lane.retained, ended->retained);
        std::swap(client.lane.connection, ended->connection);
        client.lane.connection->use_lane(client.lane);
    } else {
        const auto own = std::find_if(client.more.begin(), client.more.end(),
                                      [&](const auto& each) { return each.get() == &lane; });
        ended = std::move(*own);
        client.more.erase(own);
    }
    // What came through a shared group is for the client's other sessions before other members.
    const auto subscribed = [&](std::uint64_t group) {
        return client.find(routing::SubscriptionKey{group}) != nullptr;
    };
    for (queue::Delivery& delivery : ended->queue.take_shared(subscribed)) {
        move_away(client, delivery);
        DeliverShared again{delivery.message, routing::SubscriptionKey{delivery.shared_group},
                            client.number, Reply{}};
        (void)deliver_shared(again);
    }
    // What it came through has ended: for the client's other sessions, without one for other
    // members.
    for (queue::Delivery& delivery : ended->queue.take_shared([](std::uint64_t) { return true; })) {
        move_away(client, delivery);
        DeliverShared again{delivery.message, routing::SubscriptionKey{delivery.shared_group},
                            client.number, Reply{}};
        delivery.store_sequence = 0;
        if (hand_over(client, choose_lane(client), std::move(delivery), nullptr) ==
            Handed::Refused) {
            choose_again(again, client.number);
        }
    }
    for (queue::Delivery& delivery : ended->queue.clear()) {
        const bool recorded = delivery.store_sequence != 0 && delivery.message;
        if (recorded && client.lane.queue.adopt_record(delivery)) continue;
        forget(client, delivery);
        // With fanout the other sessions have copies of their own.
        const bool only_copy = client.settings->balance_sessions && delivery.message &&
                               delivery.qos != mqtt::QoS::AtMostOnce;
        delivery.store_sequence = 0;
        if (only_copy) (void)hand_over(client, choose_lane(client), std::move(delivery), nullptr);
    }
}

void Shard::restart_client_timer(Client& client) {
    const TimePoint next = std::min(client.will_at, client.expires_at);
    if (next == kNever) return client.timer.stop();
    loop_.timers().start(client.timer, next);
}

void Shard::on_client_timer(Client& client, TimePoint at) {
    if (client.online()) return;
    if (client.will && client.will->restored && shared_.wills_held) {
        return loop_.timers().start(client.timer, now() + kHeldWills);
    }
    if (at >= client.will_at) {
        client.will_at = kNever;
        if (const auto will = std::exchange(client.will, nullptr)) {
            publish_will(client, *will);
            if (client.stored()) store_session(client);
        }
    }
    if (at >= client.expires_at) return expire(client);
    restart_client_timer(client);
}

void Shard::expire(Client& client) {
    metrics_.add(Counter::ClientExpired);
    log::info("session of client {} expired", client.client_id);
    chain_.on_session_expired(client_context(client));
    end_client(client);
}

void Shard::end_client(Client& client) {
    // A delayed will is due when the session ends before its delay does [v5 3.1.2.5].
    if (const auto will = std::exchange(client.will, nullptr)) publish_will(client, *will);
    client.timer.stop();
    auto shared = client.lane.queue.take_shared([](std::uint64_t) { return true; });
    chain_.on_topic_unsubscribed(
        {{client.mountpoint, client.client_id}, {}, nullptr, false, nullptr});
    subscribers_.unsubscribe_all(client, client.number);
    redispatch(client, std::move(shared));
    const std::size_t waiting =
        client.lane.queue.backlog_size() + client.lane.queue.window().size();
    const std::vector<queue::Delivery> left = client.lane.queue.clear();
    for (const queue::Delivery& each : left) {
        count_unhandled(client, each, Undelivered::SessionEnded);
    }
    // What is only in the store is not read for this.
    drops_.add(Undelivered::SessionEnded, client.mountpoint, client.client_id, {},
               waiting - std::min(waiting, left.size()));
    if (client.stored()) {
        (void)writes_.add(store::DeleteSession{client.session_id}, true, 0, now());
    }
    metrics_.add(Counter::QueueTeardown);
    session_walks_.remove(client);
    const auto mountpoint = mountpoints_.find(client.mountpoint);
    if (--mountpoint->second == 0) mountpoints_.erase(mountpoint);
    clients_by_number_.erase(client.number);
    clients_.erase(clients_.find(key_of(client.mountpoint, client.client_id)));
}

}  // namespace vmq::broker
