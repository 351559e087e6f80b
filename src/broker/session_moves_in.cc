// Sessions that come from other nodes.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/registrations.h"
#include "broker/session_moves.h"
#include "broker/shard.h"
#include "broker/will_context.h"

namespace vmq::broker {

using cluster::MoveAck;
using cluster::MoveKind;
using cluster::MoveReader;
using metrics::Counter;

namespace {

/// Packet ids follow from sequences modulo this, see InflightWindow::id_of().
constexpr std::uint64_t kPacketIds = 65'535;

std::uint64_t offset_above(std::uint64_t sequence) noexcept {
    return (sequence + kPacketIds - 1) / kPacketIds * kPacketIds;
}

}  // namespace

void SessionMoves::on_frame(NodeNumber from, bool answer, std::string_view body) {
    cluster::MoveHeader header;
    MoveAck ack;
    ShardId home = 0;
    if (answer) {
        if (!cluster::decode(body, ack)) return;
        home = static_cast<ShardId>(ack.shard);
    } else {
        if (!MoveReader(body).header(header)) return;
        home = shard_.home_of(header.key.mountpoint, header.key.client_id);
    }
    if (home >= shard_.shared().shards) return;
    if (home == shard_.id()) return on_mail(from, answer, body);
    shard_.send(home, MoveMail{static_cast<std::uint32_t>(from), answer,
                               std::make_unique<std::string>(body)});
}

void SessionMoves::on_mail(NodeNumber from, bool answer, std::string_view body) {
    if (!answer) return on_move(from, body);
    MoveAck ack;
    if (cluster::decode(body, ack)) on_ack(from, ack);
}

void SessionMoves::on_move(NodeNumber from, std::string_view body) {
    MoveReader reader(body);
    cluster::MoveHeader header;
    if (!reader.header(header)) return;
    Client* client = shard_.find_client(header.key.mountpoint, header.key.client_id);
    MoveIn* in = client != nullptr && client->move ? client->move->in.get() : nullptr;
    if (client != nullptr && ends_without(*client, from, header.kind)) {
        // Sent again, and known no more when this has ended; unless nobody is there to end it.
        if (!away_.contains(client->move->out->to)) return;
        stay(*client);
    }
    if (in == nullptr || in->move != header.move) {
        // One after the other; it is sent again.
        if (in != nullptr && in->from != from && progresses(*client)) return;
        cluster::MoveBegin begin;
        if (header.kind == MoveKind::Off) return;
        if (header.kind != MoveKind::Begin) {
            std::string frame;
            append(MoveAck{header.move, header.number, MoveAck::Code::Unknown, header.shard, 0,
                           header.key},
                   frame);
            if (shard_.node_links() != nullptr) (void)shard_.node_links()->send(from, frame);
            return;
        }
        if (!reader.begin(begin)) return;
        // One after the other: what a second node has is asked for again when the first one's is
        // here.
        if (in != nullptr && coming(*client) && in->from != from && progresses(*client)) return;
        client = take_begin(from, header, begin);
        in = client->move->in.get();
    } else {
        in->interrupted = false;
        in->progress = shard_.now();
        if (header.kind == MoveKind::Off) return called_off(*client);
        if (header.number <= in->done) return acknowledge(*client, *in);
        if (header.number == in->under_way) return;  // is being stored
        if (header.number != in->done + 1) return;
        if (!take(*client, *in, header.kind, reader)) return;
    }
    in->under_way = header.number;
    in->from_shard = header.shard;
    if (header.kind == MoveKind::Switch && shard_.in_company()) {
        const std::uint64_t ticket = ++shard_.last_filter_wait_;
        filter_waits_.emplace(ticket, client->number);
        in->filters = ticket;
        return shard_.shared().cluster.load()->await_filters(shard_.id(), ticket);
    }
    shard_.writes_.confirm_when_safe(
        {ConnectionNumber{kMoveBit | static_cast<std::uint64_t>(client->number)},
         static_cast<session::AckTicket>(header.number), shard_.id()});
    shard_.loop().run_again();
}

bool SessionMoves::ends_without(const Client& client, NodeNumber from,
                                MoveKind kind) const noexcept {
    if (!going(client) || kind == MoveKind::Off) return false;
    const MoveOut& out = *client.move->out;
    return out.stage == MoveOut::Stage::End && out.to != from;
}

Client* SessionMoves::take_begin(NodeNumber from, const cluster::MoveHeader& header,
                                 const cluster::MoveBegin& begin) {
    Client* client = shard_.find_client(header.key.mountpoint, header.key.client_id);
    if (client != nullptr && going(*client)) {
        // Only who has it can send it: what went there has arrived.
        const MoveOut& out = *client->move->out;
        if (out.to == from && out.stage == MoveOut::Stage::End) {
            finish(*client);
            client = nullptr;
        } else {
            stay(*client);
        }
    }
    const bool made = client == nullptr;
    if (made) {
        client = &shard_.make_client(header.key.mountpoint, header.key.client_id,
                                     *shard_.shared().default_settings);
        shard_.use_settings(*client, shard_.shared().default_settings);
        client->session_expiry_s = std::max(begin.expiry_interval_s, 1U);
    } else if (!client->online()) {
        client->session_expiry_s = std::max(client->session_expiry_s, begin.expiry_interval_s);
    }
    if (begin.username && !client->username && client->persistent()) {
        client->username = std::make_unique<const std::string>(*begin.username);
    }
    if (!client->move) client->move = std::make_unique<ClientMove>();
    auto earlier = std::exchange(client->move->in, std::make_unique<MoveIn>());
    forget_kept(client->number);
    MoveIn& in = *client->move->in;
    if (earlier) {
        fences_.erase(earlier->fence);
        in.deferred = std::move(earlier->deferred);
    }
    in.move = header.move;
    in.from = from;
    in.epoch = begin.epoch;
    in.progress = shard_.now();
    in.whole_there = made;
    in.offset = begin.offset.value_or(offset_above(client->next_sequence - 1));
    if (!client->online()) {
        in.has_place = true;
        client->timer.stop();
        if (made && client->session_expiry_s != session::kSessionNeverExpires) {
            client->expires_at = shard_.now() + Seconds(client->session_expiry_s);
        }
        client->next_sequence =
            std::max(client->next_sequence, in.offset + begin.next_sequence + kMoveGap);
        if (made) client->lane.queue.set_sent_through(in.offset + begin.sent_through);
    }
    client->epoch = std::max(client->epoch, begin.epoch);
    if (const ClusterPort* cluster = shard_.shared().cluster.load()) client->view = cluster->view();
    if (client->persistent()) shard_.store_session(*client);
    watch(client->number);
    return client;
}

bool SessionMoves::take(Client& client, MoveIn& in, MoveKind kind, MoveReader& reader) {
    switch (kind) {
        case MoveKind::Begin:
            return true;
        case MoveKind::Will: {
            cluster::MovedWill moved;
            if (!reader.will(moved)) return false;
            take_will(client, moved);
            return true;
        }
        case MoveKind::Subscriptions:
            while (!reader.done()) {
                cluster::MovedSubscription moved;
                if (!reader.subscription(moved)) return false;
                const bool known =
                    shard_.subscribers_.find(client, client.mountpoint, moved.filter) != nullptr;
                mqtt::SubscribeEntry entry;
                entry.filter = moved.filter;
                entry.options = moved.options;
                if (!known && !shard_.subscribe(client, entry, moved.subscription_id)) return false;
            }
            return true;
        case MoveKind::Exchanges: {
            cluster::MovedExchanges exchanges;
            if (!reader.exchanges(exchanges)) return false;
            const bool keeps = client.stored() && shard_.durable();
            queue::Queue& queue = client.lane.queue;
            for (const std::uint16_t number : exchanges.received) {
                const mqtt::PacketId id{number};
                if (queue.remembers(id)) continue;
                queue.remember(id);
                if (keeps) (void)shard_.write(store::PutReceived{client.session_id, id});
            }
            if (client.online()) return true;
            for (const std::uint64_t released : exchanges.released) {
                const std::uint64_t sequence = in.offset + released;
                bool known = false;
                queue.window().for_each([&](const auto& entry) {
                    known = known || entry.id == queue::InflightWindow::id_of(sequence);
                });
                if (known) continue;
                queue.take_over_released(sequence);
                if (keeps) (void)shard_.write(store::PutReleased{client.session_id, sequence});
            }
            return true;
        }
        case MoveKind::Switch:
            return true;
        case MoveKind::Messages: {
            while (!reader.done()) {
                cluster::MovedMessage moved;
                if (!reader.message(moved, shard_.now())) return false;
                take_message(client, in, moved);
            }
            return true;
        }
        case MoveKind::End: {
            if (!reader.late(in.late) || !read_owners(reader, name_of(in.from), in.earlier))
                return false;
            in.last = true;
            return true;
        }
        case MoveKind::Off:
            break;  // see on_move()
    }
    return false;
}

void SessionMoves::take_will(Client& client, const cluster::MovedWill& moved) {
    if (client.online()) return;  // its client is back [v5 MQTT-3.1.3-9]
    client.will = will_from(moved.will, moved.v5);
    client.will_at = shard_.now() + Millis(moved.due_in_ms);
    shard_.tell_will(client, *client.will);
    if (client.persistent()) shard_.store_session(client);
}

void SessionMoves::take_message(Client& client, MoveIn& in, const cluster::MovedMessage& moved) {
    const std::uint64_t origin = moved.parts.origin;
    if (origin != 0) {
        const auto direct =
            in.direct.find(stream_of(moved.parts.topic, moved.parts.publisher, origin));
        if (direct != in.direct.end() && origin >= direct->second) return;
        if (!remember_origin(in, origin, moved.parts.publisher)) return;
    }
    ++in.count;
    shard_.metrics_.add(Counter::ClusterMessagesMovedIn);
    mqtt::MessageParts parts = moved.parts;
    parts.mountpoint = client.mountpoint;
    queue::Delivery delivery;
    delivery.message = mqtt::Message::make(parts);
    delivery.subscription_id = moved.subscription_id;
    delivery.qos = moved.qos;
    delivery.retain = moved.retain;
    if (!moved.shared_filter.empty()) {
        const auto* own = shard_.subscribers_.find(client, client.mountpoint, moved.shared_filter);
        if (own != nullptr) delivery.shared_group = static_cast<std::uint64_t>(own->key());
    }
    if (client.online()) {
        // Its own have their sequences already: these come behind them.
        (void)shard_.hand_over(client, client.lane, std::move(delivery), nullptr);
        return;
    }
    if (!in.has_place || going(client)) {
        // Its client was here when this began, or it has moved on before this node could have it
        // all. What goes is deleted up to a sequence: new ones have to be behind all others.
        delivery.store_sequence = client.next_sequence++;
    } else {
        delivery.sent_before = moved.sent_before;
        delivery.store_sequence = in.offset + moved.sequence;
    }
    shard_.store_message(client, delivery, false);
    client.lane.queue.take_over(std::move(delivery));
}

void SessionMoves::stored(ClientNumber number, std::uint32_t ticket, bool safe) {
    Client* client = shard_.find_client(number);
    if (client == nullptr || !client->move || !client->move->in) return;
    MoveIn& in = *client->move->in;
    if (in.under_way == 0 || static_cast<std::uint32_t>(in.under_way) != ticket) return;
    const std::uint64_t done = std::exchange(in.under_way, 0);
    if (!safe) return;  // it comes again
    in.done = done;
    acknowledge(*client, in);
    // What it means that the last one is here was left until now.
    if (in.ended) return;
    if (in.last) arrived(*client, in);
}

bool SessionMoves::filters_known(std::uint64_t ticket) {
    const auto at = filter_waits_.find(ticket);
    if (at == filter_waits_.end()) return false;
    const ClientNumber number = at->second;
    filter_waits_.erase(at);
    Client* client = shard_.find_client(number);
    if (client == nullptr || !client->move || !client->move->in) return true;
    MoveIn& in = *client->move->in;
    if (in.filters != ticket) return true;  // it has begun anew
    in.filters = 0;
    in.fence_waits = shard_.shared().shards;
    in.fence_until = shard_.now() + kSwitchLimit;
    in.fence = fence_for(*client);
    return true;
}

void SessionMoves::switch_over(Client& client, MoveIn& in) {
    fences_.erase(std::exchange(in.fence, 0));
    in.switched = true;
    stored(client.number, static_cast<std::uint32_t>(in.under_way), true);
}

void SessionMoves::acknowledge(const Client& client, const MoveIn& in) {
    std::string frame;
    append(MoveAck{in.move,
                   in.done,
                   MoveAck::Code::Done,
                   in.from_shard,
                   in.offset,
                   {client.mountpoint, client.client_id}},
           frame);
    if (NodeLinks* links = shard_.node_links()) (void)links->send(in.from, frame);
}

void SessionMoves::arrived(Client& client, MoveIn& in) {
    in.ended = true;
    in.progress = shard_.now();
    const NodeOutbox* node = shard_.find_node(in.from);
    log::info("session of client {} has come from node {}, with {} messages", client.client_id,
              node != nullptr ? node->name : "?", in.count);
    shard_.metrics_.add(Counter::ClusterSessionsMovedIn);
    if (!client.online()) {
        if (client.session_expiry_s != session::kSessionNeverExpires) {
            client.expires_at = shard_.now() + Seconds(client.session_expiry_s);
        }
        shard_.store_session(client);
        shard_.restart_client_timer(client);
    }
    const NodeNumber from = in.from;
    const ClientNumber number = client.number;
    shard_.registrations().arrived(client, from);
    // Its clients may have connected and gone.
    Client* still = shard_.find_client(number);
    if (still != nullptr && still->move && still->move->in) answer_deferred(*still->move->in);
}

void SessionMoves::called_off(Client& client) {
    if (!coming(client)) return;
    const NodeNumber from = client.move->in->from;
    interrupt(client);
    shard_.registrations().arrived(client, from);
}

void SessionMoves::defer(Client& client, cluster::ReleaseOrder order) {
    client.move->in->deferred.push_back(std::move(order));
}

void SessionMoves::answer_deferred(MoveIn& in) {
    for (auto& order : std::exchange(in.deferred, {})) {
        shard_.registrations().release(std::move(order));
    }
}

bool SessionMoves::remember_origin(MoveIn& in, std::uint64_t origin, std::uint64_t publisher) {
    if (in.origins.size() >= kMostOrigins) return !in.origins.contains(origin ^ publisher);
    return in.origins.insert(origin ^ publisher).second;
}

bool SessionMoves::is_first(Client& client, const mqtt::Message& message) {
    if (!client.move->in || message.origin() == 0) return true;
    MoveIn& in = *client.move->in;
    if (in.kept) return is_first_kept(client, message);
    // Its place is where the old owner has it, behind what only that one has; or its client has had
    // it there.
    if (!in.switched && in.whole_there && coming(client) && !client.online()) return false;
    // Before, what comes may come for another subscriber, who goes.
    if (in.switched && !in.unfenced && in.direct.size() < kMostOrigins) {
        in.direct.try_emplace(stream_of(message.topic(), message.publisher(), message.origin()),
                              message.origin());
    }
    return remember_origin(in, message.origin(), message.publisher());
}

}  // namespace vmq::broker
