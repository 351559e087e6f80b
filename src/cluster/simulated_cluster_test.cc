// The simulated cluster of replication_random_test.cc, and that it can be relied on.
#include "cluster/simulated_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/test_values.h"
#include "mqtt/message.h"

namespace vmq::cluster::test {
namespace {

constexpr std::int64_t kNoticedAfter = 300;  // milliseconds until a silent link is given up

Incarnation random_incarnation(Random& random) {
    Incarnation incarnation;
    for (auto& byte : incarnation.bytes) byte = static_cast<std::uint8_t>(random.next());
    return incarnation;
}

std::string value_of(const Fact& fact) {
    return std::string(fact.message() ? fact.message()->payload() : fact.value());
}

}  // namespace

// --- Node ---

Node::Node(World& world, Writer id) : world_(world), id_(std::move(id)) { disk_.id = id_; }

Moment Node::moment() const {
    return {world_.now, kWall + world_.now.time_since_epoch().count() + skew_.count()};
}

void Node::start() {
    id_ = disk_.id;
    facts_ = std::make_unique<FactMap>(id_, world_.limits);
    for (const auto& [key, stored] : disk_.records) {
        FactRecord record;
        ASSERT_TRUE(decode_fact_record(stored.bytes, record));
        record.fact.message = stored.message;
        record.fact.stamp.writer =
            *facts_->writers().intern(record.writer.name, record.writer.incarnation);
        ASSERT_TRUE(facts_->restore(record.fact));
    }
    PositionsRecord record;
    ASSERT_TRUE(disk_.positions.empty() || decode_positions_record(disk_.positions, record));
    Positions complete;
    Positions dropped;
    for (const FactVector::Entry& entry : record.entries) {
        const WriterNumber writer = *facts_->writers().intern(entry.name, entry.incarnation);
        complete.set(writer, entry.complete);
        dropped.set(writer, entry.dropped);
    }
    facts_->restore_positions(complete, dropped, record.last_own);
    membership_ = std::make_unique<Membership>(*facts_);
    Replication::Options options = world_.options;
    options.seed = world_.random.next();
    replication_ = std::make_unique<Replication>(*facts_, *membership_, options);
    if (!membership_->has_left()) {
        ASSERT_TRUE(membership_->announce({{id_.name, 44053, false}}, moment()));
    }
}

void Node::crash() {
    latest_ = std::max(latest_, facts_->last_of(facts_->self()));
    replication_.reset();
    membership_.reset();
    facts_.reset();
    links_.clear();
    storing_.clear();
    then_.clear();
}

void Node::lose_the_end() {
    // Only of what it stored as a member: what it was before is another story.
    if (copy_.id != disk_.id) return;
    disk_ = copy_;
    const WallMillis wall = moment().wall;
    least_skew_ = skew_ + Millis(std::max<WallMillis>(0, latest_.wall_ms() + 1 - wall));
    set_skew(skew_);
}

void Node::begin_anew() {
    for (const auto& [peer, link] : links_) replication_->on_link_down(peer);
    links_.clear();
    const Incarnation incarnation = random_incarnation(world_.random);
    ASSERT_TRUE(membership_->begin_anew(incarnation, moment()));
    id_.incarnation = incarnation;
    outside_ = true;
}

void Node::write(FactKind kind, const std::string& key, const std::string& value) {
    if (kind != FactKind::Retained) {
        ASSERT_TRUE(facts_->put(kind, key, value, moment()));
        return;
    }
    ASSERT_TRUE(facts_->put_retained(
        mqtt::Message::make({.topic = key, .payload = value, .retain = true}), moment()));
}

void Node::erase(FactKind kind, const std::string& key) {
    if (kind == FactKind::Retained) {
        (void)facts_->erase_everywhere(kind, retained_key("", key), moment());
    } else {
        (void)facts_->erase(kind, key, moment());
    }
}

Written Node::written(const Fact& fact) const {
    return {fact.time().value, facts_->writers()[fact.writer()], fact.deleted(), value_of(fact)};
}

void Node::take_turn() {
    Replication::Output output = replication_->turn(moment());
    if (output.empty() && then_.empty()) return;
    Storing storing;
    storing.until = world_.now + world_.within(20);
    if (!storing_.empty()) storing.until = std::max(storing.until, storing_.back().until);
    for (const FactChange& change : output.changes) {
        const FactKey key{change.kind, change.key};
        if (change.what == FactChange::What::Erased) {
            const Writer& writer = facts_->writers()[change.stamp.writer];
            storing.written.emplace_back(key, Written{change.stamp.time.value, writer, true, {}});
        }
        const Fact* fact = facts_->find_even_deleted(change.kind, change.key);
        if (fact == nullptr) {
            storing.records.emplace_back(key, std::nullopt);
            continue;
        }
        Disk::Record record{{}, fact->message()};
        append_fact_record(*fact, facts_->writers(), record.bytes);
        storing.records.emplace_back(key, std::move(record));
        storing.written.emplace_back(key, written(*fact));
    }
    if (output.positions_changed) {
        append_positions_record(facts_->writers(), facts_->complete(), facts_->dropped(),
                                facts_->last_own(), storing.positions.emplace());
    }
    for (Replication::Output::Send& send : output.sends) {
        const auto link = links_.find(send.peer);
        if (link == links_.end()) continue;
        storing.outgoing.push_back({send.peer, link->second, std::move(send.frames)});
    }
    storing.then = std::exchange(then_, {});
    storing.outside = outside_;
    storing.id = id_;
    storing_.push_back(std::move(storing));
}

void note_later(std::map<FactKey, Written>& latest, const FactKey& key, const Written& written) {
    const auto [at, added] = latest.try_emplace(key, written);
    if (!added && at->second.order() < written.order()) at->second = written;
}

void Node::store(Storing& storing) {
    if (disk_.id != storing.id) {
        disk_.id = storing.id;
        disk_.ever.clear();
    }
    for (auto& [key, record] : storing.records) {
        if (record) {
            disk_.records[key] = std::move(*record);
        } else {
            disk_.records.erase(key);
        }
    }
    for (auto& [key, written] : storing.written) {
        note_later(disk_.ever, key, written);
        if (written.deleted) note_later(world_.deleted, key, written);
    }
    // What a node deleted before it was let in is nothing to the others.
    if (storing.outside) {
        std::erase_if(disk_.ever, [](const auto& each) { return each.second.deleted; });
    }
    if (storing.positions) disk_.positions = std::move(*storing.positions);
    // A node that forgets that it is in a cluster is not mended.
    const auto members = std::count_if(disk_.records.begin(), disk_.records.end(), [](auto& each) {
        return each.first.first == FactKind::Member;
    });
    if (!storing.outside && members > 1 && world_.chance(copy_.id == disk_.id ? 10 : 1)) {
        copy_ = disk_;
    }
}

std::vector<Node::Outgoing> Node::turn() {
    take_turn();
    std::vector<Outgoing> outgoing;
    while (!storing_.empty() && storing_.front().until <= world_.now) {
        Storing storing = std::move(storing_.front());
        storing_.pop_front();
        store(storing);
        std::move(storing.outgoing.begin(), storing.outgoing.end(), std::back_inserter(outgoing));
        for (const auto& then : storing.then) then();
    }
    return outgoing;
}

bool Node::settled() const noexcept {
    return std::all_of(storing_.begin(), storing_.end(),
                       [](const Storing& each) { return each.records.empty() && !each.positions; });
}

void Node::when_stored(std::function<void()> then) { then_.push_back(std::move(then)); }

std::map<FactKey, Written> Node::view() const {
    std::map<FactKey, Written> view;
    facts_->for_each_even_deleted([&](const Fact& fact) {
        if (!fact.deleted()) view[{fact.kind(), std::string(fact.key())}] = written(fact);
    });
    return view;
}

std::map<Writer, std::uint64_t> Node::vector() const {
    std::map<Writer, std::uint64_t> vector;
    for (std::size_t i = 0; i < facts_->complete().size(); ++i) {
        const auto writer = static_cast<WriterNumber>(i);
        const HybridTime time = facts_->complete()[writer];
        if (time != HybridTime{}) vector[facts_->writers()[writer]] = time.value;
    }
    return vector;
}

// --- Cluster: what can happen ---

Cluster::Cluster(World& world, std::size_t nodes)
    : world_(world), slots_(nodes), cut_(nodes, std::vector<bool>(nodes)) {
    for (std::size_t i = 0; i < nodes; ++i) come_anew(i, true);
}

void Cluster::write_somewhere() {
    static constexpr FactKind kKinds[] = {FactKind::Retained, FactKind::Setting,
                                          FactKind::SessionOwner, FactKind{15}};
    Node* at = node(world_.random.below(static_cast<std::uint32_t>(size())));
    if (at == nullptr || !at->running()) return;
    const FactKind kind = kKinds[world_.random.below(4)];
    const std::string key = "k" + std::to_string(world_.random.below(8));
    if (world_.random.below(5) < 2) return at->erase(kind, key);
    at->write(kind, key, "v" + std::to_string(++last_value_));
}

void Cluster::cut(std::size_t a, std::size_t b, bool cut) {
    if (a == b) return;
    cut_[a][b] = cut_[b][a] = cut;
    if (cut) break_link(link(a, b));
}

void Cluster::split() {
    std::vector<bool> side(size());
    for (std::size_t i = 0; i < size(); ++i) side[i] = world_.chance(2);
    for (std::size_t a = 0; a < size(); ++a) {
        for (std::size_t b = a + 1; b < size(); ++b) cut(a, b, side[a] != side[b]);
    }
}

void Cluster::heal() {
    for (std::size_t a = 0; a < size(); ++a) {
        for (std::size_t b = a + 1; b < size(); ++b) cut(a, b, false);
        restart(a);
    }
}

void Cluster::lose_one_way(std::size_t a, std::size_t b) {
    if (a == b || link(a, b).number == 0) return;
    link(a, b).ways[a < b ? 0 : 1].lossy = true;
}

void Cluster::crash(std::size_t slot) {
    Node* at = node(slot);
    if (at == nullptr || !at->running()) return;
    stop(slot);
    at->crash();
}

void Cluster::power_failure(std::size_t slot) {
    Node* at = node(slot);
    if (at == nullptr || !at->running()) return;
    // What ADR 15 does not promise: a second one before it is known what the first one took, and
    // not to wait for members that are away.
    const bool mendable =
        at->facts().promises_own() && world_.options.wait_for_members >= Millis{24LL * 3600 * 1000};
    crash(slot);
    if (mendable) at->lose_the_end();
}

void Cluster::restart(std::size_t slot) {
    Node* at = node(slot);
    if (at == nullptr || at->running()) return;
    at->start();
    // Crashed before it had stored that it was let in: it asks again.
    if (slot == 0 || !at->membership().alone()) return;
    slots_[slot].wants_in = true;
    at->set_outside(true);
}

/// Nobody hears of it by itself.
void Cluster::stop(std::size_t slot) {
    for (std::size_t other = 0; other < size(); ++other) {
        if (other == slot) continue;
        Link& between = link(slot, other);
        break_link(between);
        between.ends[slot < other ? 0 : 1].open = false;
    }
}

/// Some go on alone and come again, some are switched off.
void Cluster::leave(std::size_t slot) {
    stop(slot);
    if (world_.chance(2)) {
        node(slot)->crash();
        slots_[slot].node.reset();
        return;
    }
    node(slot)->begin_anew();
    slots_[slot].wants_in = true;
}

void Cluster::come_anew(std::size_t slot, bool same_name) {
    if (node(slot) != nullptr && slot == 0) return;
    if (node(slot) != nullptr) crash(slot);
    Slot& at = slots_[slot];
    if (!same_name) ++at.lives;
    const std::string name = "n" + std::to_string(slot) + "x" + std::to_string(at.lives) + "@h";
    at.node = std::make_unique<Node>(world_, Writer{name, random_incarnation(world_.random)});
    at.node->set_skew(world_.within(20));
    at.wants_in = slot != 0;
    at.node->set_outside(at.wants_in);
    at.node->start();
}

/// Said on the side of the first node, which never leaves, so that no two sides throw each other
/// out: two clusters would be right then.
void Cluster::remove(std::size_t slot) {
    Node* leaving = node(slot);
    if (slot == 0 || leaving == nullptr || slots_[slot].wants_in) return;
    const std::size_t by = world_.random.below(static_cast<std::uint32_t>(size()));
    Node* speaker = node(by);
    Node* first = node(0);
    if (by == slot || speaker == nullptr || !speaker->running() || slots_[by].wants_in ||
        !first->running() || cut_[by][0] ||
        first->membership().standing(speaker->id().name, speaker->id().incarnation) !=
            Membership::Standing::Member) {
        return;
    }
    (void)speaker->membership().remove(leaving->id().name, speaker->moment());
    if (!world_.chance(2)) return;
    crash(slot);
    slots_[slot].node.reset();
}

void Cluster::give_up_outsiders() {
    for (std::size_t slot = 1; slot < size(); ++slot) {
        Node* at = node(slot);
        if (at == nullptr || slots_[slot].wants_in ||
            node(0)->membership().standing(at->id().name, at->id().incarnation) ==
                Membership::Standing::Member) {
            continue;
        }
        crash(slot);
        slots_[slot].node.reset();
    }
}

void Cluster::remove_dead_members() {
    const std::vector<ClusterMember> members = node(0)->membership().members();
    for (const ClusterMember& member : members) {
        if (slot_of({member.name, member.incarnation})) continue;
        ASSERT_TRUE(node(0)->membership().remove(member.name, node(0)->moment()));
    }
}

// --- Cluster: links ---

Cluster::Link& Cluster::link(std::size_t a, std::size_t b) { return links_[std::minmax(a, b)]; }

bool Cluster::may_link(std::size_t a, std::size_t b) {
    const auto accepts = [&](std::size_t own, std::size_t other) {
        const Writer& id = node(other)->id();
        return !node(own)->membership().has_left() &&
               node(own)->membership().standing(id.name, id.incarnation) ==
                   Membership::Standing::Member;
    };
    return !cut_[a][b] && node(a) != nullptr && node(b) != nullptr && node(a)->running() &&
           node(b)->running() && accepts(a, b) && accepts(b, a);
}

void Cluster::connect(Link& link, std::size_t a, std::size_t b) {
    (void)a;
    (void)b;
    link = {};
    link.number = ++last_link_;
    for (End& end : link.ends) end.changes = world_.now + world_.within(30);
}

/// What was under way is lost; either end notices some time later.
void Cluster::break_link(Link& link) {
    if (link.number == 0 || link.dying) return;
    link.dying = true;
    for (Way& way : link.ways) way.frames.clear();
    for (End& end : link.ends) end.changes = world_.now + world_.within(kNoticedAfter);
}

void Cluster::open_end(Link& link, std::size_t own, std::size_t other, End& end) {
    end.open = true;
    node(own)->links()[node(other)->id()] = link.number;
    ASSERT_TRUE(node(own)->replication().on_link_up(node(other)->id(), kLongestFrame));
}

void Cluster::close_end(std::size_t own, std::size_t other, End& end) {
    if (!end.open) return;
    end.open = false;
    // The other one may be another incarnation by now: whoever the link was to.
    (void)other;
    Node* at = node(own);
    for (auto each = at->links().begin(); each != at->links().end();) {
        if (each->second != link(own, other).number) {
            ++each;
            continue;
        }
        at->replication().on_link_down(each->first);
        each = at->links().erase(each);
    }
}

void Cluster::step_link(std::size_t a, std::size_t b) {
    Link& at = link(a, b);
    if (at.number == 0) {
        if (world_.now >= at.retry && may_link(a, b)) connect(at, a, b);
        return;
    }
    if (!may_link(a, b)) break_link(at);
    const std::size_t slots[2] = {a, b};
    for (int i = 0; i < 2; ++i) {
        End& end = at.ends[i];
        if (world_.now < end.changes) continue;
        if (at.dying) {
            if (node(slots[i]) != nullptr) close_end(slots[i], slots[1 - i], end);
            end.open = false;
        } else if (!end.open) {
            open_end(at, slots[i], slots[1 - i], end);
        }
    }
    if (at.dying && !at.ends[0].open && !at.ends[1].open) {
        at = {};
        at.retry = world_.now + world_.within(50);
        return;
    }
    if (at.ends[1].open) move_frames(at.ways[0], b, node(a) ? node(a)->id() : Writer{});
    if (at.ends[0].open) move_frames(at.ways[1], a, node(b) ? node(b)->id() : Writer{});
    if ((at.ways[0].lossy || at.ways[1].lossy) && world_.chance(20)) break_link(at);
}

void Cluster::move_frames(Way& way, std::size_t to, const Writer& from) {
    while (!way.frames.empty() && way.frames.front().first <= world_.now) {
        FrameReader reader(1U << 20U);
        reader.add(way.frames.front().second);
        Frame frame;
        while (reader.next(frame) == FrameReader::Status::Complete) {
            const auto received = node(to)->replication().receive(from, frame, node(to)->moment());
            ASSERT_TRUE(received) << received.error().detail;
        }
        way.frames.pop_front();
    }
}

std::optional<std::size_t> Cluster::slot_of(const Writer& id) {
    for (std::size_t i = 0; i < size(); ++i) {
        if (node(i) != nullptr && node(i)->id() == id) return i;
    }
    return std::nullopt;
}

void Cluster::post(std::size_t from, const Node::Outgoing& outgoing) {
    const auto to = slot_of(outgoing.peer);
    if (!to) return;
    Link& at = link(from, *to);
    Way& way = at.ways[from < *to ? 0 : 1];
    if (at.number != outgoing.link || at.dying || way.lossy) return;
    TimePoint arrival = world_.now + Millis(1) + world_.within(30);
    if (!way.frames.empty()) arrival = std::max(arrival, way.frames.back().first);
    way.frames.emplace_back(arrival, outgoing.frames);
}

// --- Cluster: joining ---

void Cluster::try_to_join(std::size_t slot) {
    Slot& at = slots_[slot];
    Node* node = at.node.get();
    if (world_.now < at.next_try) return;
    at.next_try = world_.now + world_.within(200);
    if (!node->membership().alone()) {
        at.wants_in = false;
        return;
    }
    if (node->membership().is_over()) node->begin_anew();
    const std::size_t other = world_.random.below(static_cast<std::uint32_t>(size()));
    Node* asked = this->node(other);
    if (other == slot || asked == nullptr || !asked->running() || slots_[other].wants_in ||
        cut_[slot][other] || node->membership().check_join(asked->id().name)) {
        return;
    }
    std::string bytes;
    append_join_request(node->membership().request_join(), bytes);
    JoinRequest request;
    ASSERT_TRUE(decode_join_request(body_of(bytes), request));
    const auto& links = asked->links();
    const bool linked = std::any_of(links.begin(), links.end(), [&](const auto& each) {
        return each.first.name == request.member.name;
    });
    bytes.clear();
    append_join_answer(asked->membership().admit(request, linked, asked->moment()), bytes);
    const Writer id = node->id();
    asked->when_stored([this, slot, id, bytes] {
        Node* joining = this->node(slot);
        if (joining == nullptr || !joining->running() || joining->id() != id) return;
        JoinAnswer answer;
        ASSERT_TRUE(decode_join_answer(body_of(bytes), answer));
        if (const auto* welcome = std::get_if<JoinWelcome>(&answer)) {
            joining->set_outside(false);
            ASSERT_TRUE(joining->membership().on_welcome(*welcome, joining->moment()));
        }
    });
}

void Cluster::step(Millis time) {
    world_.now += time;
    for (std::size_t a = 0; a < size(); ++a) {
        for (std::size_t b = a + 1; b < size(); ++b) step_link(a, b);
    }
    for (std::size_t slot = 0; slot < size(); ++slot) {
        Node* at = node(slot);
        if (at == nullptr || !at->running()) continue;
        if (slots_[slot].wants_in) try_to_join(slot);
        for (const Node::Outgoing& each : at->turn()) post(slot, each);
        if (at->membership().has_left()) leave(slot);
    }
}

bool Cluster::agreed() {
    Node* first = node(0);
    if (first == nullptr || !first->running() || !first->settled()) return false;
    const auto view = first->view();
    const auto vector = first->vector();
    for (std::size_t a = 0; a < size(); ++a) {
        Node* at = node(a);
        if (at == nullptr) continue;
        if (!at->running() || slots_[a].wants_in || !at->settled()) return false;
        // An outsider has the same as his like at most.
        if (first->membership().standing(at->id().name, at->id().incarnation) !=
            Membership::Standing::Member) {
            continue;
        }
        for (std::size_t b = 0; b < size(); ++b) {
            Node* other = node(b);
            if (a == b || other == nullptr || !may_link(a, b)) continue;
            const auto state = at->replication().state_of(other->id());
            if (!state.in_sync_from || !state.in_sync_to) return false;
        }
        if (at->view() != view || at->vector() != vector) return false;
    }
    return true;
}

std::string Cluster::describe() {
    std::string text;
    for (std::size_t i = 0; i < size(); ++i) {
        Node* at = node(i);
        text += "slot " + std::to_string(i) + ": ";
        if (at == nullptr || !at->running()) {
            text += at == nullptr ? "empty\n" : "down\n";
            continue;
        }
        text += at->id().name + (slots_[i].wants_in ? " wants in" : "") +
                (at->facts().promises_own() ? "" : " promises nothing own") + "; members";
        for (const ClusterMember& member : at->membership().members()) text += " " + member.name;
        text += "; links";
        for (const auto& [peer, number] : at->links()) {
            const auto state = at->replication().state_of(peer);
            text +=
                " " + peer.name + (state.in_sync_from ? "<" : "") + (state.in_sync_to ? ">" : "");
        }
        text += "\n  has";
        for (const auto& [key, written] : at->view()) {
            text += " " + key.second.substr(key.second.find('\0') + 1) + "=" +
                    (key.first == FactKind::Member ? "" : written.value) + "@" +
                    std::to_string(written.time % 1'000'000'000'000) + written.writer.name;
        }
        text += "\n  up to";
        for (const auto& [writer, time] : at->vector()) {
            text += " " + writer.name + ":" + std::to_string(time % 1'000'000'000'000);
        }
        text += "\n";
    }
    return text;
}

// --- That it can be relied on ---

namespace {

std::string life(std::uint64_t seed) {
    World world(seed);
    Cluster cluster(world, 3);
    for (int i = 0; i < 500; ++i) {
        cluster.write_somewhere();
        if (world.chance(50)) cluster.split();
        if (world.chance(50)) cluster.heal();
        cluster.step(Millis(10));
    }
    return cluster.describe();
}

TEST(SimulatedCluster, TheSameSeedGivesTheSameLife) {
    EXPECT_EQ(life(7), life(7));
    EXPECT_NE(life(7), life(8));
}

}  // namespace
}  // namespace vmq::cluster::test
