// What a shard has stored, and what it gets back: sessions, messages, acknowledgements that wait.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/shard.h"
#include "broker/will_context.h"

namespace vmq::broker {

using mqtt::QoS;
using queue::Delivery;

store::WallMillis Shard::wall(TimePoint at) const noexcept {
    if (at == kNever) return 0;
    return shared_.wall_anchor + (at - shared_.steady_anchor).count();
}

TimePoint Shard::steady(store::WallMillis at) const noexcept {
    return shared_.steady_anchor + Millis(at - shared_.wall_anchor);
}

store::SessionId Shard::new_session_id() noexcept {
    return store::SessionId{std::uint64_t{shared_.boot} << 38U | std::uint64_t{id_} << 32U |
                            ++next_session_};
}

void Shard::store_session(Client& client) {
    if (!durable()) return;
    if (!client.stored()) {
        client.session_id = new_session_id();
    }
    store::SessionRecord record;
    record.key = {client.mountpoint, client.client_id};
    record.expiry_interval_s = client.session_expiry_s;
    if (!client.online()) {
        record.expires_at =
            client.expires_at == kNever ? store::kWallNever : wall(client.expires_at);
    }
    record.sent_through = client.lane.queue.sent_through();
    if (client.username) record.username = *client.username;
    if (client.will) {
        copy_will(*client.will, record.will.emplace());
        record.will->due_at = wall(client.will_at);
    } else if (const Connection* connection = client.lane.connection;
               connection != nullptr && connection->plan().will) {
        // Should we die before the client, its connection has broken.
        copy_will(*connection->plan().will, record.will.emplace());
    }
    (void)write(store::PutSession{client.session_id, std::move(record)});
}

void Shard::store_message(Client& client, Delivery& delivery, bool lazy) {
    if (!client.stored() || !durable()) return;
    std::unique_ptr<const std::string> shared_filter;
    if (delivery.shared_group != 0) {
        const routing::OwnSubscription* own =
            client.find(routing::SubscriptionKey{delivery.shared_group});
        if (own != nullptr) {
            shared_filter = std::make_unique<const std::string>(subscribers_.shared_text(*own));
        }
    }
    if (answering_.reply.wanted() && answering_.ack == 0) {
        answering_.ack = writes_.begin(answering_.reply);
    }
    delivery.written_at =
        writes_.add(store::PutMessage{client.session_id, delivery.store_sequence, delivery.message,
                                      std::move(shared_filter), delivery.subscription_id,
                                      delivery.qos, delivery.retain},
                    lazy, answering_.ack, now());
}

void Shard::forget(Client& client, const Delivery& delivery) {
    if (delivery.written_at != 0 && writes_.cancel(delivery.written_at)) return;
    move_away(client, delivery);
}

void Shard::move_away(Client& client, const Delivery& delivery) {
    if (delivery.store_sequence == 0 || !client.stored() || !durable()) return;
    const std::uint64_t store_id =
        delivery.message ? delivery.message->store_id() : store::kUnknownStoreId;
    (void)writes_.add(store::DeleteMessage{client.session_id, delivery.store_sequence, store_id},
                      true, 0, now());
}

// Nothing is taken in that could not be stored: the publisher is told, and may try again.
bool Shard::refuses(QoS qos, bool retain) const noexcept {
    if (qos == QoS::AtMostOnce || shared_.store->accepting()) return false;
    if (retain) return true;
    return std::any_of(
               matches_.filters.begin(), matches_.filters.end(),
               [](const routing::FilterMatch& match) { return match.persistent_shards != 0; }) ||
           !matches_.shared.empty();
}

void Shard::commit() {
    hand_over_writes();
    load_spools();
    for (const Fetch& fetch : std::exchange(fetches_, {})) {
        const auto found = clients_by_number_.find(fetch.client);
        if (found == clients_by_number_.end()) continue;
        store::LoadRequest request;
        request.session = found->second->session_id;
        request.from = fetch.load.from;
        request.to = fetch.load.to;
        request.newest_first = fetch.load.newest_first;
        request.max_count = queue::Queue::kLoadedAtOnce;
        request.max_bytes = queue::Queue::kBytesLoadedAtOnce;
        shared_.store->load(id_, request,
                            [this, number = fetch.client, ticket = fetch.load.ticket](
                                std::vector<store::StoredMessage> messages) {
                                on_loaded(number, ticket, std::move(messages));
                            });
    }
}

void Shard::hand_over_writes(bool at_once) {
    if (writes_.idle()) return;
    at_once = at_once || !fetches_.empty();  // which see only what was handed over
    if (!writes_.urgent() && !at_once && !shutting_down_ && writes_.size() < kMostLazyWrites) {
        const TimePoint latest = writes_.since() + shared_.lazy_write_delay;
        if (now() < latest) return loop_.wake_by(latest);
    }
    auto [batch, handed] = writes_.take();
    shared_.store->commit(id_, std::move(batch), [this, handed](store::CommitStatus status) {
        const bool safe = status == store::CommitStatus::Safe;
        if (!safe && may_report(commit_reported_at_)) {
            log::error(
                "the message store refuses writes: QoS 1 and 2 messages to it are not "
                "acknowledged");
        }
        act(writes_.committed(*handed, safe));
    });
}

void Shard::act(std::vector<WhenSafe> actions) {
    for (WhenSafe& action : actions) {
        Connection* connection = find(action.connection);
        if (connection == nullptr || connection->client() == nullptr) continue;
        connection->let_go();
        if (action.packet.empty()) {
            pump(*connection->client(), connection->lane());
        } else if (action.type == mqtt::PacketType::Suback && in_company()) {
            const std::uint64_t ticket = ++last_filter_wait_;
            filter_waits_.emplace(ticket, std::move(action));
            shared_.cluster.load()->await_filters(id_, ticket);
        } else {
            send_answer(action);
        }
    }
}

void Shard::send_answer(const WhenSafe& answer) {
    Connection* connection = find(answer.connection);
    if (connection == nullptr || connection->client() == nullptr) return;
    connection->send_stored(answer.type, answer.reason, answer.packet);
}

void Shard::on_store_refusing() {
    for (const auto& [number, connection] : connections_) connection->stop_holding();
}

void Shard::confirm(const Reply& reply, bool safe) {
    if (!reply.wanted()) return;
    if (reply.shard != id_) return send(reply.shard, Confirm{reply.connection, reply.ticket, safe});
    Confirm local{reply.connection, reply.ticket, safe};
    handle(local);
}

void Shard::keep_unsafe(const Client& client, ConnectionNumber connection,
                        const session::Session& session) {
    Unsafe unsafe{client.number, {}};
    session.for_each_unsafe([&](session::AckTicket ticket, mqtt::PacketId id, std::uint32_t waits) {
        unsafe.messages.push_back({ticket, id, waits});
    });
    if (!unsafe.messages.empty()) unsafe_.emplace(connection, std::move(unsafe));
}

void Shard::settle_unsafe(const Confirm& confirm) {
    const auto found = unsafe_.find(confirm.connection);
    if (found == unsafe_.end()) return;
    auto& messages = found->second.messages;
    const auto at = std::find_if(messages.begin(), messages.end(),
                                 [&](const auto& each) { return each.ticket == confirm.ticket; });
    if (at == messages.end()) return;
    const auto client = clients_by_number_.find(found->second.client);
    if (!confirm.safe && client != clients_by_number_.end() &&
        client->second->lane.queue.forget(at->id) && client->second->stored() && durable()) {
        client->second->last_write =
            write(store::DeleteReceived{client->second->session_id, at->id});
    }
    if (confirm.safe && --at->waits > 0) return;
    messages.erase(at);
    if (messages.empty()) unsafe_.erase(found);
}

void Shard::fetch(Client& client) {
    if (const auto load = client.lane.queue.wants_load()) {
        fetches_.push_back({client.number, *load});
        loop_.run_again();
    }
}

void Shard::on_loaded(ClientNumber number, std::uint32_t ticket,
                      std::vector<store::StoredMessage> messages) {
    const auto found = clients_by_number_.find(number);
    if (found == clients_by_number_.end()) return;
    Client& client = *found->second;
    std::vector<Delivery> deliveries;
    deliveries.reserve(messages.size());
    for (store::StoredMessage& stored : messages) {
        Delivery delivery;
        if (!stored.shared_filter.empty()) {
            const routing::OwnSubscription* own =
                subscribers_.find(client, client.mountpoint, stored.shared_filter);
            if (own != nullptr) delivery.shared_group = static_cast<std::uint64_t>(own->key());
        }
        delivery.message = std::move(stored.message);
        delivery.store_sequence = stored.sequence;
        delivery.subscription_id = stored.subscription_id;
        delivery.qos = stored.qos;
        delivery.retain = stored.retain;
        deliveries.push_back(std::move(delivery));
    }
    client.lane.queue.on_loaded(ticket, std::move(deliveries));
    pump(client, client.lane);
}

void Shard::restore(store::StoredSession stored) {
    store::SessionRecord& record = stored.record;
    if (record.key.mountpoint == store::kOutboxMountpoint) {
        return stored_outboxes_.push_back(std::move(stored));
    }
    const bool was_online = record.expires_at == 0;
    const bool lasts = record.expiry_interval_s == session::kSessionNeverExpires;
    if (record.expiry_interval_s == 0) {
        // It ended with its connection, which broke when the process did.
        (void)writes_.add(store::DeleteSession{stored.id}, true, 0, now());
        if (!record.will) return;
    }
    Client& client =
        make_client(record.key.mountpoint, record.key.client_id, *shared_.default_settings);
    metrics_.add(metrics::Counter::QueueInitializedFromStorage);
    use_settings(client, shared_.default_settings);
    client.session_expiry_s = record.expiry_interval_s;
    if (record.username) client.username = std::make_unique<const std::string>(*record.username);
    if (record.expiry_interval_s != 0) client.session_id = stored.id;
    for (const store::StoredSubscription& subscription : stored.subscriptions) {
        (void)subscribers_.subscribe(client, client.number, client.mountpoint, subscription.filter,
                                     subscription.options, subscription.subscription_id, true,
                                     false);
    }
    queue::Queue& queue = client.lane.queue;
    for (const mqtt::PacketId id : stored.received) queue.remember(id);
    std::uint64_t last = stored.queue.last;
    for (const std::uint64_t sequence : stored.released) {
        queue.window().restore_released(sequence);
        last = std::max(last, sequence);
    }
    client.next_sequence = std::max(last, record.sent_through) + 1;
    // What an online client was sent is not known: everything may have been.
    queue.restore(stored.queue, was_online ? stored.queue.last : record.sent_through, !was_online);
    if (!lasts) {
        client.expires_at =
            was_online ? now() + Seconds(client.session_expiry_s) : steady(record.expires_at);
    }
    if (record.will) restore_will(client, *record.will);
    restart_client_timer(client);
}

void Shard::restore_will(Client& client, const store::StoredWill& stored) {
    client.will = std::make_unique<session::StoredWill>();
    copy_will(stored, *client.will);
    const std::uint32_t delay =
        std::min(will_delay_s(stored.delay_s, *client.settings), client.session_expiry_s);
    client.will->restored = true;
    client.will_at = stored.due_at != 0 ? steady(stored.due_at) : now() + Seconds(delay);
}

}  // namespace vmq::broker
