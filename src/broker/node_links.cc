#include "broker/node_links.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "broker/session_moves.h"
#include "broker/shard.h"
#include "cluster/number_frame.h"

namespace vmq::broker {

using cluster::Frame;
using cluster::FrameType;
using cluster::Link;
using metrics::Counter;

namespace {

/// For something more to arrive.
constexpr Millis kFencePatience{10'000};
/// How often who waits is told that it does.
constexpr Millis kFenceProgress{1'000};

}  // namespace

NodeLinks::NodeLinks(Shard& shard, cluster::LinkSettings settings, Lost lost)
    : shard_(shard), loop_(shard.loop(), shard.metrics(), settings), lost_(std::move(lost)) {}

NodeLinks::~NodeLinks() = default;

void NodeLinks::adopt_outgoing(NodeNumber node, cluster::MovedLink moved) {
    std::erase_if(outgoing_, [&](std::unique_ptr<Outgoing>& each) {
        if (each->node != node) return false;
        close(std::move(each->link), "a newer link has taken its place");
        return true;
    });
    auto made = std::make_unique<Outgoing>();
    made->node = node;
    made->link = std::make_unique<Link>(loop_, handler(), std::move(moved));
    Link& link = *made->link;
    if (NodeOutbox* outbox = shard_.find_node(node)) {
        outbox->longest_frame = link.peer().longest_frame;
    }
    outgoing_.push_back(std::move(made));
    link.start();
}

void NodeLinks::adopt_incoming(NodeNumber node, cluster::MovedLink moved) {
    // Of an earlier process of that node nothing more comes.
    std::erase_if(incoming_, [&](auto& each) {
        Incoming& incoming = *each.second;
        if (incoming.node != node || incoming.boot == moved.peer.boot) return false;
        if (incoming.link) close(std::move(incoming.link), "the node has started anew");
        return true;
    });
    auto at = std::find_if(incoming_.begin(), incoming_.end(), [&](const auto& each) {
        return each.second->node == node && each.second->shard == moved.shard;
    });
    if (at == incoming_.end()) {
        const ConnectionNumber number{kInboxBit | ++last_inbox_};
        auto made = std::make_unique<Incoming>();
        made->node = node;
        made->boot = moved.peer.boot;
        made->shard = moved.shard;
        made->number = number;
        at = incoming_.emplace(number, std::move(made)).first;
    }
    Incoming& incoming = *at->second;
    if (incoming.link) close(std::move(incoming.link), "a newer link has taken its place");
    incoming.begun = false;
    incoming.link = std::make_unique<Link>(loop_, handler(), std::move(moved));
    cluster::append_number(FrameType::StreamState, incoming.stream.received(),
                           incoming.link->output().bytes());
    if (paused_) incoming.link->pause_reading();
    incoming.link->start();
}

void NodeLinks::drop(NodeNumber node) {
    std::erase_if(outgoing_, [&](std::unique_ptr<Outgoing>& each) {
        if (each->node != node) return false;
        close(std::move(each->link), "the node is no member of the cluster any more");
        return true;
    });
    std::erase_if(incoming_, [&](auto& each) {
        if (each.second->node != node) return false;
        if (each.second->link) {
            close(std::move(each.second->link), "the node is no member of the cluster any more");
        }
        return true;
    });
}

void NodeLinks::stop_receiving() {
    for (const auto& [number, each] : incoming_) {
        if (!each->link) continue;
        acknowledge(*each);
        each->link->close({cluster::RefusalCode::ShuttingDown, "this node shuts down"});
        loop_.bury(std::move(each->link));
    }
}

bool NodeLinks::busy() const noexcept {
    return std::any_of(outgoing_.begin(), outgoing_.end(), [this](const auto& each) {
        NodeOutbox* outbox = shard_.find_node(each->node);
        // What is on disk goes out when this node is back.
        return each->started && outbox != nullptr && outbox->stream.size() > 0 &&
               !outbox->stream.look_at([](const mqtt::MessagePtr& message, Forwarded& was) {
                   return was.record.there() || (!message && !was.reply.wanted());
               });
    });
}

void NodeLinks::close(std::unique_ptr<Link> link, std::string_view why) {
    link->close({cluster::RefusalCode::Duplicate, std::string(why)});
    loop_.bury(std::move(link));
}

NodeLinks::Outgoing* NodeLinks::find_outgoing(const Link& link) noexcept {
    const auto at = std::find_if(outgoing_.begin(), outgoing_.end(),
                                 [&](const auto& each) { return each->link.get() == &link; });
    return at == outgoing_.end() ? nullptr : at->get();
}

NodeLinks::Incoming* NodeLinks::find_incoming(const Link& link) noexcept {
    const auto at = std::find_if(incoming_.begin(), incoming_.end(), [&](const auto& each) {
        return each.second->link.get() == &link;
    });
    return at == incoming_.end() ? nullptr : at->second.get();
}

std::size_t NodeLinks::incoming_links() const noexcept {
    return static_cast<std::size_t>(
        std::count_if(incoming_.begin(), incoming_.end(),
                      [](const auto& each) { return each.second->link != nullptr; }));
}

void NodeLinks::on_frame(Link& link, const Frame& frame) {
    if (Outgoing* outgoing = find_outgoing(link)) return on_outgoing(*outgoing, frame);
    if (Incoming* incoming = find_incoming(link)) on_incoming(*incoming, frame);
}

void NodeLinks::on_outgoing(Outgoing& outgoing, const Frame& frame) {
    NodeOutbox* outbox = shard_.find_node(outgoing.node);
    if (outbox == nullptr) return;  // drop() follows
    if (frame.type == FrameType::StreamState) {
        std::uint64_t received = 0;
        if (outgoing.started || !cluster::decode_number(frame.body, received) ||
            !outbox->stream.restart(received)) {
            return outgoing.link->fail("it says it has messages that were never sent");
        }
        outgoing.started = true;
        shard_.node_linked(*outbox, true);
        cluster::append_number(FrameType::StreamStart, outbox->stream.next_sequence(),
                               outgoing.link->output().bytes());
        pump(outgoing, *outbox);
        return shard_.moves().link_up(outgoing.node);
    }
    if (frame.type != FrameType::Ack) return outgoing.link->on_unknown(frame);
    const bool right = cluster::decode_ack(frame.body, ack_) &&
                       outbox->stream.acknowledge(ack_.sequence, ack_.refused,
                                                  [&](const Forwarded& was, bool safe) {
                                                      shard_.on_forwarded(*outbox, was, safe);
                                                  });
    if (!right) outgoing.link->fail("it acknowledges messages that were never sent");
}

void NodeLinks::on_incoming(Incoming& incoming, const Frame& frame) {
    std::uint64_t number = 0;
    switch (frame.type) {
        case FrameType::StreamStart:
            if (incoming.begun || !cluster::decode_number(frame.body, number) ||
                !incoming.stream.begin(number)) {
                return incoming.link->fail("it leaves messages out");
            }
            incoming.begun = true;
            return;
        case FrameType::Publish:
            return on_publish(incoming, frame.body);
        case FrameType::Skip:
            if (!incoming.begun || !cluster::decode_number(frame.body, number) ||
                incoming.stream.arrive(number) == cluster::InboundStream::Arrival::Gap) {
                return incoming.link->fail("it leaves messages out");
            }
            return;
        case FrameType::Move:
        case FrameType::MoveAck:
            return shard_.moves().on_frame(incoming.node, frame.type == FrameType::MoveAck,
                                           frame.body);
        default:
            return incoming.link->on_unknown(frame);
    }
}

void NodeLinks::on_publish(Incoming& incoming, std::string_view body) {
    cluster::ForwardedPublish publish;
    if (!incoming.begun || !cluster::decode_publish(body, shard_.now(), publish)) {
        return incoming.link->fail("it sends a message that is none");
    }
    using Arrival = cluster::InboundStream::Arrival;
    const Arrival arrival = incoming.stream.arrive(publish.sequence);
    if (arrival == Arrival::Repeated) return;
    if (arrival == Arrival::Gap) return incoming.link->fail("it leaves messages out");
    const Reply reply{incoming.number, static_cast<session::AckTicket>(publish.sequence),
                      shard_.id()};
    const auto routed = route(publish, reply, incoming.node);
    const bool refused = mqtt::is_error(routed.reason);
    incoming.stream.expect(refused ? 1 : routed.waits);
    if (!refused) return;
    shard_.shared().late_messages.note_refused();
    incoming.stream.settle(publish.sequence, false);
}

session::Routed NodeLinks::route(const cluster::ForwardedPublish& publish, const Reply& reply,
                                 NodeNumber from) {
    if (publish.group.empty()) {
        const bool late =
            publish.parts.qos != mqtt::QoS::AtMostOnce && shard_.shared().late_messages.any();
        return late ? shard_.moves().route_late(publish.parts, reply, from)
                    : shard_.route_from_node(publish.parts, reply);
    }
    if (const auto session = cluster::session_of(publish.group)) {
        return shard_.moves().route_to_session(publish.parts, reply, *session, publish.hops, from);
    }
    return shard_.route_group_from_node(publish.parts, reply, publish.group, publish.hops, from);
}

void NodeLinks::settle(ConnectionNumber inbox, session::AckTicket ticket, bool safe) {
    const auto at = incoming_.find(inbox);
    if (at == incoming_.end()) return;
    if (!safe) shard_.shared().late_messages.note_refused();
    cluster::InboundStream& stream = at->second->stream;
    // The ticket has the lower half; what is not settled spans far less.
    const std::uint64_t latest = stream.received();
    const auto back = static_cast<std::uint32_t>(latest) - ticket;
    stream.settle(latest - back, safe);
}

void NodeLinks::on_room(Link& link) {
    if (Outgoing* outgoing = find_outgoing(link)) {
        if (NodeOutbox* outbox = shard_.find_node(outgoing->node)) pump(*outgoing, *outbox);
    }
}

void NodeLinks::pump(Outgoing& outgoing, NodeOutbox& outbox) {
    if (!outgoing.started || !outgoing.link->open()) return;
    OutputBuffer& output = outgoing.link->output();
    const std::uint32_t longest = outgoing.link->peer().longest_frame;
    const TimePoint now = shard_.now();
    while (outbox.stream.has_next() && outgoing.link->unsent() < kNodeLinkBuffer) {
        const auto next = outbox.stream.next();
        const GroupRoute* route = next.waiter.route.get();
        if (!next.message || next.message->expired(now)) {
            cluster::append_number(FrameType::Skip, next.sequence, output.bytes());
        } else if (!cluster::append_publish(next.sequence, next.message, now, longest, output,
                                            route != nullptr ? route->group : std::string_view(),
                                            route != nullptr ? route->hops : std::uint8_t{0})) {
            // Nobody knew before this link how much it takes.
            cluster::append_number(FrameType::Skip, next.sequence, output.bytes());
            shard_.drop_for_node(*next.message, Undelivered::TooLargeForNode);
            shard_.on_given_up(outbox, outbox.stream.give_up(next.sequence));
        }
    }
    if (outbox.stream.has_next()) outgoing.link->tell_when_below(kNodeLinkBuffer / 2);
}

bool NodeLinks::send(NodeNumber node, std::string_view frame) {
    const auto at = std::find_if(outgoing_.begin(), outgoing_.end(),
                                 [node](const auto& each) { return each->node == node; });
    if (at == outgoing_.end() || !(*at)->started || !(*at)->link->open()) return false;
    Link& link = *(*at)->link;
    if (frame.size() - cluster::kFrameLengthBytes > link.peer().longest_frame) return false;
    // Each session has one frame under way: what waits is bounded by how many move.
    link.output().bytes() += frame;
    return true;
}

std::uint32_t NodeLinks::longest_frame(NodeNumber node) const noexcept {
    const auto at = std::find_if(outgoing_.begin(), outgoing_.end(),
                                 [node](const auto& each) { return each->node == node; });
    return at == outgoing_.end() || !(*at)->started ? 0 : (*at)->link->peer().longest_frame;
}

void NodeLinks::fence(std::vector<Sent> sent, ShardId to, std::uint64_t ticket) {
    fences_.push_back({std::move(sent), to, ticket, shard_.now() + kFencePatience, 0, {}});
    look_at_fences();
}

std::uint64_t NodeLinks::arrived_of(const Sent& sent) const noexcept {
    const auto at = std::find_if(incoming_.begin(), incoming_.end(), [&](const auto& each) {
        return each.second->node == sent.node && each.second->shard == sent.shard;
    });
    return at == incoming_.end() ? 0 : std::min(at->second->stream.received(), sent.sequence);
}

void NodeLinks::tell(const Fence& fence, bool passed) {
    if (fence.to != shard_.id()) {
        shard_.send(fence.to, FenceMail{fence.ticket, passed});
        return shard_.loop().run_again();
    }
    if (passed) return shard_.moves().fence_passed(fence.ticket);
    shard_.moves().fence_progresses(fence.ticket);
}

void NodeLinks::look_at_fences() {
    // Those who wait may begin another one.
    std::vector<Fence> looked_at = std::exchange(fences_, {});
    std::erase_if(looked_at, [this](Fence& fence) {
        std::uint64_t arrived = 0;
        std::erase_if(fence.sent, [&](const Sent& sent) {
            const std::uint64_t here = arrived_of(sent);
            arrived += here;
            return here >= sent.sequence;
        });
        if (fence.sent.empty()) {
            tell(fence, true);
            return true;
        }
        // What is complete drops out of the sum, so any change is progress.
        if (std::exchange(fence.arrived, arrived) == arrived) return shard_.now() >= fence.until;
        fence.until = shard_.now() + kFencePatience;
        if (shard_.now() >= fence.told_at + kFenceProgress) {
            fence.told_at = shard_.now();
            tell(fence, false);
        }
        return false;
    });
    fences_.insert(fences_.end(), std::make_move_iterator(looked_at.begin()),
                   std::make_move_iterator(looked_at.end()));
}

void NodeLinks::acknowledge(Incoming& incoming) {
    if (!incoming.link || !incoming.link->open() || !incoming.begun) return;
    while (incoming.stream.take_ack(ack_)) {
        cluster::append_ack(ack_, incoming.link->output().bytes());
    }
}

void NodeLinks::on_turn_end() {
    if (!fences_.empty()) look_at_fences();
    for (const auto& each : outgoing_) {
        NodeOutbox* outbox = shard_.find_node(each->node);
        if (outbox != nullptr && outbox->stream.has_next()) pump(*each, *outbox);
    }
    shard_.tell_waiting();
    bool too_much = shard_.congested();
    for (const auto& [number, each] : incoming_) {
        acknowledge(*each);
        too_much = too_much || each->stream.unsettled() > kMostUnsettled;
    }
    if (too_much != paused_) {
        paused_ = too_much;
        for (const auto& [number, each] : incoming_) {
            if (!each->link || !each->link->open()) continue;
            if (paused_) {
                each->link->pause_reading();
            } else {
                each->link->resume_reading();
            }
        }
    }
    loop_.on_turn_end();
}

void NodeLinks::on_end(Link& link, const cluster::LinkEnd& end) {
    if (Incoming* incoming = find_incoming(link)) {
        loop_.bury(std::move(incoming->link));
        return;
    }
    const auto at = std::find_if(outgoing_.begin(), outgoing_.end(),
                                 [&](const auto& each) { return each->link.get() == &link; });
    if (at == outgoing_.end()) return;
    const NodeNumber node = (*at)->node;
    log::warning("node {}: the link of shard {} is down: {}", link.peer_name(), shard_.id(),
                 end.text);
    loop_.bury(std::move((*at)->link));
    outgoing_.erase(at);
    if (NodeOutbox* outbox = shard_.find_node(node)) shard_.node_linked(*outbox, false);
    lost_(node, shard_.id());
}

}  // namespace vmq::broker
