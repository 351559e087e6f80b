// Sessions that have moved while nodes were away, which may have kept messages for the old owner.
#include <algorithm>
#include <ranges>
#include <span>
#include <utility>

#include "base/log.h"
#include "broker/late_records.h"
#include "broker/limits.h"
#include "broker/session_moves.h"
#include "broker/shard.h"
#include "cluster/frame_codec.h"
#include "mqtt/topic.h"

namespace vmq::broker {

using cluster::MoveKind;
using cluster::MoveWriter;
using metrics::Counter;

namespace {

/// For nodes that are there to say what they have sent, and for that to arrive.
constexpr Millis kLateFenceLimit{20'000};

}  // namespace

void SessionMoves::expect_late(const Client& client, const std::vector<NodeNumber>& from) {
    std::vector<std::string> filters;
    for (const routing::OwnSubscription& own : client.subscriptions()) {
        if (own.shared || own.options.qos == mqtt::QoS::AtMostOnce) continue;
        filters.push_back(shard_.subscribers_.text(own));
    }
    const bool nameable = cluster::kSessionPrefix.size() + client.client_id.size() <= kMaxNameSize;
    LateMessages::Change change{1, {}, {}};
    const std::uint64_t record = shard_.random().next();
    if (nameable) {
        change = shard_.shared().late_messages.add(
            {client.mountpoint, client.client_id, std::move(filters), from}, record);
    }
    if (change.put && shard_.durable()) store_late(*change.put, record);
    forget_stored_late(change.gone);
    if (change.forgotten > 0) {
        shard_.metrics_.add(Counter::ClusterLateForgotten, change.forgotten);
        if (shard_.may_report(late_reported_at_)) {
            log::warning(
                "too many sessions have gone to other nodes while members of the cluster are away: "
                "what these have kept for the first of them is lost. See vmq-admin cluster show");
        }
    }
    look_for_late();
}

void SessionMoves::look_for_late() {
    if (late_timer_.running()) return;
    shard_.loop().timers().start(late_timer_, shard_.now() + kLateLook);
}

// Before what says that the session is gone from here.
void SessionMoves::store_late(const LateMessages::Session& session, std::uint64_t record) {
    LateRecord late{record, session.mountpoint, session.client_id, session.filters, {}};
    for (const NodeNumber from : session.from) {
        if (const NodeOutbox* node = shard_.find_node(from)) late.from.push_back(node->stored_as);
    }
    (void)shard_.write(put_of(late));
}

void SessionMoves::forget_stored_late(const std::vector<std::uint64_t>& records) {
    if (!shard_.durable()) return;
    for (const std::uint64_t record : records) (void)shard_.write(delete_of_late_record(record));
}

void SessionMoves::ask_for_late() {
    const LateMessages& late = shard_.shared().late_messages;
    ClusterPort* cluster = shard_.shared().cluster.load();
    if (!late.any() || cluster == nullptr) return;
    if (late_fence_.ticket == 0 || shard_.now() >= late_fence_.until) {
        late_fence_ = {++last_fence_,
                       shard_.shared().shards,
                       late.moment(),
                       {},
                       shard_.now() + kLateFenceLimit};
        cluster->fence(shard_.id(), late_fence_.ticket);
    }
    shard_.loop().timers().start(late_timer_, shard_.now() + kLateLook);
}

void SessionMoves::fence_absent(std::uint64_t ticket, const std::vector<NodeNumber>& absent) {
    if (ticket == late_fence_.ticket) {
        late_fence_.absent = absent;
        return;
    }
    const auto at = fences_.find(ticket);
    Client* client = at != fences_.end() ? shard_.find_client(at->second) : nullptr;
    if (client == nullptr || !going(*client) || client->move->out->fence != ticket) return;
    auto& known = client->move->out->absent;
    known.insert(known.end(), absent.begin(), absent.end());
}

bool SessionMoves::late_fence_passed(std::uint64_t ticket) {
    if (ticket == 0 || ticket != late_fence_.ticket) return false;
    if (--late_fence_.waits > 0) return true;
    forget_stored_late(
        shard_.shared().late_messages.arrived(late_fence_.began, late_fence_.absent));
    late_fence_ = {};
    return true;
}

void SessionMoves::write_end(Client& client, MoveOut& out) {
    MoveWriter writer(header(client, out, MoveKind::End), out.frame);
    const MoveIn* in = client.move->in.get();
    if (!out.absent.empty() || (in != nullptr && in->late)) {
        writer.late();
        write_earlier(in, writer);
    }
    writer.finish();
}

// If there are too many, those of the latest owners count most.
void SessionMoves::write_earlier(const MoveIn* in, MoveWriter& writer) {
    std::size_t left = kMostLateStreams;
    const auto take = [&left](const Streams& streams) {
        const std::size_t taken = std::min(left, streams.size());
        left -= taken;
        return taken;
    };
    const auto write = [&writer](std::string_view node, const Streams& streams, std::size_t count) {
        writer.owner({node, count});
        for (auto each = streams.begin(); count > 0; ++each, --count) {
            writer.stream({each->first, each->second});
        }
    };
    static const Streams kNone;
    const Streams& own = in != nullptr ? in->direct : kNone;
    const std::size_t own_count = take(own);
    if (in != nullptr) {
        const std::size_t owners = std::min(in->earlier.size(), kMostLateOwners);
        const std::span latest(in->earlier.end() - static_cast<std::ptrdiff_t>(owners), owners);
        std::vector<std::size_t> counts(owners);
        for (std::size_t i = owners; i-- > 0;) counts[i] = take(latest[i].direct);
        for (std::size_t i = 0; i < owners; ++i) write(latest[i].node, latest[i].direct, counts[i]);
    }
    write({}, own, own_count);
}

// --- At the new owner ---

bool read_owners(cluster::MoveReader& reader, std::string_view sender,
                 std::vector<EarlierOwner>& owners) {
    owners.clear();
    while (!reader.done()) {
        cluster::MovedOwner owner;
        if (!reader.owner(owner)) return false;
        EarlierOwner& earlier = owners.emplace_back();
        earlier.node = owner.node.empty() ? sender : owner.node;
        for (std::uint64_t i = 0; i < owner.streams; ++i) {
            cluster::MovedStream stream;
            if (!reader.stream(stream)) return false;
            earlier.direct.emplace(stream.stream, stream.first);
        }
    }
    return true;
}

std::string_view SessionMoves::name_of(NodeNumber node) const {
    const NodeOutbox* outbox = shard_.find_node(node);
    return outbox != nullptr ? std::string_view(outbox->name) : std::string_view();
}

void SessionMoves::keep(const Client& client, MoveIn& in) {
    in.kept = true;
    std::size_t known = in.direct.size() + in.origins.size() + 1;
    for (const EarlierOwner& each : in.earlier) known += each.direct.size() + 1;
    count_kept(client.number, known);
}

void SessionMoves::count_kept(ClientNumber client, std::size_t more) {
    kept_[client] += more;
    kept_origins_ += more;
    while (kept_origins_ > kMostLateOrigins) {
        // They may come twice then.
        const ClientNumber oldest = kept_.begin()->first;
        Client* found = shard_.find_client(oldest);
        if (found != nullptr && found->move && found->move->in && found->move->in->kept) {
            found->move->in.reset();
        }
        forget_kept(oldest);
    }
}

void SessionMoves::forget_kept(ClientNumber client) {
    const auto at = kept_.find(client);
    if (at == kept_.end()) return;
    kept_origins_ -= at->second;
    kept_.erase(at);
}

bool SessionMoves::is_first_kept(Client& client, const mqtt::Message& message) {
    MoveIn& in = *client.move->in;
    if (shard_.now() >= in.progress + kLateOriginsKept) {
        client.move->in.reset();
        forget_kept(client.number);
        return true;
    }
    const bool added =
        in.direct
            .try_emplace(stream_of(message.topic(), message.publisher(), message.origin()),
                         message.origin())
            .second;
    if (added) count_kept(client.number, 1);
    return true;
}

bool SessionMoves::is_first_late(Client& client, const DeliverSession& deliver) {
    const mqtt::Message& message = *deliver.message;
    if (!client.move || !client.move->in || message.origin() == 0) return true;
    MoveIn& in = *client.move->in;
    const auto stream = stream_of(message.topic(), message.publisher(), message.origin());
    const auto has_come = [&](const Streams& direct) {
        const auto first = direct.find(stream);
        return first != direct.end() && message.origin() >= first->second;
    };
    // To this node, or to an owner between the one that sends it and this one.
    if (has_come(in.direct)) return false;
    // What the sender has got in the same way may have come to it directly, too.
    const std::string_view sender = name_of(NodeNumber{deliver.from});
    for (const EarlierOwner& each : std::views::reverse(in.earlier)) {
        const bool sends = each.node == sender;
        if (sends && !deliver.passed_on) break;
        if (has_come(each.direct)) return false;
        if (sends) break;
    }
    if (!remember_origin(in, message.origin(), message.publisher())) return false;
    if (in.kept) count_kept(client.number, 1);
    return true;
}

}  // namespace vmq::broker
