#include "broker/cluster_service.h"

#include <algorithm>
#include <bit>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "broker/broker.h"
#include "broker/cluster_options.h"
#include "broker/peer_numbers.h"
#include "broker/session_moves.h"
#include "broker/shard.h"
#include "mqtt/topic.h"
#include "runtime/coordination.h"

namespace vmq::broker {

using cluster::Frame;
using cluster::FrameType;
using cluster::Link;
using cluster::LinkKind;
using cluster::Refusal;
using cluster::RefusalCode;

namespace {

/// Filters of the index looked at in one go, per cleared bit.
constexpr int kClearedAtOnce = 4;
constexpr Millis kTick{500};
constexpr Millis kStopPatience{5000};
/// More who have not said who they are get no place.
constexpr std::size_t kMostVisitors = 256;

/// The filters of this node as its index has them.
class IndexedFilters final : public cluster::FilterSource {
public:
    explicit IndexedFilters(const routing::SubscriptionIndex& index) : index_(index) {}

    bool portion(std::uint32_t number, std::vector<cluster::FilterChange>& filters) const override {
        routing::FilterWalk walk{.table = number};
        std::vector<routing::SubscriptionIndex::LocalFilter> found;
        index_.collect_local_some(walk, found);
        for (auto& each : found) {
            filters.push_back({std::move(each.mountpoint), std::move(each.filter), true,
                               each.persistent, each.members.online, each.members.stored});
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
      has_tls_(options_.tls != nullptr),
      metrics_(broker.shards().front()->shared().cluster_metrics),
      netsplit_(options_.netsplit_policy, broker.shards().front()->shared().readiness, metrics_),
      loop_(broker.shard_count(), broker.surroundings().steady_now()),
      links_(std::make_unique<cluster::LinkLoop>(loop_, metrics_, options_.links)),
      random_(broker.surroundings().entropy()) {
    free_slots_ = ~index().local();
    local_.name = options_.node;
    local_.boot = cluster::Boot{broker.surroundings().entropy()};
    local_.longest_frame = options_.longest_frame;
    filter_log_ = std::make_unique<cluster::FilterLog>(static_cast<std::uint64_t>(local_.boot));
    filters_ = std::make_unique<IndexedFilters>(index());
    const auto output = [this](NodeNumber node) { return output_to(node); };
    registrar_ = std::make_unique<ClusterRegistrar>(broker_, loop_, options_.node, output);
    questions_ = std::make_unique<ClusterQuestions>(loop_, output, options_.serve_question);
    departure_ = std::make_unique<ClusterLeaving>(broker_, loop_, leaving_home());
    wills_ = std::make_unique<ClusterWills>(broker_, loop_, metrics_, wills_home(),
                                            options_.wills_after);
    registrar_->on_registration(
        [this](const cluster::ClientKey& key) { wills_->on_registration(key); });
}

ClusterService::~ClusterService() {
    SharedState& shared = broker_.shards().front()->shared();
    shared.cluster = nullptr;
    shared.readiness.set_ready(true);
    shared.wills_held = false;
    // What the last clients' wills have come to is told before the links end: in a turn behind
    // that.
    for (int turn = 0; thread_ && turn < 2; ++turn) {
        (void)runtime::ask<bool>([this](std::function<void()> work) { post(std::move(work)); },
                                 [] { return true; }, kStopPatience);
    }
    shared.subscriptions.observe(nullptr);
    broker_.serve_cluster({});
    loop_.stop();
    thread_.reset();
    departure_.reset();
    wills_.reset();
    acceptors_.clear();
    peers_.clear();
    visitors_.clear();
    joining_.reset();
    facts_.reset();
    links_.reset();
}

routing::SubscriptionIndex& ClusterService::index() noexcept {
    return broker_.shards().front()->shared().subscriptions;
}

const cluster::FilterSource& ClusterService::filters() const noexcept { return *filters_; }

void ClusterService::post(std::function<void()> work) {
    boost::asio::post(loop_.io(), std::move(work));
}

Result<void> ClusterService::prepare() {
    if (!cluster::is_valid_node_name(options_.node)) {
        return Error{ErrorCode::InvalidValue,
                     "nodename = " + options_.node + " is no node name: write name@host"};
    }
    key_ = broker_.surroundings().cookie_key;
    if (!key_) {
        auto key = cluster::CookieKey::derive(options_.cookie);
        if (!key) return key.error();
        key_ = std::make_shared<const cluster::CookieKey>(std::move(key).value());
    }
    if (auto opened = open_listeners(); !opened) return opened.error();
    if (auto opened = open_facts(); !opened) return opened.error();
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
    follow_members();
    tell_who_is_away();
    forget_strangers();
    look_for_netsplit();
    paint();
    loop_.timers().start(ticker_, loop_.now() + kTick);
    index().observe(this);
    broker_.shards().front()->shared().cluster = this;
    wills_->start(this_process());
    shown_ = options_.listeners;
    for (ClusterListener& listener : shown_) listener.tls.reset();
    return {};
}

void ClusterService::start() {
    started_ = true;
    if (!broker_.surroundings().threads) return;
    thread_ = std::make_unique<runtime::LoopThread>(loop_, turns(), "cluster");
}

// What is kept for nodes that are no members any more, and what they have kept.
void ClusterService::forget_strangers() {
    for (const auto& shard : broker_.shards()) {
        broker_.post(shard->id(), [&shard = *shard] { shard.forget_outboxes(); });
    }
    store::WriteBatch batch;
    for (const auto& [node, left] : std::exchange(stored_filters_, {})) {
        StoredFilters::forget(node, batch);
    }
    take_late_records(batch);
    if (batch.empty()) return;
    broker_.commit_for_cluster(std::move(batch), [](store::CommitStatus /*status*/) {});
}

std::vector<std::string> ClusterService::stored_names(const std::vector<NodeNumber>& nodes) const {
    std::vector<std::string> names;
    for (const auto& [name, peer] : peers_) {
        const bool named = std::ranges::find(nodes, peer->number()) != nodes.end();
        if (named) names.push_back(stored_name(peer->member()));
    }
    return names;
}

void ClusterService::take_late_records(store::WriteBatch& batch) {
    SharedState& shared = broker_.shards().front()->shared();
    for (LateRecord& record : std::exchange(late_records_, {})) {
        LateMessages::Session session{
            std::move(record.mountpoint), std::move(record.client_id), record.filters, {}};
        for (const auto& [name, peer] : peers_) {
            const std::string stored = stored_name(peer->member());
            if (std::ranges::find(record.from, stored) == record.from.end()) continue;
            session.from.push_back(peer->number());
        }
        const LateMessages::Change change = shared.late_messages.add(session, record.number);
        if (!change.put) {
            batch.add(delete_of_late_record(record.number));
        } else if (!change.gone.empty()) {
            batch.add(put_of({record.number, change.put->mountpoint, change.put->client_id,
                              change.put->filters, stored_names(change.put->from)}));
        }
        for (const std::uint64_t gone : change.gone) batch.add(delete_of_late_record(gone));
    }
    if (!shared.late_messages.any()) return;
    broker_.post(0, [&shard = *broker_.shards().front()] { shard.moves().look_for_late(); });
}

void ClusterService::accept(int fd, transport::PeerAddress peer) {
    on_accept(options_.listeners.front(), fd, std::move(peer));
}

Result<void> ClusterService::open_listeners() {
    for (ClusterListener& listener : options_.listeners) {
        if (broker_.surroundings().threads) {
            auto opened = transport::open_listeners(listener.where, 1);
            if (!opened) return opened.error();
            acceptors_.push_back(std::make_unique<transport::Acceptor>(
                loop_, opened.value().front(),
                [this, &listener](int fd, transport::PeerAddress peer) {
                    on_accept(listener, fd, std::move(peer));
                },
                [] { return Millis::zero(); }));
        }
        // One with TLS is preferred by those who dial.
        if (local_.port == 0 || listener.tls) {
            local_.port = listener.where.port;
            local_.port_has_tls = listener.tls != nullptr;
        }
    }
    return {};
}

std::vector<ClusterListener> ClusterService::listeners() const { return shown_; }

void ClusterService::reload_tls() {
    for (std::size_t i = 0; i < shown_.size(); ++i) {
        if (!shown_[i].tls_files) continue;
        auto context = transport::TlsContext::load(*shown_[i].tls_files, nullptr);
        auto client = transport::TlsClientContext::load(client_tls_options(*shown_[i].tls_files));
        if (!context || !client) {
            log::error("listener.vmqs.{}: {}; it goes on with what was loaded before",
                       shown_[i].name, (context ? client.error() : context.error()).detail);
            continue;
        }
        log::notice("listener.vmqs.{}: certificates and keys are loaded anew", shown_[i].name);
        post([this, i, context = std::shared_ptr(std::move(context).value()),
              client = std::shared_ptr(std::move(client).value())] {
            options_.listeners[i].tls = context;
            options_.tls = client;
        });
    }
}

void ClusterService::stop_accepting() {
    if (!started_) return;
    // Whatever waits for shards has to be through before they end.
    (void)runtime::ask<bool>([this](std::function<void()> work) { post(std::move(work)); },
                             [this] {
                                 stopping_ = true;
                                 for (const auto& acceptor : acceptors_) acceptor->close();
                                 departure_->stop();
                                 return true;
                             },
                             kStopPatience);
}

Result<void> ClusterService::open_facts() {
    broker_.serve_cluster([this](std::function<void()> work) { post(std::move(work)); });
    const auto stored = broker_.take_stored_facts();
    stored_filters_ = StoredFilters::read(stored);
    late_records_ = read_late_records(stored);
    auto opened = ClusterFacts::open(
        broker_, facts_home(), loop_, metrics_,
        {options_.node, options_.longest_frame, random_.next(), options_.on_shared_facts}, stored);
    if (!opened) return opened.error();
    facts_ = std::move(opened).value();
    local_.incarnation = facts_->incarnation();
    facts_->tell_shared();
    if (!facts_->in_use()) return {};
    if (auto announced = announce(); !announced) return announced.error();
    facts_->take_in_retained(false);
    return {};
}

void ClusterService::on_peer_linked(ClusterPeer& peer) {
    registrar_->node_up(peer.number(), peer.member().name);
    const cluster::Hello& hello = peer.control().peer();
    wills_->node_up(peer.number(), {hello.node, hello.incarnation, hello.boot},
                    hello.longest_frame);
    const auto linked = facts_->on_link_up(peer.writer(), peer.control().peer().longest_frame);
    if (linked) return;
    log::error("node {}: {}", peer.member().name, linked.error().detail);
}

void ClusterService::on_peer_lost(ClusterPeer& peer) {
    facts_->on_link_down(peer.writer());
    registrar_->node_down(peer.number());
    departure_->node_down(peer.number());
    wills_->node_down(peer.number());
    questions_->node_down(peer.number());
    tell_who_is_away();
    for (const auto& shard : broker_.shards()) {
        broker_.post(shard->id(), [&shard = *shard, number = peer.number()] {
            shard.redispatch_groups(number);
        });
    }
}

void ClusterService::tell_who_is_away() {
    ShardSet away = 0;
    for (const auto& [name, peer] : peers_) {
        if (!peer->running()) away |= peer->slots();
    }
    index().set_away(away);
}

Result<void> ClusterService::on_facts(ClusterPeer& peer, const Frame& frame) {
    return facts_->receive(peer.writer(), frame);
}

void ClusterService::send_facts(const cluster::Writer& to, std::string_view frames) {
    ClusterPeer* peer = find_peer(to.name);
    if (peer == nullptr || !peer->running() || !peer->control().open()) return;
    peer->control().output().bytes().append(frames);
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
    if (members().standing(peer.node, peer.incarnation) == cluster::Membership::Standing::Left) {
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
    visitor->number = ++last_visitor_;
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
    visitor->link =
        make_link(peer.address(), fd, {kind, static_cast<std::uint16_t>(shard), visitor->expected});
    visitors_.push_back(std::move(visitor));
    visitors_.back()->link->start();
}

void ClusterService::on_agreed(Link& link) {
    if (joining_ && joining_->link.get() == &link) {
        return cluster::append_join_request(members().request_join(), link.output().bytes());
    }
    const auto at = std::find_if(visitors_.begin(), visitors_.end(),
                                 [&](const auto& each) { return each->link.get() == &link; });
    if (at == visitors_.end()) return;
    if (link.kind() == LinkKind::Join) return;  // it says what it wants
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

void ClusterService::on_frame(Link& link, const Frame& frame) {
    if (joining_ && joining_->link.get() == &link && frame.type == FrameType::JoinReply) {
        return on_join_reply(frame.body);
    }
    if (link.kind() == LinkKind::Join && !link.initiated() && frame.type == FrameType::Join) {
        return admit(link, frame.body);
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
                post([this] { begin_alone(); });
            }
        }
    } else if (link.kind() != LinkKind::Join || !end.proven) {
        log::warning("a node at {} ({}) is not let in: {}", link.address().address,
                     link.peer_name().empty() ? "it has not said who it is" : link.peer_name(),
                     end.text);
    }
    links_->bury(std::move(visitor->link));
}

// Filters.

void ClusterService::mail(Mail::Item item) {
    mail_.with([&](Mail& mail) { mail.items.push_back(std::move(item)); });
    mail_waiting_.store(true, std::memory_order_seq_cst);
    loop_.wake();
}

void ClusterService::on_local_change(std::string mountpoint, std::string filter) {
    if (alone()) return;  // who comes later gets everything
    mail({Mail::What::Filter, std::move(mountpoint), std::move(filter)});
}

void ClusterService::await_filters(ShardId shard, std::uint64_t ticket) {
    mail({.what = Mail::What::Wait, .ticket = ticket, .shard = shard});
}

void ClusterService::on_retained_change(std::string_view mountpoint, std::string_view topic,
                                        bool kept) {
    mail({kept ? Mail::What::Retained : Mail::What::NotRetained, std::string(mountpoint),
          std::string(topic)});
}

void ClusterService::note_filter(const std::string& mountpoint, const std::string& filter) {
    if (const auto shared = mqtt::parse_shared_filter(filter)) {
        const auto members = index().local_group(mountpoint, shared->group, shared->filter);
        const bool any = members.online + members.stored > 0;
        return filter_log_->add({mountpoint, filter, any, false, members.online, members.stored});
    }
    const auto presence = index().local_presence(mountpoint, filter);
    filter_log_->add({mountpoint, filter, presence.subscribed, presence.persistent, 0, 0});
}

void ClusterService::on_mail() {
    mail_waiting_.store(false, std::memory_order_seq_cst);
    const auto items = mail_.with([](Mail& mail) { return std::exchange(mail.items, {}); });
    for (const Mail::Item& item : items) {
        switch (item.what) {
            case Mail::What::Wait:
                filter_waits_.push_back({filter_log_->number(),
                                         loop_.now() + options_.filters_known_timeout, item.shard,
                                         item.ticket});
                break;
            case Mail::What::Filter:
                note_filter(item.mountpoint, item.name);
                break;
            case Mail::What::Retained:
                if (!alone()) facts_->on_retained_change(item.mountpoint, item.name);
                broker_.shards().front()->shared().untold_retained.end(item.mountpoint, item.name);
                break;
            case Mail::What::NotRetained:
                broker_.shards().front()->shared().untold_retained.end(item.mountpoint, item.name);
                if (!alone()) facts_->on_not_retained(item.mountpoint, item.name);
                break;
        }
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

bool ClusterService::on_peer_frame(ClusterPeer& peer, const Frame& frame, bool& readable) {
    return registrar_->on_frame(peer.number(), frame, readable) ||
           departure_->on_frame(peer.number(), frame, readable) ||
           wills_->on_frame(peer.number(), frame, readable) ||
           questions_->on_frame(peer.number(), frame, readable);
}

void ClusterService::register_client(ShardId shard, std::uint64_t ticket, cluster::ClientKey key,
                                     cluster::Purpose purpose, cluster::Epoch since) {
    registrar_->register_client(shard, ticket, std::move(key), purpose, since);
}

void ClusterService::offer(cluster::PeerNumber node, cluster::ClientKey key) {
    registrar_->offer(to_node(node), std::move(key));
}

std::shared_ptr<const void> ClusterService::tell_will(cluster::LastWill will) {
    return wills_->tell(std::move(will));
}

void ClusterService::released(cluster::ReleaseOrder order, cluster::ReleaseReply::Code code,
                              cluster::Epoch held) {
    registrar_->released(std::move(order), code, held);
}

void ClusterService::claim(cluster::PeerNumber node, std::vector<cluster::Claim> claims) {
    registrar_->claim(to_node(node), std::move(claims));
}

void ClusterService::fence(ShardId shard, std::uint64_t ticket) {
    registrar_->fence(shard, ticket);
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
    next = std::min({next, registrar_->run(), questions_->run()});
    wills_->run();
    if (!filter_waits_.empty()) next = std::min(next, filter_waits_.front().deadline);
    if (joining_ && loop_.now() >= joining_->deadline) {
        finish_join(Error{ErrorCode::Unavailable, "not_reachable: no answer in time"});
    }
    facts_->turn();
    if (members_changed_) follow_members();
    leave_if_told();
    links_->on_turn_end();
    if (std::exchange(picture_stale_, false)) {
        tell_who_is_away();
        look_for_netsplit();
        paint();
    }
    if (next != kNever) loop_.wake_by(next);
}

void ClusterService::tick() {
    picture_stale_ = true;
    wills_->tick();
    loop_.timers().start(ticker_, loop_.now() + kTick);
}

void ClusterService::set_netsplit_policy(config::NetsplitPolicy policy) {
    if (!started_) return netsplit_.set_policy(policy);  // there is no other thread yet
    post([this, policy] {
        netsplit_.set_policy(policy);
        picture_stale_ = true;
    });
}

void ClusterService::look_for_netsplit() {
    std::vector<NetsplitWatch::Member> all{{options_.node, true}};
    for (const auto& [name, peer] : peers_) {
        if (!peer->expected(loop_.now())) all.push_back({name, peer->serving()});
    }
    netsplit_.look(all, loop_.now());
}

void ClusterService::paint() {
    ClusterPicture picture;
    picture.policy = word_of(netsplit_.policy());
    SharedState& shared = broker_.shards().front()->shared();
    picture.ready = shared.readiness.ready();
    numbers_.with([&](Shown& shown) { shown = {facts_->numbers(), questions_->counters()}; });
    ClusterNode self;
    self.name = options_.node;
    self.self = self.running = true;
    self.address = own_address();
    picture.nodes.push_back(std::move(self));
    for (const auto& [name, peer] : peers_) {
        ClusterNode& node = picture.nodes.emplace_back();
        node.name = name;
        node.address = peer->address();
        peer->describe(node);
        node.wills = wills_->known_of(peer->number());
    }
    std::ranges::sort(picture.nodes, {}, &ClusterNode::name);
    shared.cluster_picture.with([&](ClusterPicture& shown) { shown = std::move(picture); });
}

std::vector<ClusterNode> ClusterService::nodes() const {
    return broker_.shards().front()->shared().cluster_picture.with(
        [](const ClusterPicture& picture) { return picture.nodes; });
}

}  // namespace vmq::broker
