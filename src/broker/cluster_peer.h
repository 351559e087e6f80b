// ClusterPeer: one other member, as the cluster's thread deals with it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "broker/cluster_picture.h"
#include "broker/node_outbox.h"
#include "broker/stored_filters.h"
#include "cluster/connector.h"
#include "cluster/filter_log.h"
#include "cluster/link.h"
#include "cluster/membership.h"
#include "routing/subscription_index.h"

namespace vmq::broker {

class Broker;

/// Names the member's incarnation among what is stored.
[[nodiscard]] std::string stored_name(const cluster::ClusterMember& member);

/// Owned by the ClusterService, used on its thread, from when the node becomes a member until it is
/// none any more or comes back with a new disk. Keeps a control link to it, and one data link for
/// each shard, which then belong to the shards.
class ClusterPeer final : private cluster::LinkHandler,
                          private cluster::FilterSink,
                          private cluster::ConnectorHandler {
public:
    /// What it needs around it.
    class Home {
    public:
        [[nodiscard]] virtual Broker& broker() noexcept = 0;
        [[nodiscard]] virtual cluster::LinkLoop& links() noexcept = 0;
        [[nodiscard]] virtual const cluster::FilterLog& filter_log() const noexcept = 0;
        [[nodiscard]] virtual const cluster::FilterSource& filters() const noexcept = 0;
        [[nodiscard]] virtual routing::SubscriptionIndex& index() noexcept = 0;
        [[nodiscard]] virtual Random& random() noexcept = 0;
        /// Why a node with this address is not dialled at all, a sentence that says what to do.
        /// Empty: it is.
        [[nodiscard]] virtual std::string_view why_not_dialled(
            const cluster::NodeAddress& address) const = 0;
        /// Agrees on a link with the node over a connection that is there; takes `fd` over. Leads
        /// to on_dialled(), now or later.
        virtual void greet(ClusterPeer& peer, cluster::LinkKind kind, ShardId shard, int fd) = 0;
        /// A bit of the index that nobody uses. Nothing: there is none.
        [[nodiscard]] virtual std::optional<routing::NodeSlot> take_slot() = 0;
        /// Takes everything out of the index that the bit stands for, in portions, and leads to
        /// on_slot_cleared().
        virtual void clear_slot(NodeNumber node, routing::NodeSlot slot) = 0;
        /// There is a control link to it, another one than before; or none any more.
        virtual void on_peer_linked(ClusterPeer& peer) = 0;
        virtual void on_peer_lost(ClusterPeer& peer) = 0;
        /// A frame with facts. An error: the link cannot go on.
        [[nodiscard]] virtual Result<void> on_facts(ClusterPeer& peer,
                                                    const cluster::Frame& frame) = 0;
        virtual void on_peer_changed() = 0;
        /// A frame of its control link that is not the peer's own business. False: nobody's.
        [[nodiscard]] virtual bool on_peer_frame(ClusterPeer& peer, const cluster::Frame& frame,
                                                 bool& readable) = 0;
        /// Any thread: leads to on_slots_mapped() on the cluster's.
        virtual void slots_mapped(NodeNumber node, std::uint64_t order) = 0;

    protected:
        ~Home() = default;
    };

    /// Bytes of messages that may wait for a node, of all shards.
    struct Limits {
        std::size_t memory = 0;
        std::size_t disk = 0;
    };

    /// `filters`: what it had said of them to an earlier process.
    ClusterPeer(Home& home, NodeNumber number, cluster::ClusterMember member, std::string_view self,
                const Limits& limits, const StoredFilters::Left& filters);
    ~ClusterPeer();
    ClusterPeer(const ClusterPeer&) = delete;
    ClusterPeer& operator=(const ClusterPeer&) = delete;

    [[nodiscard]] const cluster::ClusterMember& member() const noexcept { return member_; }
    [[nodiscard]] cluster::Writer writer() const { return {member_.name, member_.incarnation}; }
    /// Where it is dialled.
    [[nodiscard]] const cluster::NodeAddress& address() const noexcept { return address_; }
    /// The link that is there. Requires running().
    [[nodiscard]] cluster::Link& control() noexcept { return *control_; }
    [[nodiscard]] NodeNumber number() const noexcept { return number_; }
    /// It has moved.
    void set_address(const cluster::NodeAddress& address);
    /// It is no member any more. Links are told `why`.
    void leave(const cluster::Refusal& why);

    /// A link to it has been agreed on, whoever dialled.
    void on_link(cluster::MovedLink link);
    /// What greet() has come to. on_link() follows if a link is agreed on.
    void on_dialled(cluster::LinkKind kind, ShardId shard, bool agreed, std::string_view why);
    /// A shard has lost its link to this node.
    void on_data_link_lost(ShardId shard);
    /// The shards know all its bits now.
    void on_slots_mapped(std::uint64_t order);
    void on_slot_cleared(routing::NodeSlot slot);

    /// Of the control link; null: there is none.
    [[nodiscard]] std::string* control_output() noexcept {
        return control_ && control_->open() ? &control_->output().bytes() : nullptr;
    }
    [[nodiscard]] bool running() const noexcept { return control_ != nullptr; }
    /// Its bits of the index.
    [[nodiscard]] ShardSet slots() const noexcept { return slots_; }
    /// It runs, and this node knows what its clients have subscribed to.
    [[nodiscard]] bool serving() const noexcept { return running() && known_; }
    /// It has just become a member: until then nobody misses it, unless it has been there.
    void expect_until(TimePoint deadline) noexcept { expected_until_ = deadline; }
    [[nodiscard]] bool expected(TimePoint now) const noexcept {
        return !known_ && now < expected_until_;
    }
    /// For operators: all but name and address.
    void describe(ClusterNode& node) const;
    /// It knows this node's filters of FilterLog::number() `number`.
    [[nodiscard]] bool knows_filters(std::uint64_t number) const noexcept {
        return sender_.linked() && sender_.acknowledged() >= number;
    }
    /// Sends what there is to say. In every turn.
    void run();

private:
    /// One link that this node is to dial.
    struct Dial {
        cluster::LinkKind kind = cluster::LinkKind::Data;
        ShardId shard = 0;
        std::unique_ptr<cluster::Connector> connector;
        bool greeting = false;  // between on_connected() and on_dialled()
        bool linked = false;
    };

    // cluster::ConnectorHandler
    void on_connected(cluster::Connector& connector, int fd,
                      transport::PeerAddress address) override;
    void on_dial_failed(cluster::Connector& connector, const std::string& why) override;

    [[nodiscard]] cluster::LinkHandler& handler() noexcept { return *this; }
    [[nodiscard]] cluster::ConnectorHandler& dialler() noexcept { return *this; }
    void on_agreed(cluster::Link& /*link*/) override {}
    void on_frame(cluster::Link& link, const cluster::Frame& frame) override;
    void on_room(cluster::Link& link) override;
    void on_end(cluster::Link& link, const cluster::LinkEnd& end) override;

    void begin_all() override;
    void set(std::string_view mountpoint, std::string_view filter, bool subscribed,
             bool persistent) override;
    void set_group(std::string_view mountpoint, std::string_view group, std::string_view filter,
                   std::uint32_t online, std::uint32_t stored) override;
    void end_all() override;

    void adopt_control(cluster::MovedLink moved);
    void move_to_shard(cluster::MovedLink link);
    void close(std::unique_ptr<cluster::Link> link, const cluster::Refusal& why);
    [[nodiscard]] Dial make_dial(cluster::LinkKind kind, ShardId shard);
    void dial(Dial& dial, Millis wait);
    void dial_again(Dial& dial);
    void tell_unreachable(std::string_view why);
    [[nodiscard]] Dial& dial_of(cluster::LinkKind kind, ShardId shard) noexcept;
    [[nodiscard]] Dial& dial_of(const cluster::Connector& connector) noexcept;
    void pump();
    void map_slots();
    void use_stored(const StoredFilters::Left& filters);
    void store_filters();
    void clear_replaced();
    void note_known();

    Home& home_;
    const NodeNumber number_;
    const cluster::ClusterMember member_;
    cluster::NodeAddress address_;
    const bool dials_first_;  // the other one waits a moment, so that there are not two links
    std::unique_ptr<cluster::Link> control_;
    Dial control_dial_;
    std::vector<Dial> data_dials_;  // by shard
    std::optional<routing::NodeSlot> slot_;
    std::optional<routing::NodeSlot> next_slot_;  // while it tells everything
    /// A bit that the next one has replaced, and the order that makes that one known to the shards.
    struct Replaced {
        routing::NodeSlot slot;
        std::uint64_t mapping;
    };
    std::vector<Replaced> replaced_;
    ShardSet slots_ = 0;           // all of its bits that are in use
    std::uint64_t mapping_ = 0;    // orders given to the shards
    std::uint64_t mapped_ = 0;     // and carried out
    bool told_down_ = false;       // the log knows that it cannot be reached
    bool told_all_ = false;        // it has told all its filters
    bool known_ = false;           // and the shards have known them
    std::uint64_t told_with_ = 0;  // the order with which the shards know them
    TimePoint expected_until_ = TimePoint::min();
    std::chrono::system_clock::time_point since_ = std::chrono::system_clock::now();
    std::string why_away_;
    std::vector<std::shared_ptr<std::atomic<std::size_t>>> waiting_;  // bytes, by shard
    const std::shared_ptr<SpoolSize> spool_;
    cluster::FilterSender sender_;
    cluster::FilterReceiver receiver_{*this};
    StoredFilters stored_;
    bool storing_ = false;
    cluster::FilterReceiver::State stored_state_;  // what is on disk
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace vmq::broker
