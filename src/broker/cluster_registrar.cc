#include "broker/cluster_registrar.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "broker/broker.h"
#include "broker/peer_numbers.h"
#include "broker/registrations.h"
#include "broker/session_moves.h"
#include "broker/shard.h"
#include "cluster/number_frame.h"

namespace vmq::broker {

using cluster::Epoch;
using cluster::Frame;
using cluster::FrameType;
using cluster::PeerNumber;

namespace {

/// Clocks differ, silence is noticed late, and what was moving then is looked at again.
constexpr Millis kClaimMargin{60'000};

}  // namespace

ClusterRegistrar::ClusterRegistrar(Broker& broker, runtime::ShardLoop& loop, std::string self,
                                   Output output)
    : broker_(broker),
      loop_(loop),
      self_(std::move(self)),
      output_(std::move(output)),
      registrar_(self_, *this) {}

void ClusterRegistrar::post(std::function<void()> work) {
    boost::asio::post(loop_.io(), std::move(work));
}

cluster::Moment ClusterRegistrar::moment() const noexcept {
    const SharedState& shared = broker_.shards().front()->shared();
    const TimePoint now = loop_.now();
    return {now, shared.wall_anchor + (now - shared.steady_anchor).count()};
}

void ClusterRegistrar::add_member(NodeNumber node) {
    away_since_.emplace(node, Epoch::at(moment().wall - kClaimMargin.count()));
    find_claims_from();
}

void ClusterRegistrar::remove_member(NodeNumber node) {
    node_down(node);
    away_since_.erase(node);
    find_claims_from();
}

void ClusterRegistrar::node_up(NodeNumber node, const std::string& name) {
    if (up_.contains(node)) node_down(node);
    up_.emplace(node, name);
    const auto away = away_since_.find(node);
    const Epoch since =
        away == away_since_.end() ? Epoch::at(moment().wall - kClaimMargin.count()) : away->second;
    if (away != away_since_.end()) away_since_.erase(away);
    registrar_.peer_up(to_peer(node), name, moment());
    view_.fetch_add(1, std::memory_order_acq_rel);
    for (const auto& shard : broker_.shards()) {
        broker_.post(shard->id(), [&shard = *shard, node, since] {
            shard.registrations().claim_since(node, since);
        });
    }
    find_claims_from();
}

void ClusterRegistrar::node_down(NodeNumber node) {
    if (up_.erase(node) == 0) return;
    away_since_.emplace(node, Epoch::at(moment().wall - kClaimMargin.count()));
    registrar_.peer_down(to_peer(node), moment());
    for (const auto& shard : broker_.shards()) {
        broker_.post(shard->id(), [&shard = *shard, node] {
            shard.moves().node_away(node);
            shard.registrations().node_away(node);
        });
    }
    for (auto at = fences_.begin(); at != fences_.end();) {
        if (at->second.waits.erase(node) > 0) at->second.absent.push_back(node);
        if (at->second.waits.empty()) {
            end_fence(at->second);
            at = fences_.erase(at);
        } else {
            ++at;
        }
    }
    find_claims_from();
}

void ClusterRegistrar::find_claims_from() {
    Epoch from = Epoch::at(moment().wall - kClaimMargin.count());
    for (const auto& [node, since] : away_since_) from = std::min(from, since);
    claims_from_.store(from.value, std::memory_order_relaxed);
}

bool ClusterRegistrar::on_frame(NodeNumber from, const Frame& frame, bool& readable) {
    std::uint64_t number = 0;
    switch (frame.type) {
        case FrameType::Register:
        case FrameType::Registered:
        case FrameType::Release:
        case FrameType::Released:
            readable = registrar_.on_frame(to_peer(from), frame, moment());
            return true;
        case FrameType::Claim: {
            cluster::Claim claim;
            readable = cluster::decode(frame.body, claim);
            if (!readable) return true;
            registrar_.heard(claim.epoch);
            const ShardId home =
                broker_.shards().front()->home_of(claim.key.mountpoint, claim.key.client_id);
            const auto at = up_.find(from);
            const bool wins_ties = at != up_.end() && self_ > at->second;
            broker_.post(home, [&shard = *broker_.shards()[home], from, wins_ties,
                                claim = std::move(claim)] {
                shard.registrations().on_claim(from, wins_ties, claim);
            });
            return true;
        }
        case FrameType::Offer: {
            cluster::Offer offer;
            readable = cluster::decode(frame.body, offer);
            if (!readable || !adopts_) return true;
            const ShardId home =
                broker_.shards().front()->home_of(offer.key.mountpoint, offer.key.client_id);
            broker_.post(home, [&shard = *broker_.shards()[home], offer = std::move(offer)] {
                shard.registrations().adopt(offer.key);
            });
            return true;
        }
        case FrameType::Fence:
            readable = cluster::decode_number(frame.body, number);
            if (readable) tell_sent(from, number);
            return true;
        case FrameType::Fenced:
            readable = on_fenced(from, frame.body);
            return true;
        default:
            return false;
    }
}

TimePoint ClusterRegistrar::run() {
    registrar_.tick(moment());
    find_claims_from();
    return registrar_.next_deadline();
}

// --- From the shards ---

void ClusterRegistrar::register_client(ShardId shard, std::uint64_t ticket, cluster::ClientKey key,
                                       cluster::Purpose purpose, cluster::Epoch since) {
    post([this, number = ticket << 8U | shard, key = std::move(key), purpose, since] {
        if (registration_ && purpose != cluster::Purpose::Adopt) registration_(key);
        registrar_.request(number, key, purpose, moment(), since);
    });
}

void ClusterRegistrar::offer(NodeNumber node, cluster::ClientKey key) {
    post([this, node, key = std::move(key)] {
        if (std::string* out = output_(node)) cluster::append(cluster::Offer{key}, *out);
    });
}

void ClusterRegistrar::released(cluster::ReleaseOrder order, cluster::ReleaseReply::Code code,
                                Epoch held) {
    post([this, order = std::move(order), code, held] {
        registrar_.released(order, code, held, moment());
    });
}

void ClusterRegistrar::claim(NodeNumber node, std::vector<cluster::Claim> claims) {
    post([this, node, claims = std::move(claims)] {
        const auto tell = [&](NodeNumber to) {
            std::string* out = output_(to);
            if (out == nullptr) return;
            for (const cluster::Claim& each : claims) cluster::append(each, *out);
        };
        if (node != NodeNumber{}) return tell(node);
        for (const auto& [each, name] : up_) tell(each);
    });
}

void ClusterRegistrar::fence(ShardId shard, std::uint64_t ticket) {
    post([this, shard, ticket] { begin_fence(shard, ticket); });
}

// --- To them ---

void ClusterRegistrar::send(PeerNumber peer, std::string_view frame) {
    if (std::string* out = output_(to_node(peer))) out->append(frame);
}

void ClusterRegistrar::release(cluster::ReleaseOrder order) {
    if (registration_ && order.purpose != cluster::Purpose::Adopt) registration_(order.key);
    const ShardId home =
        broker_.shards().front()->home_of(order.key.mountpoint, order.key.client_id);
    broker_.post(home, [&shard = *broker_.shards()[home], order = std::move(order)] {
        shard.registrations().release(order);
    });
}

void ClusterRegistrar::registered(std::uint64_t ticket, const cluster::Registered& outcome) {
    const auto shard = static_cast<ShardId>(ticket & 0xFFU);
    broker_.post(shard, [&target = *broker_.shards()[shard], ticket, outcome] {
        target.registrations().registered(ticket >> 8U, outcome);
    });
}

// --- Fences ---

void ClusterRegistrar::begin_fence(ShardId shard, std::uint64_t ticket) {
    Fence fence{shard, ticket, {}, {}, {}};
    for (const auto& [node, since] : away_since_) fence.absent.push_back(node);
    const std::uint64_t number = ++last_fence_;
    for (const auto& [node, name] : up_) {
        std::string* out = output_(node);
        if (out == nullptr) {
            fence.absent.push_back(node);
            continue;
        }
        cluster::append_number(FrameType::Fence, number, *out);
        fence.waits.insert(node);
    }
    if (fence.waits.empty()) return end_fence(fence);
    fences_.emplace(number, std::move(fence));
}

void ClusterRegistrar::end_fence(const Fence& fence) {
    const auto count = static_cast<std::uint32_t>(broker_.shards().size());
    for (const auto& shard : broker_.shards()) {
        std::vector<NodeLinks::Sent> mine;
        for (const NodeLinks::Sent& each : fence.sent) {
            if (each.shard % count == shard->id()) mine.push_back(each);
        }
        broker_.post(shard->id(), [&shard = *shard, mine = std::move(mine), to = fence.shard,
                                   ticket = fence.ticket, absent = fence.absent] {
            if (shard.node_links() == nullptr) return;
            if (shard.id() == to) shard.moves().fence_absent(ticket, absent);
            shard.node_links()->fence(mine, to, ticket);
        });
    }
}

// What this node's shards have sent there: each says it in a turn of its own, after which it routes
// by what the cluster's thread has put into the index before.
void ClusterRegistrar::tell_sent(NodeNumber node, std::uint64_t number) {
    struct Gathered {
        explicit Gathered(std::size_t shards) : sequences(shards), left(shards) {}
        std::vector<std::uint64_t> sequences;
        std::atomic<std::size_t> left;
    };
    const auto gathered = std::make_shared<Gathered>(broker_.shards().size());
    for (const auto& shard : broker_.shards()) {
        broker_.post(shard->id(), [this, &shard = *shard, node, number, gathered] {
            const NodeOutbox* outbox = shard.find_node(node);
            gathered->sequences[shard.id()] = outbox != nullptr ? outbox->last_sequence() : 0;
            if (gathered->left.fetch_sub(1) > 1) return;
            post([this, node, number, gathered] {
                std::string* out = output_(node);
                if (out == nullptr) return;
                cluster::FrameWriter frame(FrameType::Fenced, *out);
                frame.body().varint(number);
                frame.body().varint(gathered->sequences.size());
                for (const std::uint64_t each : gathered->sequences) frame.body().varint(each);
                frame.finish();
            });
        });
    }
}

//   fenced := number:varint count:varint sequence:varint*count
bool ClusterRegistrar::on_fenced(NodeNumber from, std::string_view body) {
    cluster::ByteReader reader(body);
    std::uint64_t number = 0;
    std::size_t count = 0;
    if (!reader.varint(number) || !reader.count(count, 1) || count > 256) return false;
    std::vector<NodeLinks::Sent> sent;
    for (std::uint32_t shard = 0; shard < count; ++shard) {
        std::uint64_t sequence = 0;
        if (!reader.varint(sequence)) return false;
        sent.push_back({from, shard, sequence});
    }
    if (!reader.done()) return false;
    const auto at = fences_.find(number);
    if (at == fences_.end() || at->second.waits.erase(from) == 0) return true;
    at->second.sent.insert(at->second.sent.end(), sent.begin(), sent.end());
    if (at->second.waits.empty()) {
        end_fence(at->second);
        fences_.erase(at);
    }
    return true;
}

}  // namespace vmq::broker
