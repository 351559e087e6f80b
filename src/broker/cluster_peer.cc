#include "broker/cluster_peer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "broker/broker.h"
#include "broker/limits.h"
#include "cluster/number_frame.h"
#include "cluster/replication.h"
#include "mqtt/topic.h"

namespace vmq::broker {

using cluster::Frame;
using cluster::FrameType;
using cluster::Link;
using cluster::LinkKind;
using cluster::Refusal;
using cluster::RefusalCode;

namespace {

constexpr Millis kFirstPause{200};
constexpr Millis kLongestDataPause{1000};
/// What the node with the greater name waits before it dials as well.
constexpr Millis kSecondCaller{1000};

}  // namespace

std::string stored_name(const cluster::ClusterMember& member) {
    return fmt::format("{} {:02x}", member.name, fmt::join(member.incarnation.bytes, ""));
}

ClusterPeer::ClusterPeer(Home& home, NodeNumber number, cluster::ClusterMember member,
                         std::string_view self, const Limits& limits,
                         const StoredFilters::Left& filters)
    : home_(home),
      number_(number),
      member_(std::move(member)),
      address_(member_.addresses.empty() ? cluster::NodeAddress{} : member_.addresses.front()),
      dials_first_(self < member_.name),
      control_dial_(make_dial(LinkKind::Control, 0)),
      spool_(std::make_shared<SpoolSize>(limits.disk)),
      sender_(home.filter_log(), home.filters()),
      stored_(stored_name(member_), filters) {
    for (ShardId shard = 0; shard < home.broker().shard_count(); ++shard) {
        data_dials_.push_back(make_dial(LinkKind::Data, shard));
    }
    dial(control_dial_, dials_first_ ? Millis(0) : kSecondCaller);
    const std::size_t share = limits.memory / home_.broker().shard_count();
    for (const auto& shard : home_.broker().shards()) {
        auto& waiting = waiting_.emplace_back(std::make_shared<std::atomic<std::size_t>>(0));
        home_.broker().post(shard->id(), [&shard = *shard, number,
                                          options = NodeOutboxOptions{
                                              member_.name, stored_name(member_), share, waiting,
                                              spool_}] { shard.add_node(number, options); });
    }
    if (!filters.filters.empty()) use_stored(filters);
}

void ClusterPeer::use_stored(const StoredFilters::Left& filters) {
    slot_ = home_.take_slot();
    if (!slot_) return;
    slots_ |= shard_bit(*slot_);
    map_slots();
    for (const StoredFilters::Filter& each : filters.filters) {
        if (!each.group) {
            home_.index().set_remote(*slot_, each.mountpoint, each.filter, true);
        } else if (const auto shared = mqtt::parse_shared_filter(each.filter)) {
            home_.index().set_remote_group(*slot_, each.mountpoint, shared->group, shared->filter,
                                           {each.online, each.stored});
        }
    }
}

void ClusterPeer::store_filters() {
    if (storing_) return;
    const auto state = receiver_.state();
    if (!stored_.has_news()) {
        stored_state_ = state;
        return;
    }
    storing_ = true;
    home_.broker().commit_for_cluster(stored_.take(), [this, state, alive = std::weak_ptr(alive_)](
                                                          store::CommitStatus /*status*/) {
        if (alive.expired()) return;
        storing_ = false;
        stored_state_ = state;
    });
}

ClusterPeer::~ClusterPeer() {
    if (control_) home_.links().bury(std::move(control_));
}

void ClusterPeer::set_address(const cluster::NodeAddress& address) {
    if (address_ == address) return;
    address_ = address;
    if (!control_) return dial(control_dial_, Millis(0));
    for (Dial& each : data_dials_) dial(each, Millis(0));
}

void ClusterPeer::leave(const Refusal& why) {
    if (control_) close(std::move(control_), why);
    for (const auto& shard : home_.broker().shards()) {
        home_.broker().post(shard->id(),
                            [&shard = *shard, number = number_] { shard.remove_node(number); });
    }
    if (slot_) home_.clear_slot(number_, *slot_);
    if (next_slot_) home_.clear_slot(number_, *next_slot_);
    for (const Replaced& each : replaced_) home_.clear_slot(number_, each.slot);
    store::WriteBatch batch;
    StoredFilters::forget(stored_name(member_), batch);
    home_.broker().commit_for_cluster(std::move(batch), [](store::CommitStatus /*status*/) {});
}

void ClusterPeer::close(std::unique_ptr<Link> link, const Refusal& why) {
    link->close(why);
    home_.links().bury(std::move(link));
}

ClusterPeer::Dial& ClusterPeer::dial_of(LinkKind kind, ShardId shard) noexcept {
    return kind == LinkKind::Control ? control_dial_ : data_dials_[shard];
}

ClusterPeer::Dial& ClusterPeer::dial_of(const cluster::Connector& connector) noexcept {
    for (Dial& each : data_dials_) {
        if (each.connector.get() == &connector) return each;
    }
    return control_dial_;
}

ClusterPeer::Dial ClusterPeer::make_dial(LinkKind kind, ShardId shard) {
    cluster::DialSettings settings;
    settings.first_pause = kFirstPause;
    // Its node can be reached, or there would be no control link.
    if (kind == LinkKind::Data) settings.longest_pause = kLongestDataPause;
    if (kind == LinkKind::Control && !dials_first_) settings.extra_pause = kSecondCaller;
    return {kind, shard,
            std::make_unique<cluster::Connector>(
                home_.links().loop(), dialler(), settings, home_.random().next(),
                runtime::NameLookup::Resolve{}, home_.broker().surroundings().open_socket)};
}

void ClusterPeer::dial(Dial& dial, Millis wait) {
    if (dial.linked || dial.greeting) return;  // see dial_again()
    const std::string_view why_not = home_.why_not_dialled(address_);
    if (why_not.empty()) return dial.connector->dial(address_.host, address_.port, wait);
    dial.connector->stop();
    if (dial.kind == LinkKind::Control) tell_unreachable(why_not);
}

/// A link or the talk about one has ended. Without a control link there are no others.
void ClusterPeer::dial_again(Dial& dial) {
    if (dial.kind == LinkKind::Data && !control_) return dial.connector->stop();
    const cluster::NodeAddress& at = address_;
    const bool moved = dial.connector->host() != at.host || dial.connector->port() != at.port;
    if (moved || !home_.why_not_dialled(at).empty()) return this->dial(dial, kFirstPause);
    dial.connector->connection_ended(true);
}

void ClusterPeer::on_connected(cluster::Connector& connector, int fd,
                               transport::PeerAddress /*address*/) {
    Dial& dial = dial_of(connector);
    dial.greeting = true;
    home_.greet(*this, dial.kind, dial.shard, fd);
}

void ClusterPeer::on_dial_failed(cluster::Connector& connector, const std::string& why) {
    if (&dial_of(connector) == &control_dial_) tell_unreachable(why);
}

void ClusterPeer::on_dialled(LinkKind kind, ShardId shard, bool agreed, std::string_view why) {
    Dial& dial = dial_of(kind, shard);
    if (!std::exchange(dial.greeting, false) || agreed || dial.linked) return;
    dial_again(dial);
    if (kind == LinkKind::Control) tell_unreachable(why);
}

/// Once until it is there again.
void ClusterPeer::tell_unreachable(std::string_view why) {
    if (!running()) why_away_ = why;
    home_.on_peer_changed();
    if (running() || std::exchange(told_down_, true)) return;
    log::warning("node {} cannot be reached at {}:{}: {}; it is tried again", member_.name,
                 address_.host, address_.port, why);
}

void ClusterPeer::on_data_link_lost(ShardId shard) {
    data_dials_[shard].linked = false;
    dial_again(data_dials_[shard]);
}

void ClusterPeer::on_link(cluster::MovedLink link) {
    if (link.kind == LinkKind::Control) return adopt_control(std::move(link));
    move_to_shard(std::move(link));
}

void ClusterPeer::move_to_shard(cluster::MovedLink link) {
    Broker& broker = home_.broker();
    const bool outgoing = link.initiated;
    const ShardId shard = outgoing ? link.shard : link.shard % broker.shard_count();
    if (outgoing) {
        data_dials_[shard].linked = true;
        data_dials_[shard].connector->take_link();
    }
    // A function that can be copied has to hold it.
    auto moved = std::make_shared<cluster::MovedLink>(std::move(link));
    broker.post(shard, [&target = *broker.shards()[shard], number = number_, outgoing, moved] {
        if (outgoing) {
            target.node_links()->adopt_outgoing(number, std::move(*moved));
        } else {
            target.node_links()->adopt_incoming(number, std::move(*moved));
        }
    });
}

void ClusterPeer::adopt_control(cluster::MovedLink moved) {
    auto link = std::make_unique<Link>(home_.links(), handler(), std::move(moved));
    if (control_) {
        // Both nodes have to keep the same one of two. A process that has started anew has none of
        // the earlier one's.
        const bool same_boot = control_->peer().boot == link->peer().boot;
        const bool keep_old =
            same_boot && control_->initiated() == dials_first_ && link->initiated() != dials_first_;
        const Refusal duplicate{RefusalCode::Duplicate,
                                "there are two links between these nodes; the other one stays"};
        if (keep_old) return close(std::move(link), duplicate);
        sender_.end();
        close(std::move(control_), duplicate);
    } else {
        log::notice("node {} is there: linked with {}:{}{}", member_.name, link->address().address,
                    link->address().port, link->has_tls() ? " by TLS" : "");
    }
    told_down_ = false;
    if (!control_) since_ = std::chrono::system_clock::now();
    why_away_.clear();
    control_ = std::move(link);
    control_dial_.linked = true;
    control_dial_.connector->take_link();
    for (Dial& each : data_dials_) dial(each, Millis(0));
    std::string& out = control_->output().bytes();
    receiver_.begin(static_cast<std::uint64_t>(control_->peer().boot), out);
    home_.on_peer_changed();
    home_.on_peer_linked(*this);
    control_->start();
}

void ClusterPeer::on_frame(Link& link, const Frame& frame) {
    std::uint64_t number = 0;
    switch (frame.type) {
        case FrameType::FilterState: {
            cluster::FilterState state;
            if (!cluster::decode_filter_state(frame.body, state)) {
                return link.fail("it sends what cannot be read (filter state)");
            }
            sender_.begin(state.boot, state.number);
            return pump();
        }
        case FrameType::Filters:
            if (!receiver_.receive(frame.body)) {
                link.fail("it sends filters that cannot be read, or do not follow");
            }
            return;
        case FrameType::FilterAck:
            if (!cluster::decode_number(frame.body, number) || !sender_.acknowledge(number)) {
                return link.fail("it acknowledges filters that it was never sent");
            }
            return pump();
        default:
            break;
    }
    bool readable = true;
    if (home_.on_peer_frame(*this, frame, readable)) {
        if (!readable)
            link.fail("it sends what cannot be read, or does not follow (registration, question)");
        return;
    }
    if (!cluster::Replication::takes(frame.type)) return link.on_unknown(frame);
    if (const auto taken = home_.on_facts(*this, frame); !taken) link.fail(taken.error().detail);
}

void ClusterPeer::on_room(Link& /*link*/) { pump(); }

void ClusterPeer::pump() {
    if (!control_ || !control_->open()) return;
    while (control_->unsent() < kNodeLinkBuffer) {
        if (!sender_.pump(control_->output().bytes(), kNodeLinkBuffer / 4)) return;
    }
    control_->tell_when_below(kNodeLinkBuffer / 2);
}

void ClusterPeer::on_end(Link& link, const cluster::LinkEnd& end) {
    if (&link != control_.get()) return;
    sender_.end();
    home_.links().bury(std::move(control_));
    control_dial_.linked = false;
    dial_again(control_dial_);
    for (Dial& each : data_dials_) {
        if (!each.linked && !each.greeting) each.connector->stop();
    }
    told_down_ = true;
    since_ = std::chrono::system_clock::now();
    why_away_ = end.text;
    log::warning("node {} is away: {}", member_.name, end.text);
    home_.on_peer_lost(*this);
    home_.on_peer_changed();
}

void ClusterPeer::run() {
    if (!control_ || !control_->open()) return;
    pump();
    store_filters();
    // What the shards do not know yet, or a kill would take away, nobody may rely on.
    if (mapped_ == mapping_) receiver_.acknowledge(stored_state_, control_->output().bytes());
}

void ClusterPeer::begin_all() {
    if (next_slot_) home_.clear_slot(number_, *std::exchange(next_slot_, std::nullopt));
    next_slot_ = home_.take_slot();
    if (!next_slot_) {
        log::error(
            "node {}: there is no place for its filters: shards and other nodes together are at "
            "most {}; set a lower number of shards",
            member_.name, kMaxShards);
        return;
    }
    slots_ |= shard_bit(*next_slot_);
    map_slots();
    stored_.begin_all();
}

void ClusterPeer::set(std::string_view mountpoint, std::string_view filter, bool subscribed,
                      bool persistent) {
    const auto slot = next_slot_ ? next_slot_ : slot_;
    if (!slot) return;
    stored_.set(mountpoint, filter, subscribed && persistent);
    if (subscribed) {
        home_.index().set_remote(*slot, mountpoint, filter, persistent);
    } else {
        home_.index().clear_remote(*slot, mountpoint, filter);
    }
}

void ClusterPeer::set_group(std::string_view mountpoint, std::string_view group,
                            std::string_view filter, std::uint32_t online, std::uint32_t stored) {
    const auto slot = next_slot_ ? next_slot_ : slot_;
    if (!slot) return;
    stored_.set_group(mountpoint, group, filter, online, stored);
    home_.index().set_remote_group(*slot, mountpoint, group, filter, {online, stored});
}

void ClusterPeer::end_all() {
    if (next_slot_) stored_.end_all();
    if (slot_) replaced_.push_back({*slot_, mapping_});
    slot_ = std::exchange(next_slot_, std::nullopt);
    clear_replaced();
    told_all_ = true;
    told_with_ = mapping_;
    note_known();
}

/// Until the shards know the next bit, the one before it is what makes them send messages there.
void ClusterPeer::clear_replaced() {
    std::erase_if(replaced_, [this](const Replaced& each) {
        if (mapped_ < each.mapping) return false;
        home_.clear_slot(number_, each.slot);
        return true;
    });
}

void ClusterPeer::on_slot_cleared(routing::NodeSlot slot) {
    slots_ &= ~shard_bit(slot);
    map_slots();
}

void ClusterPeer::map_slots() {
    const std::uint64_t order = ++mapping_;
    const auto left = std::make_shared<std::atomic<std::uint32_t>>(home_.broker().shard_count());
    for (const auto& shard : home_.broker().shards()) {
        home_.broker().post(shard->id(), [&shard = *shard, number = number_, slots = slots_, left,
                                          order, &home = home_] {
            shard.set_node_slots(number, slots);
            if (--*left == 0) home.slots_mapped(number, order);
        });
    }
}

void ClusterPeer::on_slots_mapped(std::uint64_t order) {
    mapped_ = std::max(mapped_, order);
    clear_replaced();
    note_known();
}

void ClusterPeer::note_known() {
    if (known_ || !told_all_ || mapped_ < told_with_) return;
    known_ = true;
    home_.on_peer_changed();
}

void ClusterPeer::describe(ClusterNode& node) const {
    node.running = running();
    node.since = since_;
    node.why = why_away_;
    node.tls = control_ && control_->has_tls();
    node.links_wanted = data_dials_.size();
    for (const Dial& each : data_dials_) node.links += each.linked ? 1 : 0;
    for (const auto& each : waiting_) node.waiting_bytes += each->load(std::memory_order_relaxed);
    node.spooled_bytes = spool_->bytes.load(std::memory_order_relaxed);
}

}  // namespace vmq::broker
