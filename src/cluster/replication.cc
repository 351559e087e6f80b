#include "cluster/replication.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace vmq::cluster {
namespace {

Error broken(const char* what) { return {ErrorCode::ProtocolViolation, what}; }

}  // namespace

Replication::Replication(FactMap& facts, const Membership& members, Options options)
    : facts_(facts), members_(members), options_(options), random_(options.seed) {}

Replication::Peer* Replication::find(const Writer& peer) {
    const auto number = facts_.writers().find(peer.name, peer.incarnation);
    if (!number) return nullptr;
    const auto found = peers_.find(*number);
    return found == peers_.end() ? nullptr : &found->second;
}

// --- Links ---

Result<void> Replication::on_link_up(const Writer& writer, std::uint32_t longest_frame) {
    const auto number = facts_.writers().intern(writer.name, writer.incarnation);
    if (!number) {
        return Error{ErrorCode::LimitReached,
                     fmt::format("{} would be node number {} that this cluster has seen, wiped and "
                                 "renamed ones included: set up a new cluster",
                                 writer.name, WriterTable::kMostWriters + 1)};
    }
    on_link_down(writer);
    Peer& peer = peers_.try_emplace(*number, facts_, options_.sender).first->second;
    peer.linked = true;
    peer.longest_frame = longest_frame;
    peer.sender.set_longest_frame(longest_frame);
    send_vector(peer, false);
    return {};
}

void Replication::on_link_down(const Writer& writer) {
    Peer* peer = find(writer);
    if (peer == nullptr || !peer->linked) return;
    peer->linked = false;
    peer->introduced = false;
    peer->out.clear();
    peer->told.clear();
    peer->sender.pause();
    Incoming& incoming = peer->incoming;
    incoming.ack_due = false;
    // A stream that had not sent everything goes on where it was if the link comes back.
    if (incoming.state == Incoming::State::Following) incoming = {};
    incoming.state = Incoming::State::Idle;
}

Replication::PeerState Replication::state_of(const Writer& writer) {
    Peer* peer = find(writer);
    if (peer == nullptr || !peer->linked) return {};
    return {true, peer->incoming.state == Incoming::State::Following, peer->sender.idle()};
}

// --- What comes in ---

Result<void> Replication::receive(const Writer& writer, const Frame& frame, Moment now) {
    Peer* peer = find(writer);
    if (peer == nullptr || !peer->linked) return {};
    switch (frame.type) {
        case FrameType::Facts:
            return on_facts(*peer, frame.body, now);
        case FrameType::FactVector:
            return on_vector(*peer, frame.body, now);
        case FrameType::FactAck:
            return on_ack(*peer, frame.body);
        default:
            return broken("it sent a frame that is not about facts");
    }
}

Result<void> Replication::on_facts(Peer& peer, std::string_view body, Moment now) {
    FactsReader reader(body, now, {});
    if (!reader.ok()) return broken("it sent facts that cannot be read");
    const FactsHeader& header = reader.header();
    Incoming& incoming = peer.incoming;
    if (incoming.state == Incoming::State::Idle || header.stream != incoming.stream) {
        ++counters_.frames_ignored;
        return {};
    }
    if (auto begun = begin_frame(peer, header); !begun) {
        stop_incoming(peer);
        return begun;
    }
    incoming.progress = now.steady;
    incoming.ack_due = true;
    auto read = read_items(peer, reader, now);
    if (!read) stop_incoming(peer);  // half of the frame is here: it cannot go on behind it
    return read;
}

Result<void> Replication::begin_frame(Peer& peer, const FactsHeader& header) {
    Incoming& incoming = peer.incoming;
    if (header.number != incoming.number + 1) return broken("it left out a part of its facts");
    incoming.number = header.number;
    if (header.number == 1) {
        incoming.catch_up = header.catch_up;
        incoming.from_behind = header.catch_up;
        if (header.catch_up) {
            facts_.begin_catch_up();
            ++counters_.catch_ups;
        }
    } else if (header.catch_up != incoming.catch_up) {
        return broken("it changed its mind about who is behind");
    }
    return {};
}

Result<void> Replication::read_items(Peer& peer, FactsReader& reader, Moment now) {
    const FactMap::Sender sender{is_behind(peer), peer.incoming.catch_up};
    Positions complete;
    Positions dropped;
    std::vector<WriterNumber> writers;
    for (;;) {
        const FactsReader::Item item = reader.next();
        if (item == FactsReader::Item::Malformed)
            return broken("it sent facts that cannot be read");
        if (item == FactsReader::Item::End) break;
        while (writers.size() < reader.writers().size()) {
            const WriterView& named = reader.writers()[writers.size()];
            const auto number = facts_.writers().intern(named.name, named.incarnation);
            if (!number) return broken("it names more nodes than there can have been");
            writers.push_back(*number);
        }
        const WriterNumber writer = writers[reader.writer()];
        if (item == FactsReader::Item::Fact) {
            reader.fact().stamp.writer = writer;
            ++counters_.facts_received;
            if (facts_.merge(reader.fact(), sender, now) == FactMap::Outcome::Refused) {
                return broken("it sent two facts with one stamp");
            }
        } else if (item == FactsReader::Item::Known) {
            if (peer.incoming.catch_up) facts_.confirm({reader.time(), writer});
        } else {
            complete.raise(writer, reader.complete());
            dropped.raise(writer, reader.dropped());
        }
    }
    if (reader.header().complete) on_complete(peer, complete, dropped, now);
    return {};
}

void Replication::on_complete(Peer& peer, const Positions& complete, const Positions& dropped,
                              Moment now) {
    Incoming& incoming = peer.incoming;
    facts_.start_after(complete[facts_.self()], now);
    if (std::exchange(incoming.catch_up, false)) {
        facts_.end_catch_up(complete, dropped, now);
        peer.dropped.raise(dropped);
    } else {
        facts_.raise_complete(complete);
    }
    peer.sender.raise_has(complete);
    peer.told.raise(complete);
    const bool was_filling = incoming.state == Incoming::State::Filling;
    incoming.state = Incoming::State::Following;
    incoming.from_behind = false;
    if (am_behind(peer)) {
        // It could not promise enough, because it has what is too long for this node.
        stop_incoming(peer);
        peer.incoming.not_before = now.steady + options_.stall_limit;
        return;
    }
    if (!was_filling) return;
    for (auto& [number, each] : peers_) {
        if (each.linked) send_news(each);
    }
}

Result<void> Replication::on_vector(Peer& peer, std::string_view body, Moment now) {
    FactVector vector;
    if (!decode_fact_vector(body, vector)) return broken("it sent positions that cannot be read");
    Positions complete;
    Positions dropped;
    for (const FactVector::Entry& entry : vector.entries) {
        const auto writer = facts_.writers().intern(entry.name, entry.incarnation);
        if (!writer) return broken("it names more nodes than there can have been");
        complete.raise(*writer, entry.complete);
        dropped.raise(*writer, entry.dropped);
    }
    facts_.start_after(complete[facts_.self()], now);
    if (!vector.full) {
        peer.sender.raise_has(complete);
    } else {
        const bool idle = peer.sender.idle();
        const bool lacks = !complete.covers(peer.sender.has());
        peer.sender.set_has(complete);
        peer.dropped = dropped;
        peer.introduced = true;
        if (idle && lacks && !vector.request) {
            ++counters_.vector_mismatches;
            peer.sender.send_again();
        }
    }
    if (vector.stopped != 0 && vector.stopped == peer.incoming.stream) stop_incoming(peer);
    if (vector.request && !peer.sender.start(vector.stream, vector.number)) {
        peer.sender.stop();
        send_vector(peer, false, vector.stream);
    }
    return {};
}

Result<void> Replication::on_ack(Peer& peer, std::string_view body) {
    FactAck ack;
    if (!decode_fact_ack(body, ack))
        return broken("it sent an acknowledgement that cannot be read");
    if (ack.stream != peer.sender.stream()) return {};
    if (!peer.sender.acknowledge(ack.number)) return broken("it acknowledged what it was not sent");
    return {};
}

// --- Whom to listen to ---

void Replication::stop_incoming(Peer& peer) {
    if (peer.incoming.catch_up) facts_.abandon_catch_up();
    const TimePoint not_before = peer.incoming.not_before;
    peer.incoming = {};
    peer.incoming.not_before = not_before;
}

bool Replication::may_ask(const Peer& peer, TimePoint now) const {
    return peer.linked && peer.introduced && peer.incoming.state == Incoming::State::Idle &&
           now >= peer.incoming.not_before && (am_behind(peer) || !is_behind(peer));
}

void Replication::check_incoming(Peer& peer, TimePoint now, bool others_wait) {
    Incoming& incoming = peer.incoming;
    if (!peer.linked || incoming.state == Incoming::State::Idle) return;
    const bool behind = am_behind(peer);
    if (behind ? !incoming.from_behind : is_behind(peer)) return stop_incoming(peer);
    if (incoming.state == Incoming::State::Filling && others_wait &&
        now - incoming.progress >= options_.stall_limit) {
        ++counters_.stalls;
        stop_incoming(peer);
        incoming.not_before = now + options_.stall_limit;
    }
}

void Replication::choose(Moment now) {
    const auto waits = [&](const auto& each) { return may_ask(each.second, now.steady); };
    const bool others_wait = std::any_of(peers_.begin(), peers_.end(), waits);
    bool filling = false;
    for (auto& [number, peer] : peers_) {
        check_incoming(peer, now.steady, others_wait);
        filling |= peer.linked && peer.incoming.state == Incoming::State::Filling;
    }
    if (filling) return;
    Peer* chosen = nullptr;
    for (auto& [number, peer] : peers_) {
        if (!may_ask(peer, now.steady)) continue;
        // Rather one whose stream was interrupted, then one that did not stall.
        const auto rank = [](const Peer& of) {
            return std::pair(of.incoming.stream == 0, of.incoming.not_before);
        };
        if (chosen == nullptr || rank(peer) < rank(*chosen)) chosen = &peer;
    }
    if (chosen != nullptr) ask(*chosen, now);
}

void Replication::ask(Peer& peer, Moment now) {
    for (auto& [number, other] : peers_) {
        if (&other != &peer && other.incoming.state == Incoming::State::Idle) stop_incoming(other);
    }
    Incoming& incoming = peer.incoming;
    if (incoming.stream == 0 || incoming.number == 0 ||
        (am_behind(peer) && !incoming.from_behind)) {
        stop_incoming(peer);
        incoming.stream = random_.next() | 1U;
    }
    incoming.state = Incoming::State::Filling;
    incoming.from_behind |= am_behind(peer);
    incoming.progress = now.steady;
    send_vector(peer, true);
}

// --- What goes out ---

void Replication::send_vector(Peer& peer, bool request, std::uint64_t stopped) {
    FactVector header;
    header.stopped = stopped;
    header.full = true;
    header.request = request;
    header.stream = peer.incoming.stream;
    header.number = peer.incoming.number;
    append_fact_vector(header, facts_.writers(), facts_.complete(), facts_.dropped(), {}, peer.out);
    peer.told = facts_.complete();
}

/// Positions that the peer does not know of.
void Replication::send_news(Peer& peer) {
    if (!peer.introduced || peer.told.covers(facts_.complete())) return;
    append_fact_vector({}, facts_.writers(), facts_.complete(), facts_.dropped(), peer.told,
                       peer.out);
    peer.told = facts_.complete();
}

void Replication::tell_horizon() {
    if (facts_.dropped() == told_dropped_) return;
    told_dropped_ = facts_.dropped();
    for (auto& [number, peer] : peers_) {
        if (!peer.linked || !is_behind(peer)) continue;
        const std::uint64_t stopped = peer.sender.is_outrun() ? peer.sender.stream() : 0;
        if (stopped != 0) peer.sender.stop();
        send_vector(peer, false, stopped);
    }
}

void Replication::note_changes() {
    const std::vector<FactChange>& changes = facts_.changes();
    for (; noted_ < changes.size(); ++noted_) {
        const FactChange& change = changes[noted_];
        if (change.what != FactChange::What::Put && change.what != FactChange::What::Erased) {
            continue;
        }
        for (auto& [number, peer] : peers_) peer.sender.note(change.stamp);
    }
}

// --- Regularly ---

void Replication::drop_deleted(Moment now) {
    Positions acknowledged = facts_.complete();
    Positions present = facts_.complete();
    const Writer& self = facts_.writers()[facts_.self()];
    for (const ClusterMember& member : members_.members()) {
        if (member.name == self.name) continue;
        const Peer* peer = find({member.name, member.incarnation});
        acknowledged.lower(peer != nullptr ? peer->sender.has() : Positions{});
        if (peer != nullptr && peer->linked) present.lower(peer->sender.has());
    }
    facts_.drop_deleted(acknowledged, present, now, options_.budget);
}

/// Those who are neither members nor linked.
void Replication::forget_strangers() {
    for (auto at = peers_.begin(); at != peers_.end();) {
        const Writer& writer = facts_.writers()[at->first];
        if (at->second.linked ||
            members_.standing(writer.name, writer.incarnation) == Membership::Standing::Member) {
            ++at;
            continue;
        }
        stop_incoming(at->second);
        gone_.facts += at->second.sender.facts_sent();
        gone_.left_out += at->second.sender.left_out();
        at = peers_.erase(at);
    }
}

/// The last things that a node told before it left or was wiped, and that nobody had promised yet
/// to have all of: one member, the first by name, says them again. Not at once: what the node told
/// others may still be on its way here.
void Replication::adopt_orphans(Moment now) {
    const Writer& self = facts_.writers()[facts_.self()];
    const std::vector<ClusterMember>& members = members_.members();
    const bool first = !members.empty() && members.front().name == self.name;
    for (std::size_t i = 0; i < facts_.writers().size(); ++i) {
        const auto writer = static_cast<WriterNumber>(i);
        const Writer& name = facts_.writers()[writer];
        if (!first || facts_.last_of(writer) <= facts_.complete()[writer] ||
            members_.standing(name.name, name.incarnation) == Membership::Standing::Member) {
            orphaned_.erase(writer);
            continue;
        }
        const auto [since, added] = orphaned_.try_emplace(writer, now.steady);
        if (!added && now.steady - since->second >= 2 * options_.vector_interval) {
            facts_.adopt(writer, now, options_.budget);
        }
    }
}

/// What this node wrote and lost, the others tell it again: each of them has sent everything it
/// has, and none claims to know more. They are waited for as long as deletions are kept for them.
bool Replication::may_promise_own(TimePoint now) {
    if (!waits_since_) waits_since_ = now;
    if (members_.alone() || facts_.deleted() > facts_.limits().most_deleted) return true;
    const std::uint64_t heard = facts_.counters().own;
    if (std::exchange(own_heard_, heard) != heard) return false;  // more may be on its way
    const Writer& self = facts_.writers()[facts_.self()];
    const bool waits = now - *waits_since_ < options_.wait_for_members;
    for (const ClusterMember& member : members_.members()) {
        if (member.name == self.name) continue;
        const Peer* peer = find({member.name, member.incarnation});
        const bool told = peer != nullptr && peer->linked && peer->introduced &&
                          peer->incoming.state == Incoming::State::Following &&
                          peer->sender.has()[facts_.self()] <= facts_.complete()[facts_.self()];
        if (!told && waits) return false;
    }
    return true;
}

void Replication::tick(Moment now) {
    next_tick_ = now.steady + options_.tick_interval;
    if (!facts_.promises_own() && may_promise_own(now.steady)) {
        facts_.promise_own();
        waits_since_.reset();
    }
    const bool vectors = now.steady >= next_vectors_;
    if (vectors) next_vectors_ = now.steady + options_.vector_interval;
    forget_strangers();
    adopt_orphans(now);
    facts_.expire(now.steady, options_.budget);
    drop_deleted(now);
    for (auto& [number, peer] : peers_) {
        peer.sender.pass_on();
        if (!peer.linked || !peer.introduced) continue;
        if (now.steady - peer.sender.promised_at() >= options_.vector_interval) {
            peer.sender.send_all();
        }
        if (vectors) {
            send_vector(peer, false);
        } else {
            send_news(peer);
        }
    }
}

Replication::Sent Replication::sent() const {
    Sent all = gone_;
    for (const auto& [number, peer] : peers_) {
        all.facts += peer.sender.facts_sent();
        all.left_out += peer.sender.left_out();
    }
    return all;
}

std::vector<Replication::LeftOut> Replication::take_left_out() {
    std::vector<LeftOut> all;
    for (auto& [number, peer] : peers_) {
        const std::uint64_t now = peer.sender.left_out();
        if (std::exchange(peer.told_left_out, now) == now) continue;
        all.push_back({facts_.writers()[number], peer.longest_frame, now,
                       facts_.find(peer.sender.last_left_out())});
    }
    return all;
}

Replication::Output Replication::turn(Moment now) {
    if (now.steady >= next_tick_) tick(now);
    note_changes();
    tell_horizon();
    choose(now);
    Output output;
    for (auto& [number, peer] : peers_) {
        if (!peer.linked) continue;
        if (std::exchange(peer.incoming.ack_due, false)) {
            append_fact_ack({peer.incoming.stream, peer.incoming.number}, peer.out);
        }
        if (peer.introduced) peer.sender.fill(now, peer.out);
        if (peer.out.empty()) continue;
        output.sends.push_back({facts_.writers()[number], std::exchange(peer.out, {})});
    }
    output.changes = facts_.take_changes();
    output.positions_changed = facts_.take_positions_changed();
    noted_ = 0;
    return output;
}

}  // namespace vmq::cluster
