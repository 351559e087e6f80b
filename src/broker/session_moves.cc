// Sessions that go to other nodes, and the nodes and the time that both ways depend on.
#include "broker/session_moves.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/registrations.h"
#include "broker/shard.h"
#include "broker/will_context.h"

namespace vmq::broker {

using cluster::MoveAck;
using cluster::MoveKind;
using cluster::MoveWriter;
using metrics::Counter;
using Stage = MoveOut::Stage;

namespace {

constexpr Millis kLookAtMoves{100};
/// For QoS 2 messages of the client to become safe: what a node that is away has to store goes to
/// disk here meanwhile.
constexpr Millis kUnsafeLimit{3000};
/// It is behind a limit that every link has, see incoming_clustering_buffer_size.
constexpr std::size_t kSubscriptionBytesAtOnce = kBytesMovedAtOnce;

}  // namespace

SessionMoves::SessionMoves(Shard& shard)
    : shard_(shard),
      timer_(this, [](void* self, TimePoint) { static_cast<SessionMoves*>(self)->look_at_time(); }),
      late_timer_(
          this, [](void* self, TimePoint) { static_cast<SessionMoves*>(self)->ask_for_late(); }) {}

void SessionMoves::watch(ClientNumber client) {
    watched_.insert(client);
    if (!timer_.running()) shard_.loop().timers().start(timer_, shard_.now() + kLookAtMoves);
}

bool SessionMoves::progresses(const Client& client) const noexcept {
    return coming(client) && shard_.now() < client.move->in->progress + 3 * kMoveResend;
}

bool SessionMoves::is_under_way(const Client& client, NodeNumber owner) const noexcept {
    const NodeNumber to = client.move->out->to;
    return to != owner && shard_.node_links() != nullptr &&
           shard_.node_links()->longest_frame(to) != 0;
}

bool SessionMoves::begin(Client& client, NodeNumber to, cluster::Epoch epoch, bool with_will) {
    if (shard_.find_node(to) == nullptr) return false;
    if (!client.move) client.move = std::make_unique<ClientMove>();
    auto out = std::make_unique<MoveOut>();
    out->move = shard_.random().next();
    out->to = to;
    out->epoch = epoch;
    out->with_will = with_will;
    client.move->out = std::move(out);
    client.timer.stop();
    log::info("session of client {} goes to node {}, {} messages", client.client_id,
              shard_.find_node(to)->name,
              client.lane.queue.backlog_size() + client.lane.queue.window().size());
    watch(client.number);
    advance(client);
    return true;
}

std::optional<bool> SessionMoves::redirect(Client& client, NodeNumber to,
                                           cluster::ReleaseOrder& order) {
    MoveOut& out = *client.move->out;
    if (order.epoch <= out.epoch) return false;
    const bool discard = order.purpose == cluster::Purpose::Discard;
    if (out.to == to && !discard) {
        out.epoch = order.epoch;
        return true;
    }
    // Whoever waits for it there would wait in vain, and the later one for that one's answer.
    if (!away_.contains(out.to)) {
        out.deferred.push_back(std::move(order));
        return std::nullopt;
    }
    if (discard) {
        auto deferred = std::move(out.deferred);
        client.move->out.reset();
        shard_.end_client(client);
        release_all(std::move(deferred));
        return false;
    }
    // The other node has answered for itself what it has of the session. The rest goes to the new
    // owner from here, unless it has all of it.
    if (out.frozen || shard_.find_node(to) == nullptr) return false;
    call_off(client, out);
    return begin(client, to, order.epoch, order.purpose == cluster::Purpose::Adopt);
}

void SessionMoves::call_off(const Client& client, MoveOut& out) {
    write_plain(client, out, MoveKind::Off);
    if (NodeLinks* links = shard_.node_links()) (void)links->send(out.to, out.frame);
}

void SessionMoves::stay(Client& client) {
    if (!client.move || !client.move->out) return;
    call_off(client, *client.move->out);
    auto deferred = std::move(client.move->out->deferred);
    for (const MoveOut::Kept& each : std::exchange(client.move->out->subscriptions_kept, {})) {
        mqtt::SubscribeEntry entry;
        entry.filter = each.filter;
        entry.options = each.options;
        (void)shard_.subscribe(client, entry, each.id);
    }
    client.move->out.reset();
    if (!client.online()) shard_.restart_client_timer(client);
    release_all(std::move(deferred));
}

// In a later turn: who calls this is not done with the client.
void SessionMoves::release_all(std::vector<cluster::ReleaseOrder> orders) {
    if (orders.empty()) return;
    boost::asio::post(shard_.loop().io(), [this, orders = std::move(orders)]() mutable {
        for (auto& order : orders) shard_.registrations().release(std::move(order));
    });
}

cluster::MoveHeader SessionMoves::header(const Client& client, MoveOut& out, MoveKind kind) {
    out.frame.clear();
    out.kind = kind;
    return {out.move, ++out.number, kind, shard_.id(), {client.mountpoint, client.client_id}};
}

void SessionMoves::advance(Client& client) {
    MoveOut& out = *client.move->out;
    if (!out.frame.empty() || out.loading) return;
    if (out.stage == Stage::Begin) {
        write_begin(client, out);
        return send(out);
    }
    if (out.stage == Stage::Will) {
        if (write_will(client, out)) return send(out);
        out.stage = Stage::Subscriptions;
    }
    if (out.stage == Stage::Subscriptions) {
        if (write_subscriptions(client, out)) return send(out);
        out.stage = Stage::Exchanges;
    }
    if (out.stage == Stage::Exchanges) {
        if (out.exchanges_until == kNever) out.exchanges_until = shard_.now() + kUnsafeLimit;
        // See look_at_time().
        if (shard_.now() < out.exchanges_until && !unsafe(client).empty()) return;
        if (write_exchanges(client, out)) return send(out);
        out.stage = Stage::Switch;
    }
    if (out.stage == Stage::Switch) {
        write_plain(client, out, MoveKind::Switch);
        return send(out);
    }
    if (out.stage == Stage::Messages) {
        if (write_messages(client, out) || !out.frozen) return;
        out.stage = Stage::End;
    }
    if (out.stage == Stage::End) {
        write_end(client, out);
        send(out);
    }
}

void SessionMoves::write_begin(Client& client, MoveOut& out) {
    MoveWriter writer(header(client, out, MoveKind::Begin), out.frame);
    cluster::MoveBegin begin;
    begin.epoch = out.epoch;
    begin.expiry_interval_s = client.session_expiry_s;
    begin.next_sequence = client.next_sequence;
    begin.sent_through = client.lane.queue.sent_through();
    begin.offset = out.offset;
    if (client.username) begin.username = *client.username;
    writer.begin(begin);
    writer.finish();
}

bool SessionMoves::write_will(Client& client, MoveOut& out) {
    if (!out.with_will || !client.will) return false;
    cluster::MovedWill moved;
    const Millis left = std::max(client.will_at - shard_.now(), Millis(0));
    moved.due_in_ms = static_cast<std::uint64_t>(left.count());
    moved.v5 = client.will->v5;
    moved.will = last_will_of(client, *client.will);
    MoveWriter writer(header(client, out, MoveKind::Will), out.frame);
    writer.will(moved);
    writer.finish();
    return true;
}

bool SessionMoves::write_subscriptions(Client& client, MoveOut& out) {
    const auto all = client.subscriptions();
    if (out.subscriptions >= all.size()) return false;
    MoveWriter writer(header(client, out, MoveKind::Subscriptions), out.frame);
    while (out.subscriptions < all.size() && writer.length() < kSubscriptionBytesAtOnce) {
        const routing::OwnSubscription& own = all[out.subscriptions++];
        const std::string filter = shard_.subscribers_.text(own);
        writer.subscription({filter, own.options, own.subscription_id});
    }
    writer.finish();
    return true;
}

std::vector<mqtt::PacketId> SessionMoves::unsafe(const Client& client) const {
    std::vector<mqtt::PacketId> ids;
    for (const auto& [connection, unsafe] : shard_.unsafe_) {
        if (unsafe.client != client.number) continue;
        for (const auto& message : unsafe.messages) ids.push_back(message.id);
    }
    return ids;
}

bool SessionMoves::write_exchanges(Client& client, MoveOut& out) {
    cluster::MovedExchanges exchanges;
    // One that is not safe yet is not acknowledged: it comes again, and may be there twice then.
    const std::vector<mqtt::PacketId> not_safe = unsafe(client);
    client.lane.queue.for_each_received([&](std::uint16_t id) {
        if (std::ranges::find(not_safe, mqtt::PacketId{id}) == not_safe.end()) {
            exchanges.received.push_back(id);
        }
    });
    client.lane.queue.window().for_each([&exchanges](const queue::InflightWindow::Entry& entry) {
        if (entry.stage != queue::InflightWindow::Stage::AwaitPubcomp) return;
        const std::uint64_t sequence = entry.delivery.store_sequence;
        exchanges.released.push_back(sequence != 0 ? sequence
                                                   : static_cast<std::uint16_t>(entry.id));
    });
    if (exchanges.received.empty() && exchanges.released.empty()) return false;
    MoveWriter writer(header(client, out, MoveKind::Exchanges), out.frame);
    writer.exchanges(exchanges);
    writer.finish();
    return true;
}

void SessionMoves::write_plain(const Client& client, MoveOut& out, MoveKind kind) {
    MoveWriter writer(header(client, out, kind), out.frame);
    writer.finish();
}

bool SessionMoves::write_messages(Client& client, MoveOut& out) {
    if (out.loading) return true;
    queue::Queue& queue = client.lane.queue;
    if (const auto range = queue.stored_range()) {
        out.loading = true;
        shard_.writes_.make_urgent();
        shard_.hand_over_writes();  // what is loaded is what was handed over
        store::LoadRequest request{client.session_id, range->from, range->to, kMovedAtOnce,
                                   kBytesMovedAtOnce};
        shard_.shared().store->load(
            shard_.id(), request,
            [this, number = client.number, move = out.move,
             to = range->to](std::vector<store::StoredMessage> messages) {
                Client* loaded = shard_.find_client(number);
                if (loaded == nullptr || !going(*loaded) || loaded->move->out->move != move) return;
                MoveOut& moving = *loaded->move->out;
                moving.loading = false;
                if (messages.empty()) {
                    loaded->lane.queue.drop_tail_through(to, ~0ULL);
                    return advance(*loaded);
                }
                write_loaded(*loaded, moving, std::move(messages));
            });
        return true;
    }
    std::vector<store::StoredMessage> messages;
    std::size_t bytes = 0;
    queue.visit_lowest(kMovedAtOnce, [&](const queue::Delivery& delivery, bool sent) {
        if (bytes >= kBytesMovedAtOnce) return;
        bytes += delivery.message->footprint();
        store::StoredMessage each;
        each.sequence = delivery.store_sequence;
        each.message = delivery.message;
        each.subscription_id = delivery.subscription_id;
        each.qos = delivery.qos;
        each.retain = delivery.retain;
        if (delivery.shared_group != 0) {
            const auto* own = client.find(routing::SubscriptionKey{delivery.shared_group});
            if (own != nullptr) each.shared_filter = shard_.subscribers_.shared_text(*own);
        }
        if (sent) queue.set_sent_through(std::max(queue.sent_through(), each.sequence));
        messages.push_back(std::move(each));
    });
    if (messages.empty()) return false;
    write_loaded(client, out, std::move(messages));
    return true;
}

void SessionMoves::write_loaded(Client& client, MoveOut& out,
                                std::vector<store::StoredMessage> messages) {
    const std::uint32_t longest =
        shard_.node_links() != nullptr ? shard_.node_links()->longest_frame(out.to) : 0;
    if (longest == 0) return;  // no link: later, see look_at_time()
    const TimePoint now = shard_.now();
    MoveWriter writer(header(client, out, MoveKind::Messages), out.frame);
    out.messages.clear();
    bool some = false;
    for (const store::StoredMessage& stored : messages) {
        const mqtt::Message& message = *stored.message;
        const bool fits = writer.length() + message.footprint() + 256 <= longest;
        if (!fits && some) break;
        out.through = stored.sequence;
        out.messages.emplace_back(stored.sequence, message.store_id());
        if (!fits) {
            shard_.metrics_.add(Counter::ClusterBytesDropped, message.footprint());
            shard_.drops_.add(Undelivered::TooLarge, message.mountpoint(), client.client_id,
                              message.topic());
            continue;
        }
        if (message.expired(now)) {
            shard_.metrics_.add(Counter::QueueMessageExpired);
            continue;
        }
        cluster::MovedMessage moved;
        moved.sequence = stored.sequence;
        moved.parts.topic = message.topic();
        moved.parts.payload = message.payload();
        moved.parts.properties = message.properties();
        moved.parts.qos = message.qos();
        moved.parts.retain = message.retain();
        moved.parts.publisher = message.publisher();
        moved.parts.expires_at = message.expires_at();
        moved.parts.origin = message.origin();
        if (const auto at = out.origins.find(stored.sequence); at != out.origins.end()) {
            moved.parts.origin = at->second.origin;
            moved.parts.publisher = at->second.publisher;
        }
        moved.shared_filter = stored.shared_filter;
        moved.subscription_id = stored.subscription_id;
        moved.qos = stored.qos;
        moved.retain = stored.retain;
        moved.sent_before = stored.sequence <= client.lane.queue.sent_through();
        writer.message(moved, now);
        some = true;
    }
    writer.finish();
    send(out);
}

void SessionMoves::send(MoveOut& out) {
    NodeLinks* links = shard_.node_links();
    out.written = links != nullptr && links->send(out.to, out.frame);
    out.resend_at = shard_.now() + kMoveResend;
}

void SessionMoves::on_ack(NodeNumber from, const MoveAck& ack) {
    Client* client = shard_.find_client(ack.key.mountpoint, ack.key.client_id);
    if (client == nullptr || !going(*client)) return;
    MoveOut& out = *client->move->out;
    if (out.move != ack.move || out.to != from || out.number != ack.number || out.frame.empty()) {
        return;
    }
    if (ack.code == MoveAck::Code::Unknown) {
        // All of it was stored there before that was forgotten.
        if (out.stage == Stage::End) return finish(*client);
        log::notice("session of client {}: node {} has started anew; what it lacks is sent again",
                    client->client_id, shard_.find_node(from)->name);
        out.frame.clear();
        out.number = 0;
        out.subscriptions = 0;
        out.stage = Stage::Begin;
        return advance(*client);
    }
    out.frame.clear();
    switch (out.kind) {
        case MoveKind::Begin:
            out.offset = ack.offset;
            out.stage = Stage::Will;
            break;
        case MoveKind::Will:
            // The new owner publishes it.
            client->will.reset();
            client->will_at = kNever;
            if (client->stored()) shard_.store_session(*client);
            out.stage = Stage::Subscriptions;
            break;
        case MoveKind::Subscriptions:
            break;
        case MoveKind::Exchanges:
            out.stage = Stage::Switch;
            break;
        case MoveKind::Switch:
            out.stage = Stage::Messages;
            begin_fence(*client, out);
            break;
        case MoveKind::Messages:
            forget_sent(*client, out);
            break;
        case MoveKind::End:
            return finish(*client);
        case MoveKind::Off:  // is not acknowledged
            break;
    }
    advance(*client);
}

void SessionMoves::forget_sent(Client& client, MoveOut& out) {
    queue::Queue& queue = client.lane.queue;
    for (const auto& [sequence, store_id] : out.messages) {
        out.origins.erase(sequence);
        if (!client.stored() || !shard_.durable()) continue;
        (void)shard_.writes_.add(store::DeleteMessage{client.session_id, sequence, store_id}, true,
                                 0, shard_.now());
    }
    out.count += out.messages.size();
    shard_.metrics_.add(Counter::ClusterMessagesMovedOut, out.messages.size());
    if (queue.stored_range()) {
        queue.drop_tail_through(out.through, out.messages.size());
    } else {
        queue.drop_from_memory(out.through);
    }
    out.messages.clear();
}

void SessionMoves::finish(Client& client) {
    const NodeOutbox* node = shard_.find_node(client.move->out->to);
    log::info("session of client {} is at node {} now, with {} messages", client.client_id,
              node != nullptr ? node->name : "?", client.move->out->count);
    shard_.metrics_.add(Counter::ClusterSessionsMovedOut);
    auto deferred = std::move(client.move->out->deferred);
    if (client.move->in) {
        for (auto& order : client.move->in->deferred) deferred.push_back(std::move(order));
    }
    client.move->out.reset();
    shard_.end_client(client);
    for (const auto& order : deferred) shard_.registrations().ask_again(order);
}

std::uint64_t SessionMoves::fence_for(const Client& client) {
    const std::uint64_t ticket = ++last_fence_;
    fences_.emplace(ticket, client.number);
    shard_.shared().cluster.load()->fence(shard_.id(), ticket);
    return ticket;
}

void SessionMoves::begin_fence(Client& client, MoveOut& out) {
    out.fence_waits = shard_.shared().shards;
    out.fence_until = shard_.now() + kFenceLimit;
    out.fence = fence_for(client);
}

void SessionMoves::fence_passed(std::uint64_t ticket) {
    if (late_fence_passed(ticket)) return;
    const auto at = fences_.find(ticket);
    if (at == fences_.end()) return;
    Client* client = shard_.find_client(at->second);
    if (client != nullptr && client->move && client->move->in &&
        client->move->in->fence == ticket) {
        if (--client->move->in->fence_waits == 0) switch_over(*client, *client->move->in);
        return;
    }
    if (client == nullptr || !going(*client) || client->move->out->fence != ticket) {
        fences_.erase(at);
        return;
    }
    MoveOut& out = *client->move->out;
    if (--out.fence_waits > 0) return;
    if (!out.absent.empty()) expect_late(*client, out.absent);
    if (out.absent.empty() || std::exchange(out.late_known, true)) return freeze(*client, out);
    // What is on its way between shards and was routed before they could know.
    fences_.erase(at);
    begin_fence(*client, out);
}

void SessionMoves::fence_progresses(std::uint64_t ticket) {
    const auto at = fences_.find(ticket);
    if (at == fences_.end()) return;
    Client* client = shard_.find_client(at->second);
    // Who takes a session over does not wait for all that it missed while it was away.
    if (client == nullptr || !going(*client) || client->move->out->fence != ticket) return;
    client->move->out->fence_until = shard_.now() + kFenceLimit;
}

void SessionMoves::freeze(Client& client, MoveOut& out) {
    fences_.erase(out.fence);
    out.frozen = true;
    for (const routing::OwnSubscription& own : client.subscriptions()) {
        out.subscriptions_kept.push_back(
            {shard_.subscribers_.text(own), own.options, own.subscription_id});
    }
    shard_.subscribers_.unsubscribe_all(client, client.number);
    advance(client);
}

void SessionMoves::note_stored(Client& client, const queue::Delivery& delivery) {
    if (!client.move->out || delivery.message->origin() == 0) return;
    auto& origins = client.move->out->origins;
    if (origins.size() < kMostOrigins) {
        origins.emplace(delivery.store_sequence,
                        MoveOut::Origin{delivery.message->origin(), delivery.message->publisher()});
    }
}

// --- Nodes and time ---

void SessionMoves::node_away(NodeNumber node) {
    away_.insert(node);
    for (const ClientNumber number : std::vector(watched_.begin(), watched_.end())) {
        Client* client = shard_.find_client(number);
        if (client != nullptr && going(*client) && client->move->out->to == node) {
            release_all(std::exchange(client->move->out->deferred, {}));
        }
        if (client == nullptr || !coming(*client) || client->move->in->from != node) continue;
        interrupt(*client);
    }
}

void SessionMoves::interrupt(Client& client) {
    client.move->in->interrupted = true;
    client.move->in->whole_there = false;
    if (!client.online() && !going(client)) shard_.restart_client_timer(client);
    release_all(std::exchange(client.move->in->deferred, {}));
}

void SessionMoves::link_up(NodeNumber node) {
    for (const ClientNumber number : watched_) {
        Client* client = shard_.find_client(number);
        if (client == nullptr || !going(*client) || client->move->out->to != node) continue;
        if (!client->move->out->frame.empty()) send(*client->move->out);
    }
}

void SessionMoves::look_at_time() {
    const TimePoint now = shard_.now();
    for (const ClientNumber number : std::exchange(watched_, {})) {
        Client* client = shard_.find_client(number);
        if (client == nullptr || !client->move) continue;
        if (going(*client)) {
            MoveOut& out = *client->move->out;
            if (shard_.find_node(out.to) == nullptr) {
                away_.erase(out.to);
                log::warning(
                    "session of client {} stays: the node it was to go to is no member "
                    "any more",
                    client->client_id);
                stay(*client);
            } else if (out.stage == Stage::Messages && !out.frozen && now >= out.fence_until) {
                log::warning(
                    "session of client {}: other nodes do not say what they have sent for "
                    "it; it goes without waiting for that",
                    client->client_id);
                std::vector<NodeNumber> all;
                for (const auto& node : shard_.nodes_) all.push_back(node->number);
                if (all != out.absent) {
                    out.absent = std::move(all);
                    expect_late(*client, out.absent);
                }
                freeze(*client, out);
            } else if (out.frame.empty()) {
                advance(*client);
            } else if (now >= out.resend_at || !out.written) {
                send(out);
            }
        }
        client = shard_.find_client(number);
        if (client == nullptr || !client->move) continue;
        MoveIn* in = client->move->in.get();
        if (in != nullptr && in->fence != 0 && now >= in->fence_until) {
            in->unfenced = true;
            switch_over(*client, *in);
            client = shard_.find_client(number);
            if (client == nullptr || !client->move) continue;
            in = client->move->in.get();
        }
        if (coming(*client) && now >= in->progress + kMoveSilence) {
            // The client may be back where it comes from.
            interrupt(*client);
            shard_.registrations().left_behind(*client);
        }
        if (in != nullptr && in->ended && now >= in->progress + kOriginsKept) {
            if (in->late && !client->move->out) {
                if (!in->kept) keep(*client, *in);
                continue;
            }
            if (!in->late) client->move->in.reset();
        }
        if (!client->move->in && !client->move->out) {
            client->move.reset();
            continue;
        }
        watched_.insert(number);
    }
    if (!watched_.empty()) shard_.loop().timers().start(timer_, now + kLookAtMoves);
}

}  // namespace vmq::broker
