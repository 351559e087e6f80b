#include "broker/cluster_service.h"

#include <algorithm>
#include <bit>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/entropy.h"
#include "base/log.h"
#include "broker/broker.h"
#include "broker/cluster_state.h"
#include "runtime/coordination.h"

namespace vmq::broker {

using cluster::Frame;
using cluster::FrameType;
using cluster::Link;
using cluster::LinkKind;
using cluster::Refusal;
using cluster::RefusalCode;
using cluster::Roster;

namespace {

constexpr Millis kJoinTimeout{10'000};
/// Filters of the index looked at in one go, per cleared bit.
constexpr int kClearedAtOnce = 4;
constexpr Millis kTick{500};
/// More who have not said who they are get no place.
constexpr std::size_t kMostVisitors = 256;

std::string host_of(const std::string& node) { return node.substr(node.find('@') + 1); }

/// The filters of this node as its index has them.
class IndexedFilters final : public cluster::FilterSource {
public:
    explicit IndexedFilters(const routing::SubscriptionIndex& index) : index_(index) {}

    bool portion(std::uint32_t number, std::vector<cluster::FilterChange>& filters) const override {
        routing::FilterWalk walk{.table = number};
        std::vector<routing::SubscriptionIndex::LocalFilter> found;
        index_.collect_local_some(walk, found);
        for (auto& each : found) {
            filters.push_back(
                {std::move(each.mountpoint), std::move(each.filter), true, each.persistent});
        }
        return !walk.done;
    }

private:
    const routing::SubscriptionIndex& index_;
};

}  // namespace

ClusterService::ClusterService(Broker& broker, ClusterOptions options)
    : broker_(broker),
      options_(std::move(options)),
      metrics_(broker.shards().front()->shared().cluster_metrics),
      netsplit_(options_.netsplit_policy, broker.shards().front()->shared().readiness, metrics_),
      loop_(broker.shard_count()),
      links_(std::make_unique<cluster::LinkLoop>(loop_, metrics_, options_.links)),
      random_(entropy()) {
    free_slots_ = ~index().local();
    local_.name = options_.node;
    local_.boot = cluster::Boot{entropy()};
    local_.longest_frame = options_.longest_frame;
    filter_log_ = std::make_unique<cluster::FilterLog>(static_cast<std::uint64_t>(local_.boot));
    filters_ = std::make_unique<IndexedFilters>(index());
}

ClusterService::~ClusterService() {
    SharedState& shared = broker_.shards().front()->shared();
    shared.cluster = nullptr;
    shared.readiness.set_ready(true);
    shared.subscriptions.observe(nullptr);
    loop_.stop();
    thread_.reset();
    acceptors_.clear();
    peers_.clear();
    visitors_.clear();
    joining_.reset();
    links_.reset();
}

routing::SubscriptionIndex& ClusterService::index() noexcept {
    return broker_.shards().front()->shared().subscriptions;
}

const cluster::FilterSource& ClusterService::filters() const noexcept { return *filters_; }

void ClusterService::post(std::function<void()> work) {
    boost::asio::post(loop_.io(), std::move(work));
}

Result<void> ClusterService::start() {
    if (!cluster::is_valid_node_name(options_.node)) {
        return Error{ErrorCode::InvalidValue,
                     "nodename = " + options_.node + " is no node name: write name@host"};
    }
    auto key = cluster::CookieKey::derive(options_.cookie);
    if (!key) return key.error();
    key_.emplace(std::move(key).value());
    if (auto opened = open_listeners(); !opened) return opened.error();
    if (auto loaded = load_state(); !loaded) return loaded.error();
    for (const auto& shard : broker_.shards()) {
        broker_.post(shard->id(), [this, &shard = *shard] {
            shard.start_node_links(options_.links, [this](NodeNumber node, ShardId lost) {
                post([this, node, lost] {
                    for (const auto& [name, peer] : peers_) {
                        if (peer->number() == node) peer->on_data_link_lost(lost);
                    }
                });
            });
        });
    }
    follow_roster();
    look_for_netsplit();
    paint();
    loop_.timers().start(ticker_, loop_.now() + kTick);
    index().observe(this);
    broker_.shards().front()->shared().cluster = this;
    started_ = true;
    thread_ = std::make_unique<runtime::LoopThread>(loop_, turns(), "cluster");
    return {};
}

Result<void> ClusterService::open_listeners() {
    for (ClusterListener& listener : options_.listeners) {
        auto opened = transport::open_listeners(listener.where, 1);
        if (!opened) return opened.error();
        acceptors_.push_back(std::make_unique<transport::Acceptor>(
            loop_, opened.value().front(),
            [this, &listener](int fd, transport::PeerAddress peer) {
                on_accept(listener, fd, std::move(peer));
            },
            [] { return Millis::zero(); }));
        // One with TLS is preferred by those who dial.
        if (local_.port == 0 || listener.tls) {
            local_.port = listener.where.port;
            local_.port_has_tls = listener.tls != nullptr;
        }
    }
    return {};
}

void ClusterService::stop_accepting() {
    post([this] {
        stopping_ = true;
        for (const auto& acceptor : acceptors_) acceptor->close();
    });
}

Result<void> ClusterService::load_state() {
    auto state = ClusterState::load(options_.state_file);
    if (!state) return state.error();
    local_.incarnation = state.value().incarnation;
    const cluster::NodeAddress own{host_of(options_.node), local_.port, local_.port_has_tls};
    roster_.emplace(cluster::Member{options_.node, local_.incarnation, own});
    if (!state.value().members.empty()) {
        if (roster_->merge(state.value().members) == Roster::Merged::Malformed) {
            return Error{ErrorCode::InvalidValue,
                         options_.state_file + " is damaged: move it away to begin a new cluster"};
        }
        if (state.value().node != options_.node) {
            roster_->remove(state.value().node);
            if (!roster_->alone()) {
                return Error{ErrorCode::InvalidValue,
                             "this node is a member of a cluster as " + state.value().node +
                                 ", and nodename is " + options_.node +
                                 ": set it back, or leave the cluster first"};
            }
            roster_->begin_alone();
        }
        if (roster_->removed_self()) roster_->begin_alone();
        roster_->reassert(own);
    }
    save_state();
    return {};
}

void ClusterService::save_state() {
    ClusterState state{options_.node, local_.incarnation, {}};
    roster_->encode(state.members);
    if (auto saved = state.save(options_.state_file); !saved) {
        log::error("cluster: {}; after a restart this node knows the members it knew before",
                   saved.error().detail);
    }
}

// Members.

void ClusterService::on_roster_changed() {
    if (roster_->removed_self()) {
        log::warning("this node has been removed from the cluster; it goes on alone");
        roster_->begin_alone();
    }
    save_state();
    follow_roster();
    for (const auto& [name, peer] : peers_) peer->send_roster();
}

void ClusterService::follow_roster() {
    std::erase_if(peers_, [this](auto& each) {
        const cluster::Member* member = roster_->find(each.first);
        if (member != nullptr && member->incarnation == each.second->member().incarnation) {
            each.second->set_address(member->address);
            return false;
        }
        each.second->leave({RefusalCode::Left, "it is no member of the cluster any more"});
        if (member == nullptr) log::notice("node {} is no member any more", each.first);
        return true;
    });
    for (const auto& [name, member] : roster_->members()) {
        if (name == options_.node || peers_.contains(name)) continue;
        auto peer = std::make_unique<ClusterPeer>(home(), NodeNumber{++last_node_}, member,
                                                  options_.node, options_.outgoing_bytes);
        // Nobody misses one that others let in before it has had time to come.
        if (started_ && !joining_) peer->expect_until(loop_.now() + kJoinTimeout);
        peers_.emplace(name, std::move(peer));
    }
    if (joining_) netsplit_.begin_anew();
    alone_ = roster_->alone();
    picture_stale_ = true;
}

void ClusterService::on_roster(ClusterPeer& peer, std::string_view body) {
    switch (roster_->merge(body)) {
        case Roster::Merged::Malformed:
            log::error("node {} sends members that cannot be read", peer.member().name);
            return;
        case Roster::Merged::Changed:
            // Not from within the peer's own call: it may go.
            return post([this] { on_roster_changed(); });
        case Roster::Merged::Nothing:
            return;
    }
}

void ClusterService::append_roster(std::string& out) {
    cluster::FrameWriter frame(FrameType::Members, out);
    std::string body;
    roster_->encode(body);
    frame.body().bytes(body);
    frame.finish();
}

ClusterPeer* ClusterService::find_peer(std::string_view name) noexcept {
    const auto at = peers_.find(name);
    return at == peers_.end() ? nullptr : at->second.get();
}

// Links.

std::optional<Refusal> ClusterService::judge(const cluster::Hello& peer) const {
    const std::string here = options_.node;
    if (stopping_) return Refusal{RefusalCode::ShuttingDown, here + " shuts down"};
    const auto at = peers_.find(peer.node);
    if (peer.kind == LinkKind::Join) {
        if (at != peers_.end() && at->second->running() &&
            at->second->member().incarnation != peer.incarnation) {
            return Refusal{RefusalCode::NameTaken,
                           "a node of the name " + peer.node +
                               " is a member and runs: give this one another nodename"};
        }
        return std::nullopt;
    }
    if (at != peers_.end() && at->second->member().incarnation == peer.incarnation) {
        return std::nullopt;
    }
    if (at != peers_.end()) {
        return Refusal{RefusalCode::NotMember,
                       peer.node +
                           " has another disk than the member of this name: join again "
                           "with vmq-admin cluster join discovery-node=" +
                           here};
    }
    if (roster_->has_left(peer.node)) {
        return Refusal{RefusalCode::Left, peer.node +
                                              " has left the cluster: join again with vmq-admin "
                                              "cluster join discovery-node=" +
                                              here};
    }
    return Refusal{RefusalCode::NotMember,
                   peer.node +
                       " is no member of the cluster: join with vmq-admin cluster join "
                       "discovery-node=" +
                       here};
}

void ClusterService::on_accept(const ClusterListener& listener, int fd,
                               transport::PeerAddress peer) {
    if (visitors_.size() >= kMostVisitors) {
        ::close(fd);
        return;
    }
    auto visitor = std::make_unique<Visitor>();
    visitor->link = std::make_unique<Link>(
        *links_, handler(), local_, *key_, Link::Accepted{fd, std::move(peer), listener.tls},
        [this](const cluster::Hello& hello) { return judge(hello); });
    visitors_.push_back(std::move(visitor));
    visitors_.back()->link->start();
}

std::unique_ptr<Link> ClusterService::make_link(const cluster::NodeAddress& at, int fd,
                                                cluster::Handshake::Purpose purpose) {
    Link::Dialled dialled{
        fd, {at.host, at.port}, at.tls ? options_.tls : nullptr, at.host, std::move(purpose)};
    return std::make_unique<Link>(*links_, handler(), local_, *key_, std::move(dialled),
                                  [](const cluster::Hello&) { return std::optional<Refusal>(); });
}

std::string_view ClusterService::why_not_dialled(const cluster::NodeAddress& at) const {
    if (at.port == 0) return "it has no clustering listener (listener.vmq.clustering)";
    if (at.tls && !options_.tls) {
        return "its clustering listener wants TLS (listener.vmqs), and this node has none whose "
               "certificates it could use";
    }
    return {};
}

void ClusterService::greet(ClusterPeer& peer, LinkKind kind, ShardId shard, int fd) {
    auto visitor = std::make_unique<Visitor>();
    visitor->expected = peer.member().name;
    visitor->kind = kind;
    visitor->shard = shard;
    visitor->link = make_link(peer.member().address, fd,
                              {kind, static_cast<std::uint16_t>(shard), visitor->expected});
    visitors_.push_back(std::move(visitor));
    visitors_.back()->link->start();
}

void ClusterService::on_agreed(Link& link) {
    if (joining_ && joining_->link.get() == &link) return;  // the members come
    const auto at = std::find_if(visitors_.begin(), visitors_.end(),
                                 [&](const auto& each) { return each->link.get() == &link; });
    if (at == visitors_.end()) return;
    if (link.kind() == LinkKind::Join) return admit(link);
    const std::unique_ptr<Visitor> visitor = std::move(*at);
    visitors_.erase(at);
    ClusterPeer* peer = find_peer(link.peer().node);
    const bool right = peer != nullptr && peer->member().incarnation == link.peer().incarnation;
    if (!visitor->expected.empty()) {
        if (ClusterPeer* dialled = find_peer(visitor->expected)) {
            dialled->on_dialled(visitor->kind, visitor->shard, right,
                                "it has another disk than the member of this name");
        }
    }
    if (right) {
        peer->on_link(link.release());
    } else {
        link.close({RefusalCode::NotMember, "it is no member of the cluster"});
    }
    links_->bury(std::move(visitor->link));
}

// A node that wants to join has proven the cookie.
void ClusterService::admit(Link& link) {
    const cluster::Hello& hello = link.peer();
    const cluster::Member member{
        hello.node, hello.incarnation, {host_of(hello.node), hello.port, hello.port_has_tls}};
    const bool known = find_peer(hello.node) != nullptr;
    const auto needed = static_cast<std::size_t>(std::popcount(free_slots_));
    auto admitted = !known && needed < 2 ? Result<void>(Error{ErrorCode::LimitReached,
                                                              "the cluster has as many nodes as "
                                                              "this one has room for"})
                                         : roster_->admit(member);
    if (!admitted) {
        log::warning("node {} may not join: {}", hello.node, admitted.error().detail);
        return link.fail(admitted.error().detail);
    }
    log::notice("node {} joins the cluster", hello.node);
    on_roster_changed();
    append_roster(link.output().bytes());
}

void ClusterService::on_frame(Link& link, const Frame& frame) {
    if (joining_ && joining_->link.get() == &link && frame.type == FrameType::Members) {
        const bool good = roster_->merge(frame.body) == Roster::Merged::Changed;
        if (good) on_roster_changed();
        return finish_join(good ? Result<void>()
                                : Result<void>(Error{ErrorCode::ProtocolViolation,
                                                     "what it says of its members cannot be "
                                                     "read"}));
    }
    link.on_unknown(frame);
}

void ClusterService::on_end(Link& link, const cluster::LinkEnd& end) {
    if (joining_ && joining_->link.get() == &link) {
        return finish_join(
            Error{ErrorCode::Unavailable,
                  end.refusal ? std::string(cluster::refusal_name(*end.refusal)) + ": " + end.text
                              : "not_reachable: " + end.text});
    }
    const auto at = std::find_if(visitors_.begin(), visitors_.end(),
                                 [&](const auto& each) { return each->link.get() == &link; });
    if (at == visitors_.end()) return;
    std::unique_ptr<Visitor> visitor = std::move(*at);
    visitors_.erase(at);
    if (!visitor->expected.empty()) {
        if (ClusterPeer* peer = find_peer(visitor->expected)) {
            peer->on_dialled(visitor->kind, visitor->shard, false, end.text);
            if (end.proven && end.refusal == RefusalCode::Left) {
                log::warning(
                    "node {} says that this node has left the cluster; it goes on alone. {}",
                    visitor->expected, end.text);
                post([this] {
                    roster_->begin_alone();
                    on_roster_changed();
                });
            }
        }
    } else if (link.kind() != LinkKind::Join || !end.proven) {
        log::warning("a node at {} ({}) is not let in: {}", link.address().address,
                     link.peer_name().empty() ? "it has not said who it is" : link.peer_name(),
                     end.text);
    }
    links_->bury(std::move(visitor->link));
}

// Joining.

Result<void> ClusterService::join(const std::string& name, const cluster::NodeAddress& at) {
    auto answer = runtime::ask_later<Result<void>>(
        [this](std::function<void()> work) { post(std::move(work)); },
        [this, name, at](std::function<void(Result<void>)> give) {
            begin_join(name, at, std::move(give));
        },
        kJoinTimeout + kTick * 2);
    if (answer) return std::move(*answer);
    return Error{ErrorCode::Unavailable, "not_reachable: no answer in time"};
}

void ClusterService::begin_join(std::string name, cluster::NodeAddress at, Done done) {
    if (name == options_.node) {
        return done(Error{ErrorCode::InvalidValue, "self_join"});
    }
    if (!roster_->alone()) {
        if (ClusterPeer* peer = find_peer(name)) {
            // It has been done; or all nodes have moved and have to be told of one another.
            if (!peer->running()) peer->set_address(at);
            return done({});
        }
        return done(
            Error{ErrorCode::InvalidValue,
                  "non_empty_node: this node is in a cluster with others; leave that first"});
    }
    if (joining_) return done(Error{ErrorCode::Unavailable, "another join is under way"});
    if (const std::string_view why = why_not_dialled(at); !why.empty()) {
        return done(Error{ErrorCode::Unavailable, "not_reachable: " + std::string(why)});
    }
    auto connector = std::make_unique<cluster::Connector>(loop_, dialler(), cluster::DialSettings{},
                                                          random_.next());
    joining_.emplace(Joining{std::move(name), at, std::move(done), std::move(connector), nullptr,
                             loop_.now() + kJoinTimeout});
    joining_->connector->dial(at.host, at.port);
}

void ClusterService::on_connected(cluster::Connector& /*connector*/, int fd,
                                  transport::PeerAddress /*address*/) {
    joining_->link = make_link(joining_->at, fd, {LinkKind::Join, 0, joining_->name});
    joining_->link->start();
}

void ClusterService::on_dial_failed(cluster::Connector& /*connector*/, const std::string& why) {
    finish_join(Error{ErrorCode::Unavailable, "not_reachable: " + why});
}

void ClusterService::finish_join(Result<void> result) {
    Joining joining = std::move(*joining_);
    joining_.reset();
    joining.connector->stop();
    // It may be the one that calls.
    boost::asio::post(loop_.io(), [connector = std::move(joining.connector)] {});
    if (joining.link) {
        if (joining.link->state() != Link::State::Ended) {
            joining.link->close({RefusalCode::Duplicate, "that was all"});
        }
        links_->bury(std::move(joining.link));
    }
    joining.done(std::move(result));
}

Result<void> ClusterService::remove(const std::string& name) {
    auto answer = runtime::ask_later<Result<void>>(
        [this](std::function<void()> work) { post(std::move(work)); },
        [this, name](const std::function<void(Result<void>)>& give) {
            if (!roster_->remove(name)) {
                return give(Error{ErrorCode::NotFound, name + " is no member of the cluster"});
            }
            if (name == options_.node) {
                // The others hear it before this node forgets them.
                for (const auto& [other, peer] : peers_) peer->send_roster();
                save_state();
                links_->on_turn_end();
            }
            on_roster_changed();
            give({});
        },
        kJoinTimeout);
    if (answer) return std::move(*answer);
    return Error{ErrorCode::Unavailable, "the cluster's thread has not answered in time"};
}

// Filters.

void ClusterService::on_local_change(std::string mountpoint, std::string filter) {
    if (alone()) return;  // who comes later gets everything
    mail_.with([&](Mail& mail) {
        mail.items.push_back({std::move(mountpoint), std::move(filter), 0, 0});
    });
    mail_waiting_.store(true, std::memory_order_seq_cst);
    loop_.wake();
}

void ClusterService::await_filters(ShardId shard, std::uint64_t ticket) {
    mail_.with([&](Mail& mail) { mail.items.push_back({{}, {}, ticket, shard}); });
    mail_waiting_.store(true, std::memory_order_seq_cst);
    loop_.wake();
}

void ClusterService::on_mail() {
    mail_waiting_.store(false, std::memory_order_seq_cst);
    const auto items = mail_.with([](Mail& mail) { return std::exchange(mail.items, {}); });
    for (const Mail::Item& item : items) {
        if (item.ticket != 0) {
            filter_waits_.push_back({filter_log_->number(),
                                     loop_.now() + options_.filters_known_timeout, item.shard,
                                     item.ticket});
            continue;
        }
        const auto presence = index().local_presence(item.mountpoint, item.filter);
        filter_log_->add({item.mountpoint, item.filter, presence.subscribed, presence.persistent});
    }
}

void ClusterService::tell_filters_known() {
    while (!filter_waits_.empty()) {
        const FilterWait& wait = filter_waits_.front();
        const bool known = std::all_of(peers_.begin(), peers_.end(), [&](const auto& each) {
            return !each.second->running() || each.second->knows_filters(wait.number);
        });
        if (!known && loop_.now() < wait.deadline) return;
        if (!known) metrics_.add(metrics::Counter::ClusterSubscribeTimeout);
        broker_.post(wait.shard, [&shard = *broker_.shards()[wait.shard], ticket = wait.ticket] {
            shard.filters_known(ticket);
        });
        filter_waits_.pop_front();
    }
}

std::optional<routing::NodeSlot> ClusterService::take_slot() {
    if (free_slots_ == 0) return std::nullopt;
    const auto slot = static_cast<routing::NodeSlot>(std::countr_zero(free_slots_));
    free_slots_ &= ~shard_bit(slot);
    return slot;
}

void ClusterService::clear_slot(NodeNumber node, routing::NodeSlot slot) {
    clearing_.push_back({slot, {}, node});
}

void ClusterService::clear_some() {
    if (clearing_.empty()) return;
    Clearing& clearing = clearing_.front();
    for (int i = 0; i < kClearedAtOnce && !clearing.walk.done; ++i) {
        index().clear_remote_some(clearing.slot, clearing.walk);
    }
    if (clearing.walk.done) {
        free_slots_ |= shard_bit(clearing.slot);
        for (const auto& [name, peer] : peers_) {
            if (peer->number() == clearing.node) peer->on_slot_cleared(clearing.slot);
        }
        clearing_.pop_front();
    }
    loop_.run_again();
}

void ClusterService::slots_mapped(NodeNumber node, std::uint64_t order) {
    post([this, node, order] {
        for (const auto& [name, peer] : peers_) {
            if (peer->number() == node) peer->on_slots_mapped(order);
        }
    });
}

// Turns.

void ClusterService::on_turn_end() {
    clear_some();
    TimePoint next = kNever;
    for (const auto& [name, peer] : peers_) {
        peer->run();
    }
    tell_filters_known();
    if (!filter_waits_.empty()) next = std::min(next, filter_waits_.front().deadline);
    if (joining_ && loop_.now() >= joining_->deadline) {
        finish_join(Error{ErrorCode::Unavailable, "not_reachable: no answer in time"});
    }
    links_->on_turn_end();
    if (std::exchange(picture_stale_, false)) {
        look_for_netsplit();
        paint();
    }
    if (next != kNever) loop_.wake_by(next);
}

void ClusterService::tick() {
    picture_stale_ = true;
    loop_.timers().start(ticker_, loop_.now() + kTick);
}

void ClusterService::set_netsplit_policy(config::NetsplitPolicy policy) {
    post([this, policy] {
        netsplit_.set_policy(policy);
        picture_stale_ = true;
    });
}

void ClusterService::look_for_netsplit() {
    std::vector<NetsplitWatch::Member> members;
    for (const auto& [name, member] : roster_->members()) {
        const ClusterPeer* peer = find_peer(name);
        if (peer != nullptr && peer->expected(loop_.now())) continue;
        members.push_back({name, name == options_.node || (peer != nullptr && peer->serving())});
    }
    netsplit_.look(members, loop_.now());
}

void ClusterService::paint() {
    ClusterPicture picture;
    picture.policy = word_of(netsplit_.policy());
    SharedState& shared = broker_.shards().front()->shared();
    picture.ready = shared.readiness.ready();
    for (const auto& [name, member] : roster_->members()) {
        ClusterNode& node = picture.nodes.emplace_back();
        node.name = name;
        node.address = member.address;
        node.self = node.running = name == options_.node;
        if (const ClusterPeer* peer = find_peer(name)) peer->describe(node);
    }
    shared.cluster_picture.with([&](ClusterPicture& shown) { shown = std::move(picture); });
}

std::vector<ClusterNode> ClusterService::nodes() const {
    return broker_.shards().front()->shared().cluster_picture.with(
        [](const ClusterPicture& picture) { return picture.nodes; });
}

}  // namespace vmq::broker
