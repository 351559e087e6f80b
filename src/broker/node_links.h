// NodeLinks: one shard's links that carry messages to other nodes and from them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/node_outbox.h"
#include "broker/shard_message.h"
#include "cluster/frame_codec.h"
#include "cluster/inbound_stream.h"
#include "cluster/link.h"

namespace vmq::broker {

class Shard;

/// Names what a shard of another node sends here, among connections: see Reply.
inline constexpr std::uint64_t kInboxBit = 1ULL << 63U;

/// Owned by its shard once there is a cluster, used on its thread. A node has a link that it
/// dialled from each of its shards; messages go one way, acknowledgements back.
class NodeLinks final : private cluster::LinkHandler {
public:
    /// Called on the shard's thread when a link that this node dialled is gone.
    using Lost = std::function<void(NodeNumber node, ShardId shard)>;

    NodeLinks(Shard& shard, cluster::LinkSettings settings, Lost lost);
    ~NodeLinks();
    NodeLinks(const NodeLinks&) = delete;
    NodeLinks& operator=(const NodeLinks&) = delete;

    /// A link that this node has dialled for this shard's outbox. An earlier one is closed.
    void adopt_outgoing(NodeNumber node, cluster::MovedLink moved);
    /// A link of one of the node's shards.
    void adopt_incoming(NodeNumber node, cluster::MovedLink moved);
    /// The node is no member any more.
    void drop(NodeNumber node);

    /// A frame about a session that moves. False: there is no link that takes it now.
    bool send(NodeNumber node, std::string_view frame);
    /// That the node takes, 0: there is no link.
    [[nodiscard]] std::uint32_t longest_frame(NodeNumber node) const noexcept;

    /// What a shard of another node had sent here at some moment.
    struct Sent {
        NodeNumber node;
        std::uint32_t shard = 0;
        std::uint64_t sequence = 0;
    };
    /// Sends `ticket` to the shard `to` (FenceMail) once all of it has arrived, and meanwhile now
    /// and then that it does.
    void fence(std::vector<Sent> sent, ShardId to, std::uint64_t ticket);

    /// What a message that came in waited for is done.
    void settle(ConnectionNumber inbox, session::AckTicket ticket, bool safe);

    /// Sends what was put into outboxes in this turn, and acknowledgements.
    void on_turn_end();

    /// What other nodes send is left to a later process of this one.
    void stop_receiving();
    /// A node that can be reached has not acknowledged everything yet.
    [[nodiscard]] bool busy() const noexcept;

    /// Links that carry messages, either way.
    [[nodiscard]] std::size_t count() const noexcept { return outgoing_.size() + incoming_links(); }

private:
    /// Towards another node.
    struct Outgoing {
        NodeNumber node;
        std::unique_ptr<cluster::Link> link;
        bool started = false;  // the other side has said what it had
    };
    /// From one shard of another node. Outlives its links: it knows what was had.
    struct Incoming {
        NodeNumber node;
        cluster::Boot boot;
        std::uint16_t shard;
        ConnectionNumber number;
        cluster::InboundStream stream;
        std::unique_ptr<cluster::Link> link;  // null: none at the moment
        bool begun = false;                   // the other side has said where it begins
    };

    struct Fence {
        std::vector<Sent> sent;  // and not arrived
        ShardId to = 0;
        std::uint64_t ticket = 0;
        TimePoint until{};          // put off while more of it arrives
        std::uint64_t arrived = 0;  // as far as seen, of all of `sent`
        TimePoint told_at{};        // who waits, that more arrives
    };

    [[nodiscard]] cluster::LinkHandler& handler() noexcept { return *this; }
    /// Of what that shard had sent; everything if it had sent nothing.
    [[nodiscard]] std::uint64_t arrived_of(const Sent& sent) const noexcept;
    void tell(const Fence& fence, bool passed);
    void look_at_fences();
    void on_agreed(cluster::Link& /*link*/) override {}
    void on_frame(cluster::Link& link, const cluster::Frame& frame) override;
    void on_room(cluster::Link& link) override;
    void on_end(cluster::Link& link, const cluster::LinkEnd& end) override;

    void on_outgoing(Outgoing& outgoing, const cluster::Frame& frame);
    void on_incoming(Incoming& incoming, const cluster::Frame& frame);
    void on_publish(Incoming& incoming, std::string_view body);
    [[nodiscard]] session::Routed route(const cluster::ForwardedPublish& publish,
                                        const Reply& reply, NodeNumber from);
    void pump(Outgoing& outgoing, NodeOutbox& outbox);
    void acknowledge(Incoming& incoming);
    void close(std::unique_ptr<cluster::Link> link, std::string_view why);
    [[nodiscard]] Outgoing* find_outgoing(const cluster::Link& link) noexcept;
    [[nodiscard]] Incoming* find_incoming(const cluster::Link& link) noexcept;
    [[nodiscard]] std::size_t incoming_links() const noexcept;

    Shard& shard_;
    cluster::LinkLoop loop_;
    Lost lost_;
    std::vector<std::unique_ptr<Outgoing>> outgoing_;
    std::map<ConnectionNumber, std::unique_ptr<Incoming>> incoming_;
    std::uint64_t last_inbox_ = 0;
    std::vector<Fence> fences_;
    bool paused_ = false;  // this shard has too much to do: links are not read
    cluster::Ack ack_;     // reused
    std::string frame_;    // reused
};

}  // namespace vmq::broker
