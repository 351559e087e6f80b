#include "broker/cluster_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/log.h"
#include "broker/broker.h"
#include "broker/untold_deletion.h"
#include "cluster/fact_codec.h"

namespace vmq::broker {

using cluster::Fact;
using cluster::FactChange;
using cluster::FactKind;
using cluster::Positions;

namespace {

// Keys in the store.
constexpr char kIdentityKey = 'I';   // node:string incarnation
constexpr char kPositionsKey = 'P';  // see append_positions_record()
constexpr char kFactKeys = 'F';      // behind untold deletions; kind:u8 key -> append_fact_record()

/// Retained messages looked at in one turn.
constexpr std::size_t kTakenInAtOnce = 500;
/// Between two warnings of one kind.
constexpr Millis kQuiet{60'000};
/// Nodes tell each other of themselves; what they say is of no use elsewhere.
constexpr std::string_view kOfOneNode = "$SYS/";

std::string fact_key(FactKind kind, std::string_view key) {
    std::string bytes{kFactKeys, static_cast<char>(kind)};
    bytes.append(key);
    return bytes;
}

cluster::Incarnation new_incarnation(const Surroundings& from) {
    cluster::Incarnation made;
    for (std::uint8_t& each : made.bytes) each = static_cast<std::uint8_t>(from.entropy());
    return made;
}

std::string_view view(const cluster::Incarnation& incarnation) {
    return {reinterpret_cast<const char*>(incarnation.bytes.data()), incarnation.bytes.size()};
}

/// Incarnation and name of the node whose store this is. False: the record is damaged.
bool read_identity(std::string_view bytes, std::string& node, cluster::Incarnation& incarnation) {
    cluster::ByteReader reader(bytes);
    std::string_view name;
    std::string_view of;
    if (!reader.string(name, cluster::kLongestNodeName) ||
        !reader.bytes(incarnation.bytes.size(), of) || !reader.done()) {
        return false;
    }
    node = name;
    std::copy(of.begin(), of.end(), incarnation.bytes.begin());
    return true;
}

}  // namespace

// Start.

ClusterFacts::ClusterFacts(Broker& broker, Home& home, runtime::ShardLoop& loop,
                           metrics::ShardMetrics& metrics, Options options)
    : broker_(broker),
      home_(home),
      loop_(loop),
      metrics_(metrics),
      options_(std::move(options)),
      shared_(options_.on_shared) {}

ClusterFacts::~ClusterFacts() = default;

Result<std::unique_ptr<ClusterFacts>> ClusterFacts::open(Broker& broker, Home& home,
                                                         runtime::ShardLoop& loop,
                                                         metrics::ShardMetrics& metrics,
                                                         Options options,
                                                         const StoredFacts& stored) {
    std::unique_ptr<ClusterFacts> facts(
        new ClusterFacts(broker, home, loop, metrics, std::move(options)));
    if (auto loaded = facts->load(stored); !loaded) return loaded.error();
    return facts;
}

void ClusterFacts::make() {
    replication_.reset();
    members_.reset();
    cluster::FactMap::Limits limits;
    limits.fit_frames(options_.longest_frame);
    facts_ =
        std::make_unique<cluster::FactMap>(cluster::Writer{options_.node, incarnation_}, limits);
    members_ = std::make_unique<cluster::Membership>(*facts_);
    cluster::Replication::Options replication;
    replication.seed = options_.seed;
    replication_ = std::make_unique<cluster::Replication>(*facts_, *members_, replication);
    members_revision_ = facts_->revision(FactKind::Member);
}

Result<void> ClusterFacts::load(const StoredFacts& stored) {
    std::string node = options_.node;
    incarnation_ = new_incarnation(broker_.surroundings());
    identity_stale_ = true;
    for (const auto& [key, value] : stored) {
        if (key.front() != kIdentityKey) continue;
        identity_stale_ = !read_identity(value, node, incarnation_);
    }
    make();
    std::set<std::string, std::less<>> untold;  // their keys come before those of facts
    for (const auto& [key, value] : stored) {
        if (key.front() == kUntoldDeletionKeys) untold.insert(key.substr(1));
        if (key.front() == kFactKeys && key.size() > 2) load_fact(key, value, untold);
    }
    cluster::PositionsRecord positions;
    for (const auto& [key, value] : stored) {
        if (key.front() != kPositionsKey) continue;
        if (!cluster::decode_positions_record(value, positions)) {
            log::error(
                "cluster: the positions in the store cannot be read; everything is asked "
                "for again");
        }
    }
    Positions complete;
    Positions dropped;
    for (const auto& entry : positions.entries) {
        const auto writer = facts_->writers().intern(entry.name, entry.incarnation);
        if (!writer) continue;
        dropped.set(*writer, entry.dropped);
        if (!lost_messages_) complete.set(*writer, entry.complete);
    }
    facts_->restore_positions(complete, dropped, positions.last_own);
    (void)facts_->take_changes();
    members_revision_ = facts_->revision(FactKind::Member);
    const bool company = in_use();
    if (node != options_.node && !members_->alone()) {
        return Error{ErrorCode::InvalidValue, "this node is a member of a cluster as " + node +
                                                  ", and nodename is " + options_.node +
                                                  ": set it back, or leave the cluster first"};
    }
    for (const auto& [key, value] : stored) {
        if (key.front() != kUntoldDeletionKeys) continue;
        // The mark may be older than what is retained there by now.
        const std::string_view topic = std::string_view(key).substr(1);
        const auto of = cluster::split_retained_key(topic);
        const bool gone = !retained().find(broker_.shard_count(), of.mountpoint, of.topic);
        const cluster::Moment moment{loop_.now(), untold_deletion_time(value)};
        const bool told =
            gone && (company ? facts_->erase_everywhere(FactKind::Retained, topic, moment)
                             : facts_->erase(FactKind::Retained, topic, moment));
        if (!told) stale_.push_back(key);
    }
    if (company && !members_->has_left() && node == options_.node) return {};
    if (!company && stored.size() <= 1 && node == options_.node) return {};  // it was alone before
    for (const auto& [key, value] : stored) {
        if (key.front() != kIdentityKey) stale_.push_back(key);
    }
    begin_alone();
    return {};
}

void ClusterFacts::load_fact(std::string_view key, std::string_view value,
                             const std::set<std::string, std::less<>>& untold) {
    cluster::FactRecord record;
    if (!cluster::decode_fact_record(value, record)) {
        log::error("cluster: a fact in the store cannot be read");
        lost_messages_ = true;
        return;
    }
    const auto writer = facts_->writers().intern(record.writer.name, record.writer.incarnation);
    if (!writer) return;
    cluster::FactParts& fact = record.fact;
    fact.stamp.writer = *writer;
    if (fact.kind == FactKind::Retained && !fact.deleted) {
        const auto of = cluster::split_retained_key(fact.key);
        mqtt::MessagePtr message = retained().find(broker_.shard_count(), of.mountpoint, of.topic);
        if (!message && untold.contains(fact.key)) {
            message = mqtt::Message::make({.mountpoint = of.mountpoint, .topic = of.topic});
        } else if (!message || cluster::message_digest(*message) != record.digest) {
            // Written here after this fact, and the others have not been told: take_in_retained()
            // does. Or it is deleted, which has a mark, has expired, or is lost to damage.
            facts_->start_after(fact.stamp.time, now());
            if (!message) {
                lost_messages_ = true;
                stale_.emplace_back(key);
            }
            return;
        }
        fact.message = std::move(message);
    }
    if (!facts_->restore(fact)) log::error("cluster: a fact is twice in the store");
}

routing::RetainedIndex& ClusterFacts::retained() const noexcept {
    return broker_.shards().front()->shared().retained;
}

cluster::Moment ClusterFacts::now() const {
    return {loop_.now(), broker_.surroundings().wall_now()};
}

void ClusterFacts::begin_alone() {
    shared_.leave(*facts_);
    facts_->for_each_even_deleted(
        [this](const Fact& fact) { stale_.push_back(fact_key(fact.kind(), fact.key())); });
    stale_.emplace_back(1, kPositionsKey);
    intakes_.clear();
    links_.clear();
    incarnation_ = new_incarnation(broker_.surroundings());
    identity_stale_ = true;
    make();
}

// Retained messages.

void ClusterFacts::take_in_retained(bool late, std::function<void()> done) {
    Intake intake;
    intake.late = late;
    intake.done = std::move(done);
    intake.mountpoints = retained().mountpoints(broker_.shard_count(), SIZE_MAX, nullptr);
    intakes_.push_back(std::move(intake));
    loop_.run_again();
}

void ClusterFacts::intake_some() {
    if (intakes_.empty()) return;
    Intake& intake = intakes_.front();
    if (intake.mountpoints.empty()) {
        const auto done = std::move(intake.done);
        intakes_.pop_front();
        if (done) done();
        return;
    }
    std::vector<mqtt::MessagePtr> some;
    retained().list(broker_.shard_count(), intake.mountpoints.back(), loop_.now(), kTakenInAtOnce,
                    intake.cursor, some);
    UntoldRetained& untold = broker_.shards().front()->shared().untold_retained;
    for (const mqtt::MessagePtr& message : some) {
        // A change that is under way is told by itself, as of now.
        if (untold.contains(cluster::retained_key(message->mountpoint(), message->topic()))) {
            continue;
        }
        note_retained(message, intake.late);
    }
    if (intake.cursor.done) {
        intake.mountpoints.pop_back();
        intake.cursor = {};
    }
    loop_.run_again();
}

void ClusterFacts::note_retained(const mqtt::MessagePtr& message, bool late) {
    if (message->topic().starts_with(kOfOneNode)) return;
    const std::string key = cluster::retained_key(message->mountpoint(), message->topic());
    const Fact* known = facts_->find(FactKind::Retained, key);
    if (known != nullptr && known->message() == message) return;
    cluster::Moment moment = now();
    if (!late) moment.wall = 0;
    if (const auto put = facts_->put_retained(message, moment); !put) {
        metrics_.add(metrics::Counter::DropTooLargeForNode);
        if (!may_warn(next_length_warning_)) return;
        log::warning("cluster: topic {}: {}", message->topic(), put.error().detail);
    }
}

void ClusterFacts::on_retained_change(std::string_view mountpoint, std::string_view topic) {
    if (topic.starts_with(kOfOneNode)) return;
    // What other nodes have written has to be in the index before it is compared with the facts.
    if (!facts_->changes().empty()) turn();
    if (const mqtt::MessagePtr message =
            retained().find(broker_.shard_count(), mountpoint, topic)) {
        return note_retained(message, true);
    }
    const std::string key = cluster::retained_key(mountpoint, topic);
    if (!facts_->erase_everywhere(FactKind::Retained, key, now())) {
        stale_.push_back(untold_deletion_key(mountpoint, topic));
    }
}

void ClusterFacts::on_not_retained(std::string_view mountpoint, std::string_view topic) {
    std::string key = cluster::retained_key(mountpoint, topic);
    if (facts_->find(FactKind::Retained, key) == nullptr) return;
    Batch batch;
    FactChange change;
    change.what = FactChange::What::Put;
    change.kind = FactKind::Retained;
    change.key = std::move(key);
    apply_retained(change, batch);
    commit(std::move(batch), [] {});
}

Result<void> ClusterFacts::put_shared(FactKind kind, std::string_view key,
                                      std::optional<std::string_view> value) {
    return shared_.put(*facts_, in_use(), kind, key, value, now());
}

// Links.

Result<void> ClusterFacts::on_link_up(const cluster::Writer& peer, std::uint32_t longest_frame) {
    if (auto up = replication_->on_link_up(peer, longest_frame); !up) return up;
    links_[peer] = ++last_link_;
    return {};
}

void ClusterFacts::on_link_down(const cluster::Writer& peer) {
    if (links_.erase(peer) != 0) replication_->on_link_down(peer);
}

Result<void> ClusterFacts::receive(const cluster::Writer& peer, const cluster::Frame& frame) {
    return replication_->receive(peer, frame, now());
}

// Effects.

void ClusterFacts::turn() {
    auto output = replication_->turn(now());
    Batch batch;
    for (const FactChange& change : output.changes) apply(change, batch);
    intake_some();  // what others have written is in the index, and is not taken for this node's
    for (std::string& key : stale_) batch.add(store::DeleteFact{std::move(key)});
    stale_.clear();
    if (output.positions_changed) {
        store::PutFact positions{std::string(1, kPositionsKey), {}};
        cluster::append_positions_record(facts_->writers(), facts_->complete(), facts_->dropped(),
                                         facts_->last_own(), positions.value);
        batch.add(std::move(positions));
    }
    if (std::exchange(identity_stale_, false)) add_identity(batch);
    struct Send {
        cluster::Writer peer;
        std::uint64_t link;
        std::string frames;
    };
    std::vector<Send> sends;
    for (auto& each : output.sends) {
        const auto link = links_.find(each.peer);
        if (link == links_.end()) continue;
        sends.push_back({std::move(each.peer), link->second, std::move(each.frames)});
    }
    if (!batch.empty() || !sends.empty()) {
        commit(std::move(batch), [this, sends = std::move(sends)] {
            for (const Send& each : sends) {
                const auto link = links_.find(each.peer);
                if (link == links_.end() || link->second != each.link) continue;  // it has ended
                home_.send_facts(each.peer, each.frames);
            }
        });
    }
    shared_.tell_news();
    warn_of_clocks();
    warn_of_left_out();
    const std::uint64_t revision = facts_->revision(FactKind::Member);
    if (std::exchange(members_revision_, revision) != revision) home_.on_members_changed();
}

bool ClusterFacts::may_warn(TimePoint& next) const noexcept {
    if (loop_.now() < next) return false;
    next = loop_.now() + kQuiet;
    return true;
}

void ClusterFacts::warn_of_clocks() {
    const std::uint64_t ahead = facts_->counters().ahead;
    if (std::exchange(ahead_, ahead) == ahead || !may_warn(next_clock_warning_)) return;
    const auto last = facts_->last_ahead();
    log::warning(
        "the clock of node {} is {} s ahead of this node's: what it changes wins until the "
        "others have caught up; set the clocks (NTP)",
        facts_->writers()[last.writer].name, std::chrono::duration_cast<Seconds>(last.by).count());
}

void ClusterFacts::warn_of_left_out() {
    for (const auto& each : replication_->take_left_out()) {
        if (!may_warn(next_left_out_warning_)) continue;
        std::string what = "something";
        if (each.last != nullptr) {
            const bool retained = each.last->kind() == FactKind::Retained;
            what = retained ? fmt::format("the retained message of topic {}",
                                          cluster::split_retained_key(each.last->key()).topic)
                            : fmt::format("{} {}", word_of(each.last->kind()), each.last->key());
        }
        log::warning(
            "node {} is not told {}: it takes {} bytes at once; raise "
            "incoming_clustering_buffer_size there ({} such so far)",
            each.peer.name, what, each.longest_frame, each.count);
    }
}

FactNumbers ClusterFacts::numbers() const {
    FactNumbers numbers;
    for (std::size_t kind = 0; kind < numbers.by_kind.size(); ++kind) {
        numbers.by_kind[kind] = facts_->size(static_cast<FactKind>(kind));
        numbers.deleted_by_kind[kind] = facts_->deleted(static_cast<FactKind>(kind));
    }
    numbers.deleted = facts_->deleted();
    numbers.bytes = facts_->memory();
    const auto sent = replication_->sent();
    numbers.sent = sent.facts;
    numbers.left_out = sent.left_out;
    numbers.received = replication_->counters().facts_received;
    numbers.refused = facts_->counters().older + facts_->counters().dead;
    numbers.ahead = facts_->counters().ahead;
    return numbers;
}

void ClusterFacts::add_identity(Batch& batch) const {
    store::PutFact identity{std::string(1, kIdentityKey), {}};
    cluster::ByteWriter to(identity.value);
    to.string(options_.node);
    to.bytes(view(incarnation_));
    batch.add(std::move(identity));
}

void ClusterFacts::apply(const FactChange& change, Batch& batch) {
    std::string key = fact_key(change.kind, change.key);
    const Fact* fact = facts_->find_even_deleted(change.kind, change.key);
    if (fact == nullptr) {
        batch.add(store::DeleteFact{std::move(key)});
    } else {
        store::PutFact put{std::move(key), {}};
        cluster::append_fact_record(*fact, facts_->writers(), put.value);
        batch.add(std::move(put));
    }
    shared_.on_change(*facts_, change, now().wall);
    if (change.kind != FactKind::Retained) return;
    if (!change.local) return apply_retained(change, batch);
    if (change.what != FactChange::What::Erased) return;
    batch.add(store::DeleteFact{kUntoldDeletionKeys + change.key});
}

void ClusterFacts::apply_retained(const FactChange& change, Batch& batch) {
    if (change.what == FactChange::What::Expired) return;  // the index sees that by itself
    if (change.what == FactChange::What::Forgotten) return;
    // A shard that changes it now comes behind this, with a later stamp.
    const auto held = broker_.shards().front()->shared().untold_retained.unless_untold(
        change.key, [&] { retain_what_is_known(change.key, batch); });
    // The stored fact and the stored message belong together, whether that change is stored or not.
    if (held) store_what_is_known(change.key, *held, batch);
}

void ClusterFacts::store_what_is_known(const std::string& key, std::uint64_t stamp,
                                       Batch& batch) const {
    const Fact* fact = facts_->find(FactKind::Retained, key);
    if (fact != nullptr) {
        batch.add(store::PutRetained{fact->message(), stamp});
        return;
    }
    const auto of = cluster::split_retained_key(key);
    batch.add(store::DeleteRetained{std::string(of.mountpoint), std::string(of.topic), stamp});
}

void ClusterFacts::retain_what_is_known(const std::string& key, Batch& batch) {
    const auto of = cluster::split_retained_key(key);
    std::uint64_t order = 0;
    const Fact* fact = facts_->find(FactKind::Retained, key);
    if (fact == nullptr) {
        (void)retained().erase(of.mountpoint, of.topic, &order);
        batch.add(store::DeleteRetained{std::string(of.mountpoint), std::string(of.topic), order});
        return;
    }
    const auto stored = retained().set(fact->message(), &order);
    if (stored != routing::RetainedIndex::Stored::LimitReached) {
        batch.add(store::PutRetained{fact->message(), order});
        return;
    }
    metrics_.add(metrics::Counter::RetainLimitReached);
    if (!may_warn(next_limit_warning_)) return;
    log::warning(
        "a message that another node retains on {} is not kept: max_retained_messages "
        "reached; it has to be the same on all nodes",
        of.topic);
}

std::optional<std::string_view> ClusterFacts::wills_done(std::string_view node) const {
    const cluster::Fact* fact = facts_->find(cluster::FactKind::WillsDone, node);
    if (fact == nullptr) return std::nullopt;
    return fact->value();
}

Result<void> ClusterFacts::set_wills_done(std::string_view node, std::string_view value) {
    return facts_->put(cluster::FactKind::WillsDone, node, value, now());
}

void ClusterFacts::clear_wills_done(std::string_view node) {
    (void)facts_->erase(cluster::FactKind::WillsDone, node, now());
}

void ClusterFacts::when_stored(std::function<void()> work) {
    turn();
    effects_.push_back({true, std::move(work)});
    flush();
}

void ClusterFacts::commit(Batch batch, std::function<void()> then) {
    const std::uint64_t number = first_effect_ + effects_.size();
    effects_.push_back({batch.empty(), std::move(then)});
    if (batch.empty()) return flush();
    broker_.commit_for_cluster(std::move(batch), [this, number, alive = std::weak_ptr(alive_)](
                                                     store::CommitStatus status) {
        if (alive.expired() || status != store::CommitStatus::Safe) return;
        effects_[number - first_effect_].stored = true;
        flush();
    });
}

void ClusterFacts::flush() {
    while (!effects_.empty() && effects_.front().stored) {
        const auto work = std::move(effects_.front().work);
        effects_.pop_front();
        ++first_effect_;
        work();
    }
}

}  // namespace vmq::broker
