#include "broker/cluster_leaving.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.h"
#include "broker/broker.h"
#include "broker/limits.h"
#include "broker/shard.h"

namespace vmq::broker {

using cluster::LeaveEnd;
using cluster::LeaveState;
using Step = cluster::Leave::Step;

namespace {

constexpr Millis kLookAtLeave{100};
constexpr Millis kCountMessages{1000};
/// For the last line to be read, before the process ends.
constexpr Millis kLastWords{3000};
/// Why the link of a node that was asked has ended, it has left perhaps, may take a moment to be
/// known.
constexpr Millis kLinkPatience{1000};

}  // namespace

ClusterLeaving::ClusterLeaving(Broker& broker, runtime::ShardLoop& loop, Home& home)
    : broker_(broker),
      loop_(loop),
      home_(home),
      timer_(this, [](void* self, TimePoint) { static_cast<ClusterLeaving*>(self)->look(); }) {}

ClusterLeaving::~ClusterLeaving() { stop(); }

void ClusterLeaving::stop() {
    if (helper_) helper_->stop();
}

void ClusterLeaving::post(std::function<void()> work) {
    boost::asio::post(loop_.io(), std::move(work));
}

// --- This node ---

void ClusterLeaving::begin(const cluster::LeaveOrder& order, std::shared_ptr<LeaveWatch> watch) {
    begin(order, Watcher{std::move(watch), {}, 0});
}

void ClusterLeaving::begin(const cluster::LeaveOrder& order, Watcher watcher) {
    if (watchers_.size() >= kMostLeaveWatches) {
        return tell(watcher, LeaveEnd::Failed, "error, too many watch this node leave",
                    "End those commands first.");
    }
    log::notice("this node is told to leave the cluster{}",
                order.kill_sessions ? ", with its sessions" : "");
    watchers_.push_back(std::move(watcher));
    leave_.begin(order, counts(), loop_.now());
    home_.set_adopts(!leave_.refuses_sessions());
    if (!timer_.running()) loop_.timers().start(timer_, loop_.now() + kLookAtLeave);
}

cluster::LeaveCounts ClusterLeaving::counts() const {
    return {home_.others_ready(),  shards_.connections,   shards_.sessions,     shards_.messages,
            shards_.sessions_gone, shards_.messages_gone, home_.waiting_bytes()};
}

void ClusterLeaving::look() {
    if (left_by_ != kNever) {
        const bool told =
            std::ranges::all_of(last_words_, [](const auto& watch) { return watch->over(); });
        if (!told && loop_.now() < left_by_) {
            return loop_.timers().start(timer_, loop_.now() + kLookAtLeave);
        }
        left_by_ = kNever;
        last_words_.clear();
        return home_.on_left();
    }
    for (auto at = asked_.begin(); at != asked_.end();) {
        if (loop_.now() < at->second.give_up_at) {
            ++at;
            continue;
        }
        at->second.watch->end(LeaveEnd::Failed, "error, the connection to that node is gone",
                              "Repeat the command when it runs again; it goes on from there.");
        at = asked_.erase(at);
    }
    if (leave_.step() == Step::Gather) leave_.look(counts(), loop_.now());
    if (leave_.under_way()) gather();
    if (leave_.under_way() || !asked_.empty()) {
        loop_.timers().start(timer_, loop_.now() + kLookAtLeave);
    }
}

void ClusterLeaving::gather() {
    if (gathering_ || leave_.step() < Step::Disconnect || leave_.step() > Step::Settle) return;
    gathering_ = true;
    const bool messages = loop_.now() >= messages_at_;
    if (messages) messages_at_ = loop_.now() + kCountMessages;
    struct Gathered {
        explicit Gathered(std::size_t shards) : counts(shards), left(shards) {}
        std::vector<HandoffCounts> counts;
        std::atomic<std::size_t> left;
    };
    const auto gathered = std::make_shared<Gathered>(broker_.shards().size());
    for (const auto& shard : broker_.shards()) {
        broker_.post(shard->id(), [this, &shard = *shard, gathered, messages] {
            gathered->counts[shard.id()] = shard.handoff().counts(messages);
            if (gathered->left.fetch_sub(1) > 1) return;
            post([this, gathered, messages] {
                HandoffCounts sum;
                for (const HandoffCounts& each : gathered->counts) {
                    sum.connections += each.connections;
                    sum.sessions += each.sessions;
                    sum.messages += each.messages;
                    sum.sessions_gone += each.sessions_gone;
                    sum.messages_gone += each.messages_gone;
                }
                on_gathered(sum, messages);
            });
        });
    }
}

void ClusterLeaving::on_gathered(const HandoffCounts& counted, bool messages) {
    gathering_ = false;
    const std::uint64_t before = shards_.messages;
    shards_ = counted;
    if (!messages) shards_.messages = before;
    if (shards_.sessions == 0) shards_.messages = 0;
    leave_.look(counts(), loop_.now());
    home_.set_adopts(!leave_.refuses_sessions());
}

void ClusterLeaving::members_changed() {
    if (leave_.step() == Step::Move || leave_.step() == Step::Settle) give_sessions_away();
}

void ClusterLeaving::suspend_listeners() {
    if (!helper_) {
        helper_ = std::make_unique<runtime::WorkPool<Job>>(1, 4, [](Job& job) { job(); });
    }
    Job job = [this] {
        std::string problem;
        for (const Listener* listener : broker_.listeners().all()) {
            if (!listener->running()) continue;
            const auto done = broker_.listeners().suspend(listener->address, listener->port);
            if (!done) problem = done.error().detail;
        }
        post([this, problem = std::move(problem)] { leave_.suspended(problem, loop_.now()); });
    };
    if (helper_->push(job)) return;
    post([this] { leave_.suspended("this node is busy or stops", loop_.now()); });
}

void ClusterLeaving::disconnect_clients() {
    shards_.connections = ~std::size_t{0};  // not known yet
    for (const auto& shard : broker_.shards()) {
        broker_.post(shard->id(), [&shard = *shard] { shard.handoff().disconnect_clients(); });
    }
}

void ClusterLeaving::give_sessions_away() {
    messages_at_ = {};
    for (const auto& shard : broker_.shards()) {
        broker_.post(shard->id(), [&shard = *shard, targets = home_.others()] {
            shard.handoff().begin(targets);
        });
    }
}

void ClusterLeaving::stop_giving() {
    for (const auto& shard : broker_.shards()) {
        broker_.post(shard->id(), [&shard = *shard] { shard.handoff().stop(); });
    }
}

void ClusterLeaving::remove_member() {
    home_.remove_self([this] { leave_.removed(); });
}

void ClusterLeaving::say(std::string line) {
    log::notice("leaving: {}", line);
    for (const Watcher& each : watchers_) tell(each, std::nullopt, line, {});
}

void ClusterLeaving::end(LeaveEnd how, std::string line, std::string hint) {
    if (how == LeaveEnd::Done) {
        log::notice("leaving: {}", line);
    } else {
        log::error("leaving: {} {}", line, hint);
    }
    home_.set_adopts(!leave_.refuses_sessions());
    const auto told = std::exchange(watchers_, {});
    for (const Watcher& each : told) {
        tell(each, how, line, hint);
        if (each.local) last_words_.push_back(each.local);
    }
    if (leave_.step() != Step::Gone) return last_words_.clear();
    left_by_ = loop_.now() + kLastWords;
    if (!timer_.running()) loop_.timers().start(timer_, loop_.now() + kLookAtLeave);
}

void ClusterLeaving::tell(const Watcher& watcher, std::optional<LeaveEnd> ended,
                          const std::string& line, const std::string& hint) {
    if (watcher.local) {
        if (!ended) return watcher.local->say(line);
        return watcher.local->end(*ended, line, hint);
    }
    if (std::string* out = home_.output_to(watcher.node)) {
        append(LeaveState{watcher.ticket, ended, line, hint}, *out);
    }
}

// --- Others ---

void ClusterLeaving::ask(NodeNumber node, const cluster::LeaveOrder& order,
                         std::shared_ptr<LeaveWatch> watch) {
    std::string* out = home_.output_to(node);
    if (out == nullptr) {
        return watch->end(LeaveEnd::Failed, "error, there is no connection to that node",
                          "See `vmq-admin cluster show --details`.");
    }
    const std::uint64_t ticket = ++last_ticket_;
    append(cluster::LeaveRequest{ticket, order}, *out);
    asked_.emplace(ticket, Asked{node, std::move(watch), kNever});
    if (!timer_.running()) loop_.timers().start(timer_, loop_.now() + kLookAtLeave);
}

bool ClusterLeaving::on_frame(NodeNumber from, const cluster::Frame& frame, bool& readable) {
    if (frame.type == cluster::FrameType::Leave) {
        cluster::LeaveRequest request;
        readable = decode(frame.body, request);
        if (readable) begin(request.order, Watcher{nullptr, from, request.ticket});
        return true;
    }
    if (frame.type != cluster::FrameType::LeaveState) return false;
    LeaveState state;
    readable = decode(frame.body, state);
    if (readable) on_state(from, std::move(state));
    return true;
}

void ClusterLeaving::on_state(NodeNumber from, LeaveState state) {
    const auto at = asked_.find(state.ticket);
    if (at == asked_.end() || at->second.node != from) return;
    if (!state.ended) return at->second.watch->say(std::move(state.line));
    at->second.watch->end(*state.ended, std::move(state.line), std::move(state.hint));
    asked_.erase(at);
}

void ClusterLeaving::node_down(NodeNumber node) {
    std::erase_if(watchers_, [&](const Watcher& each) { return !each.local && each.node == node; });
    for (auto& [ticket, asked] : asked_) {
        if (asked.node == node) asked.give_up_at = loop_.now() + kLinkPatience;
    }
    members_changed();
}

void ClusterLeaving::node_removed(NodeNumber node) {
    for (auto at = asked_.begin(); at != asked_.end();) {
        if (at->second.node != node) {
            ++at;
            continue;
        }
        at->second.watch->end(LeaveEnd::Done, "Done", {});
        at = asked_.erase(at);
    }
}

}  // namespace vmq::broker
