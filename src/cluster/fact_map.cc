#include "cluster/fact_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace vmq::cluster {
namespace {

constexpr std::size_t kFirstBuckets = 16;

}  // namespace

FactMap::Table::Table()
    : buckets(kFirstBuckets), facts(FactSet::bucket_traits(buckets.data(), buckets.size())) {}

FactMap::FactMap(const Writer& self) : FactMap(self, Limits{}) {}

FactMap::FactMap(const Writer& self, Limits limits) : limits_(limits), clock_(limits.most_ahead) {
    self_ = *writers_.intern(self.name, self.incarnation);
}

FactMap::~FactMap() {
    for (Written& each : written_) {
        each.live.clear();
        each.deleted.clear();
    }
    for (const auto& each : tables_) {
        if (each) each->facts.clear_and_dispose([](Fact* fact) { Fact::destroy(fact); });
    }
}

// --- Tables ---

const FactMap::Table& FactMap::table(FactKind kind) const noexcept {
    static const Table none;
    const auto& found = tables_[static_cast<std::size_t>(kind) % kFactKinds];
    return found ? *found : none;
}

FactMap::Table& FactMap::make_table(FactKind kind) {
    auto& found = tables_[static_cast<std::size_t>(kind) % kFactKinds];
    if (!found) found = std::make_unique<Table>();
    return *found;
}

FactMap::Written& FactMap::written(WriterNumber writer) {
    const auto index = static_cast<std::size_t>(writer);
    while (index >= written_.size()) written_.emplace_back();
    return written_[index];
}

const Fact* FactMap::find_even_deleted(FactKind kind, std::string_view key) const {
    const FactSet& facts = table(kind).facts;
    const auto found = facts.find(key, HashKey(), EqualKey());
    return found == facts.end() ? nullptr : &*found;
}

Fact* FactMap::find_mutable(FactKind kind, std::string_view key) {
    return const_cast<Fact*>(find_even_deleted(kind, key));
}

const Fact* FactMap::find(FactKind kind, std::string_view key) const {
    const Fact* fact = find_even_deleted(kind, key);
    return fact != nullptr && !fact->deleted() ? fact : nullptr;
}

const Fact* FactMap::find(const Stamp& stamp) const {
    const auto index = static_cast<std::size_t>(stamp.writer);
    if (index >= written_.size()) return nullptr;
    for (const ByTime* facts : {&written_[index].live, &written_[index].deleted}) {
        const auto found = facts->find(stamp.time);
        if (found != facts->end()) return &*found;
    }
    return nullptr;
}

std::size_t FactMap::size(FactKind kind) const noexcept { return table(kind).facts.size(); }

std::uint64_t FactMap::revision(FactKind kind) const noexcept { return table(kind).revision; }

std::size_t FactMap::memory() const noexcept {
    std::size_t bytes = footprint_;
    for (const auto& each : tables_) {
        if (each) bytes += each->buckets.size() * sizeof(FactSet::bucket_type);
    }
    return bytes;
}

HybridTime FactMap::last_of(WriterNumber writer) const noexcept {
    const auto index = static_cast<std::size_t>(writer);
    HybridTime last;
    if (index >= written_.size()) return last;
    for (const ByTime* facts : {&written_[index].live, &written_[index].deleted}) {
        if (!facts->empty()) last = std::max(last, facts->rbegin()->time());
    }
    return last;
}

void FactMap::insert(Fact* fact) {
    Table& of_kind = make_table(fact->kind());
    if (of_kind.facts.size() == of_kind.buckets.size()) {
        std::vector<FactSet::bucket_type> larger(of_kind.buckets.size() * 2);
        of_kind.facts.rehash(FactSet::bucket_traits(larger.data(), larger.size()));
        of_kind.buckets.swap(larger);
    }
    of_kind.facts.insert(*fact);
    ++of_kind.revision;
    Written& of_writer = written(fact->writer());
    (fact->deleted() ? of_writer.deleted : of_writer.live).insert(*fact);
    ++size_;
    if (fact->deleted()) count_deleted(*fact);
    footprint_ += fact->footprint();
}

void FactMap::remove(Fact* fact) {
    Table& of_kind = make_table(fact->kind());
    of_kind.facts.erase(of_kind.facts.iterator_to(*fact));
    ++of_kind.revision;
    Written& of_writer = written(fact->writer());
    (fact->deleted() ? of_writer.deleted : of_writer.live).erase(ByTime::s_iterator_to(*fact));
    --size_;
    if (fact->deleted()) {
        --deleted_;
        --deleted_of_[static_cast<std::size_t>(fact->kind())];
    }
    footprint_ -= fact->footprint();
    Fact::destroy(fact);
}

/// `fact` instead of `old`, which may be null. Its strings may be those of `old`.
Fact* FactMap::store(Fact* old, const FactParts& fact) {
    Fact* stored = Fact::make(fact);
    stored->confirmed_ = old != nullptr && old->confirmed_;
    if (old != nullptr) remove(old);
    insert(stored);
    return stored;
}

void FactMap::note(FactChange::What what, const Fact& fact, bool local) {
    changes_.push_back({what, fact.kind(), std::string(fact.key()), fact.stamp(), local});
}

// --- Writing here ---

Result<void> FactMap::put(FactKind kind, std::string_view key, std::string_view value, Moment now) {
    VMQ_ASSERT(kind != FactKind::Retained && kind != FactKind{} &&
               static_cast<std::size_t>(kind) < kFactKinds);
    if (key.size() > limits_.longest_key || value.size() > limits_.longest_value) {
        return Error{
            ErrorCode::LimitReached,
            fmt::format("a key of {} bytes with a value of {} is more than the {} and {} "
                        "that the nodes of a cluster tell each other",
                        key.size(), value.size(), limits_.longest_key, limits_.longest_value)};
    }
    write({kind, key, {}, false, value, nullptr}, true, now);
    return {};
}

Result<void> FactMap::put_retained(mqtt::MessagePtr message, Moment now) {
    const std::string key = retained_key(message->mountpoint(), message->topic());
    const std::size_t size = message->properties().size() + message->payload().size();
    if (key.size() > limits_.longest_key || size > limits_.longest_value) {
        return Error{ErrorCode::LimitReached,
                     fmt::format("a retained message of {} bytes stays on this node: {} are the "
                                 "most that the nodes of a cluster tell each other",
                                 size, limits_.longest_value)};
    }
    write({FactKind::Retained, key, {}, false, {}, std::move(message)}, true, now);
    return {};
}

bool FactMap::erase(FactKind kind, std::string_view key, Moment now) {
    if (find(kind, key) == nullptr) return false;
    write({kind, key, {}, true, {}, nullptr}, true, now);
    return true;
}

bool FactMap::erase_everywhere(FactKind kind, std::string_view key, Moment now) {
    if (key.size() > limits_.longest_key) return false;
    write({kind, key, {}, true, {}, nullptr}, true, now);
    return true;
}

void FactMap::write(FactParts fact, bool local, Moment now) {
    Fact* old = find_mutable(fact.kind, fact.key);
    fact.stamp = {clock_.next(now.wall, old != nullptr ? old->time() : HybridTime{}), self_};
    note_own(fact.stamp.time);
    note(fact.deleted ? FactChange::What::Erased : FactChange::What::Put, *store(old, fact), local);
}

void FactMap::note_own(HybridTime time) {
    last_own_ = std::max(last_own_, time);
    positions_changed_ = true;
    if (promises_own_) {
        (void)complete_.raise(self_, time);
        return;
    }
    if (since_start_.size() == since_start_.capacity()) {
        std::erase_if(since_start_,
                      [&](HybridTime each) { return find(Stamp{each, self_}) == nullptr; });
        since_start_.reserve(2 * since_start_.size() + 16);
    }
    since_start_.push_back(time);
}

void FactMap::expire(TimePoint now, std::size_t budget) {
    Table& retained = make_table(FactKind::Retained);
    std::vector<Fact*> expired;
    for (std::size_t buckets = retained.buckets.size(); buckets > 0 && budget > 0; --buckets) {
        if (++expire_bucket_ >= retained.buckets.size()) expire_bucket_ = 0;
        --budget;
        for (auto at = retained.facts.begin(expire_bucket_);
             at != retained.facts.end(expire_bucket_); ++at) {
            budget -= std::min<std::size_t>(budget, 1);
            if (at->message() && at->message()->expired(now)) expired.push_back(&*at);
        }
    }
    for (Fact* fact : expired) {
        mark_deleted(*fact);
        note(FactChange::What::Expired, *fact, false);
    }
}

void FactMap::count_deleted(const Fact& fact) {
    ++deleted_;
    ++deleted_of_[static_cast<std::size_t>(fact.kind())];
}

void FactMap::mark_deleted(Fact& fact) {
    Written& of_writer = written(fact.writer());
    of_writer.live.erase(ByTime::s_iterator_to(fact));
    fact.message_ = nullptr;
    fact.deleted_ = true;
    count_deleted(fact);
    of_writer.deleted.insert(fact);
}

// --- From other nodes ---

void FactMap::take_in(const Stamp& stamp, Moment now) {
    if (clock_.take_in(stamp.time, now.wall)) return;
    ++counters_.ahead;
    last_ahead_ = {stamp.writer, Millis(stamp.time.wall_ms() - now.wall)};
}

FactMap::Outcome FactMap::merge(const FactParts& fact, Sender sender, Moment now) {
    Fact* old = find_mutable(fact.kind, fact.key);
    const Fact* same = find(fact.stamp);
    if (same != nullptr && same != old) {
        if (promises_own_ || fact.stamp.writer != self_) return Outcome::Refused;
        start_after(fact.stamp.time, now);  // it was lost here, and its stamp given again
        old = find_mutable(fact.kind, fact.key);
        same = find(fact.stamp);
        if (same != nullptr && same != old) return Outcome::Refused;
    }
    take_in(fact.stamp, now);
    if (old == nullptr) {
        if (fact.stamp.time <= complete_[fact.stamp.writer]) {
            ++counters_.dead;
            return Outcome::Dead;
        }
        if (sender.is_behind && fact.stamp.time <= dropped_.highest()) {
            write(fact, false, now);
            ++counters_.renewed;
            return Outcome::Renewed;
        }
    } else {
        old->confirmed_ |= catching_up_ && sender.is_caught_up_with;
        if (old->stamp() == fact.stamp) {
            if (fact.deleted && !old->deleted()) {
                mark_deleted(*old);
                note(FactChange::What::Expired, *old, false);
            }
            return Outcome::Known;
        }
        if (writers_.before(fact.stamp, old->stamp())) {
            ++counters_.older;
            return Outcome::Older;
        }
    }
    Fact* stored = store(old, fact);
    stored->confirmed_ |= catching_up_ && sender.is_caught_up_with;
    note(fact.deleted ? FactChange::What::Erased : FactChange::What::Put, *stored, false);
    ++counters_.won;
    if (fact.stamp.writer == self_) {
        ++counters_.own;
        clock_.start_after(fact.stamp.time);  // however far ahead: it was given
        if (fact.stamp.time > last_own_) {
            last_own_ = fact.stamp.time;
            positions_changed_ = true;
        }
        promises_own_ = promises_own_ && fact.stamp.time <= complete_[self_];
    }
    return Outcome::Won;
}

void FactMap::start_after(HybridTime seen, Moment now) {
    clock_.start_after(seen);
    if (promises_own_ && seen > complete_[self_]) promises_own_ = false;
    std::vector<HybridTime> early;
    std::erase_if(since_start_, [&](HybridTime each) {
        if (each <= seen) early.push_back(each);
        return each <= seen;
    });
    for (const HybridTime time : early) {
        const Fact* fact = find(Stamp{time, self_});
        if (fact == nullptr) continue;
        // Right behind it and not as of now: others may have written something newer meanwhile.
        write(fact->parts(), false, {now.steady, 0});
        ++counters_.renewed;
    }
}

void FactMap::promise_own() {
    if (std::exchange(promises_own_, true)) return;
    since_start_ = {};
    if (complete_.raise(self_, last_own_)) positions_changed_ = true;
}

void FactMap::raise_complete(const Positions& promised) {
    clock_.start_after(promised[self_]);
    if (complete_.raise(promised)) positions_changed_ = true;
}

void FactMap::raise_dropped(WriterNumber writer, HybridTime time) {
    if (!dropped_.raise(writer, time)) return;
    positions_changed_ = true;
    // What is written from here on must not be older than a deletion that others still have.
    clock_.start_after(time);
}

void FactMap::adopt(WriterNumber writer, Moment now, std::size_t budget) {
    std::vector<const Fact*> orphans;
    (void)walk(writer, complete_[writer], kLatestTime, [&](const Fact& fact) {
        orphans.push_back(&fact);
        return orphans.size() < budget;
    });
    for (const Fact* fact : orphans) write(fact->parts(), false, now);
    counters_.renewed += orphans.size();
}

std::vector<const Fact*> FactMap::missing_for(Positions& from, std::size_t most_bytes) const {
    std::vector<const Fact*> facts;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < written_.size() && bytes < most_bytes; ++i) {
        const auto writer = static_cast<WriterNumber>(i);
        walk(writer, from[writer], kLatestTime, [&](const Fact& fact) {
            facts.push_back(&fact);
            bytes += fact.wire_size();
            from.set(writer, fact.time());
            return bytes < most_bytes;
        });
    }
    return facts;
}

// --- Catching up ---

void FactMap::begin_catch_up() {
    abandon_catch_up();
    catching_up_ = true;
}

void FactMap::abandon_catch_up() {
    if (!std::exchange(catching_up_, false)) return;
    for (const auto& each : tables_) {
        if (!each) continue;
        for (Fact& fact : each->facts) fact.confirmed_ = false;
    }
}

void FactMap::confirm(const Stamp& stamp) {
    if (!catching_up_) return;
    if (auto* fact = const_cast<Fact*>(find(stamp))) fact->confirmed_ = true;
}

void FactMap::end_catch_up(const Positions& complete, const Positions& dropped, Moment now) {
    VMQ_ASSERT(catching_up_);
    catching_up_ = false;
    for (std::size_t i = 0; i < dropped.size(); ++i) {
        const auto writer = static_cast<WriterNumber>(i);
        // Up to the own promise, what is missing here is in the own horizon already.
        if (dropped[writer] > complete_[writer]) raise_dropped(writer, dropped[writer]);
    }
    clock_.start_after(dropped.highest());
    std::vector<Fact*> dead;
    std::vector<Fact*> unknown;
    for (const auto& each : tables_) {
        if (!each) continue;
        for (Fact& fact : each->facts) {
            if (std::exchange(fact.confirmed_, false)) continue;
            if (fact.time() <= complete[fact.writer()]) {
                dead.push_back(&fact);
            } else if (fact.time() <= dropped.highest()) {
                unknown.push_back(&fact);
            }
        }
    }
    raise_complete(complete);
    for (Fact* fact : dead) {
        if (fact->deleted()) {
            drop(fact);
        } else {
            note(FactChange::What::Removed, *fact, false);
            remove(fact);
        }
    }
    for (const Fact* fact : unknown) write(fact->parts(), false, now);
    counters_.removed += dead.size();
    counters_.renewed += unknown.size();
}

// --- Deleted facts ---

void FactMap::drop(Fact* fact) {
    note(FactChange::What::Forgotten, *fact, false);
    raise_dropped(fact->writer(), fact->time());
    remove(fact);
}

void FactMap::drop_deleted(const Positions& acknowledged, const Positions& present, Moment now,
                           std::size_t budget) {
    const HybridTime aged = HybridTime::at(now.wall - limits_.keep_deleted.count());
    const HybridTime left = HybridTime::at(now.wall - limits_.keep_left.count());
    const HybridTime plausible = clock_.limit(now.wall);
    for (std::size_t i = 0; i < written_.size(); ++i) {
        const auto writer = static_cast<WriterNumber>(i);
        // A stamp far ahead would take the own clock with it when its fact is dropped.
        const HybridTime everybody = std::min(acknowledged[writer], plausible);
        const HybridTime early = std::min(aged, present[writer]);
        const HybridTime last = std::min(std::max(everybody, early), complete_[writer]);
        ByTime& deleted = written_[i].deleted;
        for (auto at = deleted.begin(); at != deleted.end() && budget > 0; --budget) {
            Fact* fact = &*at++;
            if (fact->time() > last) break;
            if (fact->kind() == FactKind::Member && fact->time() > left) continue;
            ++(fact->time() <= everybody ? counters_.dropped : counters_.dropped_early);
            drop(fact);
        }
    }
    while (deleted_ > limits_.most_deleted && drop_oldest()) {
    }
}

bool FactMap::drop_oldest() {
    Fact* oldest = nullptr;
    for (Written& each : written_) {
        if (each.deleted.empty()) continue;
        Fact* first = &*each.deleted.begin();
        if (first->time() > complete_[first->writer()]) continue;
        if (oldest == nullptr || first->time() < oldest->time()) oldest = first;
    }
    if (oldest == nullptr) return false;
    ++counters_.dropped_early;
    drop(oldest);
    return true;
}

bool FactMap::knows_others() const noexcept {
    for (std::size_t i = 0; i < writers_.size(); ++i) {
        const auto writer = static_cast<WriterNumber>(i);
        if (writer == self_) continue;
        if (complete_[writer] != HybridTime{} || last_of(writer) != HybridTime{}) return true;
    }
    return false;
}

void FactMap::forget_deleted() {
    for (Written& each : written_) {
        while (!each.deleted.empty()) {
            ++counters_.dropped;
            drop(&*each.deleted.begin());
        }
    }
    if (dropped_.empty()) return;
    dropped_.clear();
    positions_changed_ = true;
}

bool FactMap::start_over(const Incarnation& incarnation) {
    const auto anew = writers_.intern(writers_[self_].name, incarnation);
    if (!anew) return false;
    abandon_catch_up();
    forget_deleted();
    std::vector<Fact*> own;
    std::vector<Fact*> members;
    for (Written& each : written_) {
        for (Fact& fact : each.live) {
            (fact.kind() == FactKind::Member ? members : own).push_back(&fact);
        }
    }
    for (Fact* fact : members) {
        note(FactChange::What::Removed, *fact, false);
        remove(fact);
    }
    std::sort(own.begin(), own.end(), [&](const Fact* a, const Fact* b) {
        return writers_.before(a->stamp(), b->stamp());
    });
    self_ = *anew;
    HybridTime last;
    for (Fact* fact : own) {
        FactParts parts = fact->parts();
        last = std::max(last.next(), fact->time());
        parts.stamp = {last, self_};
        note(FactChange::What::Put, *store(fact, parts), true);
    }
    clock_.start_after(last);
    promises_own_ = true;
    since_start_ = {};
    last_own_ = last;
    complete_.clear();
    complete_.set(self_, last);
    positions_changed_ = true;
    return true;
}

// --- Restart ---

bool FactMap::restore(const FactParts& fact) {
    if (find_even_deleted(fact.kind, fact.key) != nullptr || find(fact.stamp) != nullptr) {
        return false;
    }
    insert(Fact::make(fact));
    if (fact.stamp.writer == self_) {
        clock_.start_after(fact.stamp.time);
        last_own_ = std::max(last_own_, fact.stamp.time);
    }
    return true;
}

void FactMap::restore_positions(const Positions& complete, const Positions& dropped,
                                HybridTime last_own) {
    last_own_ = std::max(last_own_, last_own);
    complete_ = complete;
    dropped_ = dropped;
    promises_own_ = false;
    (void)walk(self_, complete_[self_], kLatestTime, [&](const Fact& fact) {
        since_start_.push_back(fact.time());
        return true;
    });
    clock_.start_after(std::max({last_own_, complete_[self_], dropped_.highest()}));
}

}  // namespace vmq::cluster
