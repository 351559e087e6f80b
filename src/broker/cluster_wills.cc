#include "broker/cluster_wills.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.h"
#include "broker/broker.h"
#include "broker/cluster_facts.h"
#include "broker/limits.h"
#include "broker/shard.h"
#include "runtime/guarded.h"

namespace vmq::broker {

using cluster::Frame;
using cluster::FrameType;
using cluster::LastWill;
using cluster::NodeProcess;
using cluster::WillsDone;
using metrics::Counter;

namespace {

/// The first of the nodes that run publishes; should it not, the next one tries so much later.
constexpr Millis kRankWait{3000};
/// Whether others have published is waited for so long, if not enough of them are there to ask.
constexpr Millis kHoldLimit{60'000};
/// And all of them for so long: whoever subscribes on the one that comes last would miss the wills.
constexpr Millis kHoldForAll{3'000};
/// What its restarted node does not publish is somebody's business for so long, see look_at().
constexpr Millis kRestartedLimit{60'000};
/// Bytes of one frame, and those that may wait on a link.
constexpr std::size_t kPortion = 64UL * 1024;
constexpr std::size_t kMostWaiting = 256UL * 1024;

cluster::OwnWills::Peer peer_of(NodeNumber node) noexcept {
    return static_cast<std::uint32_t>(node);
}

}  // namespace

struct ClusterWills::Door {
    runtime::Guarded<ClusterWills*> wills;  // null: the service has ended
};

struct ClusterWills::Ticket {
    Ticket(std::shared_ptr<Door> way, std::uint64_t will) : door(std::move(way)), number(will) {}
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() {
        door->wills.with([this](ClusterWills* wills) {
            if (wills == nullptr) return;
            boost::asio::post(wills->loop_.io(), [wills, will = number] {
                wills->own_.remove(will);
                wills->told_.erase(will);
            });
        });
    }

    const std::shared_ptr<Door> door;
    const std::uint64_t number;
};

ClusterWills::ClusterWills(Broker& broker, runtime::ShardLoop& loop, metrics::ShardMetrics& metrics,
                           Home& home, std::optional<Millis> after)
    : broker_(broker),
      loop_(loop),
      metrics_(metrics),
      home_(home),
      after_(after),
      door_(std::make_shared<Door>()) {
    door_->wills.with([this](ClusterWills*& wills) { wills = this; });
}

ClusterWills::~ClusterWills() {
    door_->wills.with([](ClusterWills*& wills) { wills = nullptr; });
}

void ClusterWills::start(NodeProcess self) {
    self_ = std::move(self);
    held_ = true;
    held_for_all_until_ = loop_.now() + kHoldForAll;
    held_until_ = loop_.now() + kHoldLimit;
    for (const auto& shard : broker_.shards()) {
        broker_.post(shard->id(), [&shard = *shard] { shard.tell_restored_wills(); });
    }
    tick();
}

void ClusterWills::begin_alone(NodeProcess self) {
    self_ = std::move(self);
    for (const auto& known : known_) own_.end(peer_of(known->number));
    known_.clear();
    election_ = {};
}

std::shared_ptr<const void> ClusterWills::tell(LastWill will) {
    const std::uint64_t number = last_.fetch_add(1, std::memory_order_relaxed) + 1;
    auto ticket = std::make_shared<Ticket>(door_, number);
    boost::asio::post(loop_.io(), [this, number, told = static_cast<const void*>(ticket.get()),
                                   will = std::move(will)]() mutable {
        own_.add(number, std::move(will));
        told_.emplace(number, told);
    });
    return ticket;
}

// --- Links ---

ClusterWills::Known* ClusterWills::linked(NodeNumber node) noexcept {
    const auto at = std::ranges::find_if(
        known_, [&](const auto& known) { return known->linked && known->number == node; });
    return at == known_.end() ? nullptr : at->get();
}

std::size_t ClusterWills::known_of(NodeNumber node) const noexcept {
    std::size_t count = 0;
    for (const auto& known : known_) {
        if (known->number == node) count += known->wills.size();
    }
    return count;
}

std::size_t ClusterWills::room() const noexcept {
    std::size_t used = 0;
    for (const auto& known : known_) used += known->wills.bytes();
    return kMostWillBytes - std::min(kMostWillBytes, used);
}

void ClusterWills::node_up(NodeNumber node, const NodeProcess& process,
                           std::uint32_t longest_frame) {
    Known* there = nullptr;
    for (const auto& known : known_) {
        if (known->process == process) {
            there = known.get();
        } else if (known->process.node == process.node && known->linked) {
            known->linked = false;  // the new link has come before the end of the old one
            known->down_at = loop_.now();
        }
        if (known->process.node != process.node || known->process == process) continue;
        known->restarted = known->process.incarnation == process.incarnation;
    }
    if (there == nullptr) {
        there = known_.emplace_back(std::make_unique<Known>()).get();
        there->process = process;
    }
    there->number = node;
    there->linked = true;
    there->longest_frame = longest_frame;
    election_.forget(process);
    std::optional<std::uint32_t> done_s;
    WillsDone done;
    const auto value = home_.will_facts().wills_done(process.node);
    if (value && decode(process.node, *value, done) &&
        done.process.incarnation == process.incarnation && done.process.boot != process.boot) {
        done_s = done.delay_s;
    }
    own_.begin(peer_of(node), done_s);
}

void ClusterWills::node_down(NodeNumber node) {
    own_.end(peer_of(node));
    Known* known = linked(node);
    if (known == nullptr) return;
    known->linked = false;
    known->down_at = loop_.now();
}

void ClusterWills::node_removed(NodeNumber node) {
    node_down(node);
    for (const auto& known : known_) {
        if (known->number != node) continue;
        known->removed = true;
        known->removed_at = loop_.now();
    }
}

bool ClusterWills::on_frame(NodeNumber from, const Frame& frame, bool& readable) {
    Known* sender = linked(from);
    switch (frame.type) {
        case FrameType::Wills: {
            if (sender == nullptr) return true;
            cluster::WillsHead head;
            const std::uint64_t refused = sender->wills.refused();
            readable = sender->wills.read(frame.body, room(), head);
            if (readable && head.begins) on_head(head, from);
            const std::uint64_t more = sender->wills.refused() - refused;
            metrics_.add(Counter::ClusterWillsRefused, more);
            if (more > 0 && refused == 0) {
                log::warning(
                    "node {}: there is no room for all wills of its clients; those without are not "
                    "published should it die",
                    sender->process.node);
            }
            return true;
        }
        case FrameType::WillsVote: {
            cluster::WillsVote vote;
            readable = decode(frame.body, vote);
            std::string* out = home_.output_to(from);
            if (!readable || sender == nullptr || out == nullptr) return true;
            const bool gone = std::ranges::none_of(known_, [&](const auto& known) {
                return known->linked && known->process == vote.process;
            });
            const bool voted = vote.process != self_ &&
                               election_.vote(vote.process, sender->process.node, gone,
                                              [this](std::string_view node) { return runs(node); });
            append(cluster::WillsVoted{vote.process, voted}, *out);
            return true;
        }
        case FrameType::WillsVoted: {
            cluster::WillsVoted voted;
            readable = decode(frame.body, voted);
            if (readable && sender != nullptr && voted.voted) {
                election_.voted(voted.process, sender->process.node);
            }
            return true;
        }
        default:
            return false;
    }
}

void ClusterWills::on_registration(const cluster::ClientKey& key) {
    for (const auto& known : known_) known->wills.forget(key);
}

void ClusterWills::run() {
    for (const auto& known : known_) {
        if (!known->linked) continue;
        std::string* out = home_.output_to(known->number);
        while (out != nullptr && out->size() < kMostWaiting &&
               own_.has_more(peer_of(known->number))) {
            own_.write(peer_of(known->number), kPortion, known->longest_frame, *out);
        }
    }
}

// --- Own wills ---

void ClusterWills::on_head(const cluster::WillsHead& head, NodeNumber from) {
    if (!held_) return;
    if (head.done_s) return let_restored_go(head.done_s);
    heard_.insert(from);
}

// Whoever has published was chosen by more than half of the members: if so many others know of
// nothing that one of those is among them, nobody has.
void ClusterWills::look_at_own() {
    WillsDone done;
    const auto value = home_.will_facts().wills_done(self_.node);
    const bool some = value && decode(self_.node, *value, done);
    if (held_) {
        const std::size_t members = home_.member_count();
        const std::size_t enough = std::max<std::size_t>(members - (members / 2 + 1), 1);
        const bool usable = !broker_.shared().readiness.refuses(ClientAction::Publish);
        const bool all = heard_.size() + 1 >= members || loop_.now() >= held_for_all_until_;
        if (some && done.process.incarnation == self_.incarnation &&
            done.process.boot != self_.boot) {
            let_restored_go(done.delay_s);
        } else if (members <= 1 || loop_.now() >= held_until_ ||
                   (heard_.size() >= enough && usable && all)) {
            let_restored_go(std::nullopt);
        }
        if (held_) return;
    }
    if (!some) return;
    if (done.process == self_) {
        // This node was away, not dead. What others have published has been.
        std::size_t count = 0;
        for (const auto& [number, will] : own_.all()) {
            if (number > done.through || will.delay_s > done.delay_s) continue;
            const auto told = told_.find(number);
            if (told == told_.end()) continue;
            const ShardId home =
                broker_.shards().front()->home_of(will.key.mountpoint, will.key.client_id);
            broker_.post(home, [&shard = *broker_.shards()[home], key = will.key,
                                told = told->second] { shard.drop_told_will(key, told); });
            ++count;
        }
        log::warning(
            "while this node was away others have published the wills of its clients, {} of which "
            "are still connected",
            count);
    }
    home_.will_facts().clear_wills_done(self_.node);
}

void ClusterWills::let_restored_go(std::optional<std::uint32_t> published_s) {
    held_ = false;
    SharedState& shared = broker_.shards().front()->shared();
    if (!published_s) {
        shared.wills_held = false;
        return;
    }
    const auto left = std::make_shared<std::atomic<std::size_t>>(broker_.shards().size());
    for (const auto& shard : broker_.shards()) {
        broker_.post(shard->id(), [&shard = *shard, &shared, left, delay_s = *published_s] {
            shard.drop_restored_wills(delay_s);
            if (left->fetch_sub(1) == 1) shared.wills_held = false;
        });
    }
}

// --- Wills of nodes that are gone ---

bool ClusterWills::runs(std::string_view node) const {
    return node == self_.node || std::ranges::any_of(known_, [&](const auto& known) {
               return known->linked && known->process.node == node;
           });
}

std::size_t ClusterWills::needed() const {
    const std::size_t members = home_.member_count();
    if (members == 2 && home_.serves_alone()) return 1;
    return members / 2 + 1;
}

void ClusterWills::tick() {
    look_at_own();
    std::vector<const Known*> over;
    for (const auto& known : known_) {
        if (!known->linked && !look_at(*known)) over.push_back(known.get());
    }
    for (const Known* known : over) {
        election_.forget(known->process);
        std::erase_if(known_, [&](const auto& each) { return each.get() == known; });
    }
}

bool ClusterWills::look_at(Known& known) {
    WillsDone done;
    const auto value = home_.will_facts().wills_done(known.process.node);
    if (value && decode(known.process.node, *value, done) && done.process == known.process) {
        known.wills.forget_done(done.through, done.delay_s);
    }
    const auto shortest = known.wills.shortest_delay();
    const TimePoint now = loop_.now();
    if (!shortest) return !known.removed && !known.restarted;
    // Who has been chosen does it; nobody says so, because its node runs and has its own.
    if (known.restarted && now >= known.down_at + kRestartedLimit + Seconds(*shortest))
        return false;
    TimePoint base = known.down_at;
    if (!known.removed && !known.restarted) {
        if (!after_) return true;
        base += *after_;
    }
    if (now < base + Seconds(*shortest)) return true;
    if (known.removed && now < known.removed_at) return true;
    if (broker_.shared().readiness.refuses(ClientAction::Publish)) return true;

    std::vector<std::string_view> running{self_.node};
    for (const auto& each : known_) {
        if (each->linked) running.emplace_back(each->process.node);
    }
    if (running.size() < needed()) return true;
    std::ranges::sort(running);
    const auto rank = std::ranges::find(running, self_.node) - running.begin();
    const TimePoint since =
        std::max(base + Seconds(*shortest), known.removed ? known.removed_at : known.down_at);
    if (now < since + rank * kRankWait) return true;
    if (election_.stand(
            known.process, self_.node, [this](std::string_view node) { return runs(node); }, now)) {
        for (const auto& each : known_) {
            std::string* out = each->linked ? home_.output_to(each->number) : nullptr;
            if (out != nullptr) append(cluster::WillsVote{known.process}, *out);
        }
    }
    if (election_.votes(known.process) < needed()) return true;
    const auto passed = std::chrono::duration_cast<Seconds>(now - base).count();
    publish(known, known.wills.longest_delay(static_cast<std::uint32_t>(
                       std::clamp<std::int64_t>(passed, 0, 0xFFFF'FFFFLL))));
    return true;
}

void ClusterWills::publish(Known& known, std::uint32_t delay_s) {
    ClusterFacts& facts = home_.will_facts();
    if (!known.restarted) {
        const auto noted = facts.set_wills_done(
            known.process.node, encode(WillsDone{known.process, known.wills.through(), delay_s}));
        if (!noted) {
            log::error("wills of the clients of node {} are not published: {}", known.process.node,
                       noted.error().detail);
            return;
        }
    }
    std::vector<LastWill> wills = known.wills.take(delay_s);
    if (known.restarted) std::erase_if(wills, [](const LastWill& will) { return will.kept; });
    if (wills.empty()) return;
    log::notice("node {} is gone: {} wills of its clients are published", known.process.node,
                wills.size());
    // Before they are seen it has to be known that they were: twice is worse than late.
    facts.when_stored([this, wills = std::move(wills)] {
        for (const LastWill& will : wills) {
            const ShardId home =
                broker_.shards().front()->home_of(will.key.mountpoint, will.key.client_id);
            broker_.post(
                home, [&shard = *broker_.shards()[home], will] { shard.publish_last_will(will); });
        }
    });
}

}  // namespace vmq::broker
