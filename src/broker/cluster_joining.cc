// Nodes come into the cluster and leave it.
#include <algorithm>
#include <bit>
#include <boost/asio/post.hpp>
#include <utility>
#include <variant>

#include "base/log.h"
#include "broker/broker.h"
#include "broker/cluster_metrics.h"
#include "broker/cluster_service.h"
#include "runtime/coordination.h"

namespace vmq::broker {

using cluster::Link;
using cluster::LinkKind;
using cluster::Refusal;
using cluster::RefusalCode;

namespace {

constexpr Millis kJoinTimeout{10'000};
/// How long a node that leaves waits for the others to hear of it.
constexpr Millis kLeaveTimeout{5000};

}  // namespace

Result<void> ClusterService::join(const std::string& name, const cluster::NodeAddress& at) {
    auto answer = runtime::ask_later<Result<void>>(
        [this](std::function<void()> work) { post(std::move(work)); },
        [this, name, at](std::function<void(Result<void>)> give) {
            begin_join(name, at, std::move(give));
        },
        kJoinTimeout + Seconds(1));
    if (answer) return std::move(*answer);
    return Error{ErrorCode::Unavailable, "not_reachable: no answer in time"};
}

void ClusterService::begin_to_join(std::string name, cluster::NodeAddress at, Done done) {
    post([this, name = std::move(name), at = std::move(at), done = std::move(done)] {
        begin_join(name, at, done);
    });
}

void ClusterService::begin_join(std::string name, cluster::NodeAddress at, Done done) {
    if (name == options_.node) {
        return done(Error{ErrorCode::InvalidValue, "self_join"});
    }
    if (!members().alone()) {
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
    auto connector = std::make_unique<cluster::Connector>(
        loop_, dialler(), cluster::DialSettings{}, random_.next(), runtime::NameLookup::Resolve{},
        broker_.surroundings().open_socket);
    if (facts_->in_use()) begin_alone();  // all others have left it
    joining_.emplace(Joining{std::move(name), at, std::move(done), std::move(connector), nullptr,
                             loop_.now() + kJoinTimeout, ++last_visitor_});
    // From here on shards tell what they retain.
    alone_ = false;
    facts_->take_in_shared(false);
    facts_->take_in_retained(false, [this, number = last_visitor_] {
        if (!joining_ || joining_->number != number) return;
        if (const auto announced = announce(); !announced) return finish_join(announced.error());
        dial_to_join();
    });
}

void ClusterService::dial_to_join() {
    joining_->connector->dial(joining_->at.host, joining_->at.port);
}

void ClusterService::on_join_reply(std::string_view body) {
    cluster::JoinAnswer answer;
    if (!cluster::decode_join_answer(body, answer)) {
        return finish_join(Error{ErrorCode::ProtocolViolation, "what it answers cannot be read"});
    }
    if (const auto* refusal = std::get_if<cluster::JoinRefusal>(&answer)) {
        return finish_join(
            Error{ErrorCode::InvalidValue,
                  std::string(cluster::join_refusal_name(refusal->code)) + ": " + refusal->text});
    }
    if (!members().on_welcome(std::get<cluster::JoinWelcome>(answer), facts_->now())) {
        return finish_join(
            Error{ErrorCode::ProtocolViolation, "what it says of its members cannot be read"});
    }
    facts_->on_joined();
    facts_->when_stored([this, number = joining_->number] {
        if (joining_ && joining_->number == number) finish_join({});
    });
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
    if (members().alone()) {
        facts_->begin_alone();
        local_.incarnation = facts_->incarnation();
    }
    alone_ = !facts_->in_use();
    joining.done(std::move(result));
}

Result<void> ClusterService::remove(const std::string& name) {
    auto answer = runtime::ask_later<Result<void>>(
        [this](std::function<void()> work) { post(std::move(work)); },
        [this, name](const std::function<void(Result<void>)>& give) {
            if (name == options_.node && members().alone()) return give({});
            if (auto removed = members().remove(name, facts_->now()); !removed) {
                return give(removed.error());
            }
            if (name == options_.node) {
                leaving_.push_back(give);
                return begin_leave({});
            }
            facts_->when_stored([give] { give({}); });
        },
        kJoinTimeout);
    if (answer) return std::move(*answer);
    return Error{ErrorCode::Unavailable, "the cluster's thread has not answered in time"};
}

// A node that leaves while it runs.

std::shared_ptr<LeaveWatch> ClusterService::leave(const std::string& name,
                                                  const cluster::LeaveOrder& order,
                                                  LeaveWatch::OnEnd on_end) {
    auto watch = std::make_shared<LeaveWatch>(std::move(on_end));
    post([this, name, order, watch] {
        if (name == options_.node && members().alone()) {
            return watch->end(cluster::LeaveEnd::Failed,
                              name + " is in no cluster with other nodes.",
                              "There is nothing to leave.");
        }
        if (name == options_.node) return departure_->begin(order, watch);
        const ClusterPeer* peer = find_peer(name);
        if (peer == nullptr) {
            return watch->end(cluster::LeaveEnd::Failed, name + " is no member of the cluster.",
                              {});
        }
        departure_->ask(peer->number(), order, watch);
    });
    return watch;
}

bool ClusterService::others_ready() const {
    return !peers_.empty() && std::all_of(peers_.begin(), peers_.end(),
                                          [](const auto& each) { return each.second->serving(); });
}

std::vector<HandoffTarget> ClusterService::others() const {
    std::vector<HandoffTarget> nodes;
    for (const auto& [name, peer] : peers_) {
        if (peer->serving()) nodes.push_back({peer->number(), name});
    }
    return nodes;
}

std::size_t ClusterService::waiting_bytes() const {
    std::size_t bytes = 0;
    for (const auto& [name, peer] : peers_) {
        ClusterNode node;
        peer->describe(node);
        bytes += node.waiting_bytes;
    }
    return bytes;
}

std::string* ClusterService::output_to(NodeNumber node) {
    for (const auto& [name, peer] : peers_) {
        if (peer->number() == node) return peer->control_output();
    }
    return nullptr;
}

void ClusterService::remove_self(std::function<void()> done) {
    if (const auto removed = members().remove(options_.node, facts_->now()); !removed) {
        return post(std::move(done));  // somebody else has done it
    }
    leaving_.push_back([done = std::move(done)](const Result<void>&) { done(); });
    begin_leave({});
}

void ClusterService::on_left() {
    // What a member knew is forgotten for good before this process ends.
    facts_->when_stored([this] {
        if (left_) left_();
    });
}

Result<void> ClusterService::put_shared(cluster::FactKind kind, const std::string& key,
                                        const std::optional<std::string>& value) {
    auto answer = runtime::ask_later<Result<void>>(
        [this](std::function<void()> work) { post(std::move(work)); },
        [this, kind, key, value](const std::function<void(Result<void>)>& give) {
            if (auto put = facts_->put_shared(kind, key, value); !put) return give(put.error());
            facts_->when_stored([give] { give({}); });
        },
        kJoinTimeout);
    if (answer) return std::move(*answer);
    return Error{ErrorCode::Unavailable,
                 "the node has not stored it in time; it may still do so: see the log"};
}

void ClusterService::add_metrics(metrics::Snapshot& snapshot) const {
    const Shown shown = numbers_.with([](const Shown& now) { return now; });
    add_cluster_metrics(shown.facts, shown.questions, snapshot);
}

std::vector<NodeAnswer> ClusterService::ask(const std::string& question, Millis patience,
                                            const std::vector<std::string>& only) {
    auto answers = runtime::ask_later<std::vector<NodeAnswer>>(
        [this](std::function<void()> work) { post(std::move(work)); },
        [this, question, patience, only](ClusterQuestions::Done give) {
            std::vector<ClusterQuestions::Asked> nodes;
            for (const auto& [name, peer] : peers_) {
                const bool wanted = only.empty() || std::ranges::find(only, name) != only.end();
                if (wanted) nodes.push_back({name, peer->number()});
            }
            questions_->ask(nodes, question, patience, std::move(give));
        },
        patience + Seconds(1));
    if (answers) return std::move(*answers);
    std::vector<NodeAnswer> none;
    for (const ClusterNode& each : nodes()) {
        const bool wanted = only.empty() || std::ranges::find(only, each.name) != only.end();
        if (each.self || !wanted) continue;
        none.push_back({each.name, Error{ErrorCode::Unavailable, "could not be asked in time"}});
    }
    return none;
}

// A node that wants to join has proven the cookie.
void ClusterService::admit(Link& link, std::string_view body) {
    cluster::JoinRequest request;
    if (!cluster::decode_join_request(body, request) || request.member.name != link.peer().node ||
        request.member.incarnation != link.peer().incarnation) {
        return link.fail("it asks to join in a way that cannot be read");
    }
    const std::string name = request.member.name;
    ClusterPeer* known = find_peer(name);
    const bool was_alone = !facts_->in_use();
    cluster::JoinAnswer answer;
    // A bit in use and another one while its filters come anew.
    if (known == nullptr && std::popcount(free_slots_) < 2) {
        answer = cluster::JoinRefusal{cluster::JoinRefusalCode::TooManyMembers,
                                      "the cluster has as many nodes as " + options_.node +
                                          " has room for beside its shards: set a lower number of "
                                          "shards there"};
    } else if (const auto announced = announce(); !announced) {
        answer = cluster::JoinRefusal{cluster::JoinRefusalCode::Left, announced.error().detail};
    } else {
        answer = members().admit(request, known != nullptr && known->running(), facts_->now());
    }
    std::string frame;
    cluster::append_join_answer(answer, frame);
    if (const auto* refusal = std::get_if<cluster::JoinRefusal>(&answer)) {
        log::warning("node {} may not join: {}", name, refusal->text);
    } else {
        log::notice("node {} joins the cluster", name);
        alone_ = false;
        if (was_alone) {
            facts_->take_in_shared(true);
            facts_->take_in_retained(true);
        }
    }
    const auto visitor = std::find_if(visitors_.begin(), visitors_.end(),
                                      [&](const auto& each) { return each->link.get() == &link; });
    facts_->when_stored([this, number = (*visitor)->number, frame = std::move(frame)] {
        for (const auto& each : visitors_) {
            if (each->number != number || !each->link->open()) continue;
            each->link->output().bytes().append(frame);
        }
    });
}

cluster::NodeAddress ClusterService::own_address() const {
    const std::string host = options_.node.substr(options_.node.find('@') + 1);
    return {host, local_.port, local_.port_has_tls};
}

Result<void> ClusterService::announce() {
    return members().announce({own_address()}, facts_->now());
}

// Members.

void ClusterService::follow_members() {
    members_changed_ = false;
    if (members().has_left()) {
        return begin_leave("this node has been removed from the cluster; it goes on alone");
    }
    std::erase_if(peers_, [this](auto& each) {
        const cluster::ClusterMember* member = members().find(each.first);
        if (member != nullptr && member->incarnation == each.second->member().incarnation) {
            if (*member != each.second->member() && !member->addresses.empty()) {
                each.second->set_address(member->addresses.front());
            }
            return false;
        }
        facts_->on_link_down(each.second->writer());
        each.second->leave({RefusalCode::Left, "it is no member of the cluster any more"});
        registrar_->remove_member(each.second->number());
        departure_->node_removed(each.second->number());
        wills_->node_removed(each.second->number());
        questions_->node_down(each.second->number());
        if (member == nullptr) log::notice("node {} is no member any more", each.first);
        return true;
    });
    for (const cluster::ClusterMember& member : members().members()) {
        if (member.name == options_.node || peers_.contains(member.name)) continue;
        const auto stored = stored_filters_.extract(stored_name(member));
        auto peer = std::make_unique<ClusterPeer>(
            home(), NodeNumber{++last_node_}, member, options_.node,
            ClusterPeer::Limits{options_.outgoing_bytes, options_.spool_bytes},
            stored ? stored.mapped() : StoredFilters::Left{});
        // Nobody misses one that others let in before it has had time to come.
        if (started_ && !joining_) peer->expect_until(loop_.now() + kJoinTimeout);
        peers_.emplace(member.name, std::move(peer));
        registrar_->add_member(NodeNumber{last_node_});
    }
    departure_->members_changed();
    if (joining_) netsplit_.begin_anew();
    if (!joining_) alone_ = !facts_->in_use();
    picture_stale_ = true;
}

// The others have to hear it before this node forgets them.
void ClusterService::begin_leave(const std::string& why) {
    if (leaves_at_ != kNever) return;
    if (leaving_.empty()) log::warning("{}", why);
    leaves_at_ = loop_.now() + kLeaveTimeout;
    loop_.wake_by(leaves_at_);
}

void ClusterService::leave_if_told() {
    if (leaves_at_ == kNever) return;
    const bool told = std::none_of(peers_.begin(), peers_.end(),
                                   [](const auto& each) { return each.second->running(); });
    if (told || loop_.now() >= leaves_at_) begin_alone();
}

void ClusterService::begin_alone() {
    for (const auto& [name, peer] : peers_) {
        peer->leave({RefusalCode::Left, options_.node + " has left the cluster"});
        registrar_->remove_member(peer->number());
        questions_->node_down(peer->number());
    }
    peers_.clear();
    facts_->begin_alone();
    local_.incarnation = facts_->incarnation();
    wills_->begin_alone(this_process());
    leaves_at_ = kNever;
    alone_ = true;
    picture_stale_ = true;
    for (const Done& done : std::exchange(leaving_, {})) done({});
}

}  // namespace vmq::broker
