// FactMap: what the nodes of a cluster know together, as one of them has it.
#pragma once

#include <array>
#include <boost/intrusive/set.hpp>
#include <boost/intrusive/unordered_set.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"
#include "cluster/fact.h"
#include "cluster/hybrid_clock.h"
#include "cluster/positions.h"
#include "cluster/stamp.h"
#include "cluster/writer_table.h"

namespace vmq::cluster {

/// What happened to a key, for whoever applies facts (retained index, settings) and for the store.
struct FactChange {
    enum class What : std::uint8_t {
        Put,        // there is a value now
        Erased,     // it is a deleted one now, which still has a record
        Expired,    // the same, for a message: the retained index sees by itself that it expired
        Removed,    // there was a value, now there is nothing, and no record
        Forgotten,  // there was a deleted one; only the store cares
    };
    What what{};
    FactKind kind{};
    std::string key;
    Stamp stamp;         // of Put and Erased
    bool local = false;  // written here: who wrote it knows
};

/// Key -> the fact with the highest stamp that was heard of, whatever the order they came in.
///
/// **Positions.** complete()[X] = t promises: whatever X has written up to t, this map has it, or
/// something newer of the same key, or that was deleted and the deletion is no longer kept. The
/// promise is made for oneself while writing, and taken over from a node that has sent everything
/// it had (raise_complete). So two nodes find out what one lacks by comparing positions, and a fact
/// that is unknown here although it is at or below complete() is known to be deleted.
///
/// **Deleted facts** are kept as facts until every member has promised to have them, or too long.
/// dropped()[X] says up to which of X's stamps deleted ones are missing here: the horizon. A node
/// whose complete() does not cover it may still have what was deleted, so before it says anything
/// it listens: begin_catch_up().
///
/// Owned by the cluster's thread. Does no I/O and reads no clock. What changed is collected for the
/// caller, see take_changes().
class FactMap final {
public:
    struct Limits {
        Millis most_ahead = HybridClock::kMostAhead;
        Millis keep_deleted{24LL * 3600 * 1000};
        Millis keep_left{30LL * 24 * 3600 * 1000};  // deleted members: to tell them when they knock
        std::size_t most_deleted = 1'000'000;       // of more, the oldest go early
        std::size_t longest_key = 128UL * 1024;
        std::size_t longest_value = 32UL * 1024 * 1024;

        /// Of a frame with one fact: what is neither key nor value.
        static constexpr std::size_t kFrameOverhead = 4096;
        /// What a frame with the longest fact takes.
        [[nodiscard]] std::size_t longest_frame() const noexcept {
            return longest_key + longest_value + kFrameOverhead;
        }
        /// So that facts fit frames of `longest` bytes, of which nodes take 256 KiB at least.
        void fit_frames(std::uint32_t longest) noexcept {
            longest_value = longest - longest_key - kFrameOverhead;
        }
    };

    explicit FactMap(const Writer& self);
    FactMap(const Writer& self, Limits limits);
    ~FactMap();
    FactMap(const FactMap&) = delete;
    FactMap& operator=(const FactMap&) = delete;

    // Writing here

    /// Refuses a key or value beyond the limits. Wins over what is there, however late its stamp.
    [[nodiscard]] Result<void> put(FactKind kind, std::string_view key, std::string_view value,
                                   Moment now);
    /// Under retained_key() of its mountpoint and topic.
    [[nodiscard]] Result<void> put_retained(mqtt::MessagePtr message, Moment now);
    /// False: there is no such thing.
    bool erase(FactKind kind, std::string_view key, Moment now);
    /// Also what is not there, or deleted already: a node that is away may have it, and this comes
    /// later. False: the key is beyond the limit.
    bool erase_everywhere(FactKind kind, std::string_view key, Moment now);
    /// Deleted ones instead of expired messages, after looking at `budget` retained ones, going
    /// round. They keep their stamps: every node does the same.
    void expire(TimePoint now, std::size_t budget);

    // Reading

    /// Null: there is none, or it is deleted.
    [[nodiscard]] const Fact* find(FactKind kind, std::string_view key) const;
    [[nodiscard]] const Fact* find_even_deleted(FactKind kind, std::string_view key) const;
    [[nodiscard]] const Fact* find(const Stamp& stamp) const;
    template <typename Visit>
    void for_each(FactKind kind, Visit&& visit) const {
        for (const Fact& fact : table(kind).facts) {
            if (!fact.deleted()) visit(fact);
        }
    }
    template <typename Visit>
    void for_each_even_deleted(Visit&& visit) const {
        for (const auto& each : tables_) {
            if (!each) continue;
            for (const Fact& fact : each->facts) visit(fact);
        }
    }
    /// Facts of a kind, deleted ones included.
    [[nodiscard]] std::size_t size(FactKind kind) const noexcept;
    /// Another number after each change of a kind's facts.
    [[nodiscard]] std::uint64_t revision(FactKind kind) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t deleted() const noexcept { return deleted_; }
    [[nodiscard]] std::size_t deleted(FactKind kind) const noexcept {
        return deleted_of_[static_cast<std::size_t>(kind)];
    }
    /// Bytes that all of it takes, without messages.
    [[nodiscard]] std::size_t memory() const noexcept;

    // From other nodes

    enum class Outcome : std::uint8_t {
        Won,
        Known,    // this very fact is there
        Older,    // than what is there
        Dead,     // it was deleted here, and that is forgotten
        Renewed,  // written anew with a stamp of this node, see Sender
        Refused,  // there is another fact with this stamp, see restore_positions()
    };
    struct Sender {
        /// It does not cover dropped(). Of a fact of an unknown key that is older than the horizon
        /// nobody can say then whether it was deleted: it is kept, but as a fact of this node, so
        /// that nobody who still has a deleted one takes it for older.
        bool is_behind = false;
        /// It is the one that is caught up with.
        bool is_caught_up_with = false;
    };
    Outcome merge(const FactParts& fact, Sender sender, Moment now);

    [[nodiscard]] const Positions& complete() const noexcept { return complete_; }
    [[nodiscard]] const Positions& dropped() const noexcept { return dropped_; }
    /// Takes over the promises of a node that has sent everything it has.
    void raise_complete(const Positions& promised);
    /// There is, or was, a fact with this stamp, perhaps of this node, which no longer knows: own
    /// stamps are behind it, and what has been written with earlier ones before it was promised
    /// gets new ones.
    void start_after(HybridTime seen, Moment now);

    /// Makes facts of `writer` beyond complete() facts of this node, `budget` of them at most. For
    /// a writer that is gone: nobody can promise any more to have all up to them.
    void adopt(WriterNumber writer, Moment now, std::size_t budget);

    // For other nodes

    [[nodiscard]] WriterNumber self() const noexcept { return self_; }
    [[nodiscard]] WriterTable& writers() noexcept { return writers_; }
    [[nodiscard]] const WriterTable& writers() const noexcept { return writers_; }
    /// Facts of `writer` behind `after`, up to `last`, in the order of their stamps, until `visit`
    /// returns false. True: it never did.
    template <typename Visit>
    bool walk(WriterNumber writer, HybridTime after, HybridTime last, Visit&& visit) const;
    /// The highest of the facts that are here, zero if there are none.
    [[nodiscard]] HybridTime last_of(WriterNumber writer) const noexcept;
    /// What somebody lacks who has everything up to `from`, about `most_bytes` of it; `from` moves
    /// on. Empty: nothing. Pointers are valid until the map changes.
    [[nodiscard]] std::vector<const Fact*> missing_for(Positions& from,
                                                       std::size_t most_bytes) const;

    // Catching up from behind the horizon of another node

    /// From here until the end, what the other node knows is noted: merge() does, and confirm() for
    /// facts that are known to be here.
    void begin_catch_up();
    void confirm(const Stamp& stamp);
    /// The other node has sent all it has, and promises `complete` with the horizon `dropped`.
    /// What it did not mention and yet knows of was deleted: it is removed. What it does not know
    /// of and is older than its horizon is written anew (see merge()).
    void end_catch_up(const Positions& complete, const Positions& dropped, Moment now);
    void abandon_catch_up();

    // Deleted facts

    /// Lets go of deleted facts up to `acknowledged`, and of those that were kept long enough, the
    /// latter only up to `present`, which the members that are there have acknowledged. Neither
    /// goes beyond complete(). Looks at no more than `budget`.
    void drop_deleted(const Positions& acknowledged, const Positions& present, Moment now,
                      std::size_t budget);
    /// There is, or was, something of another writer.
    [[nodiscard]] bool knows_others() const noexcept;
    /// This node goes among others for the first time: what it has deleted so far is nothing to
    /// them. Requires !knows_others().
    void forget_deleted();
    /// This node is in no cluster any more: what it has is its own, written by a node that nobody
    /// has heard of, about when it was. Nothing is promised or remembered about others, members
    /// least of all. False: the writers are at their limit. Requires that there are no links.
    [[nodiscard]] bool start_over(const Incarnation& incarnation);

    // Restart

    /// A fact as it was stored, before anything else. False: there is one of that key or stamp.
    [[nodiscard]] bool restore(const FactParts& fact);
    /// Behind the facts. The positions have to be of the same moment as the facts, or older;
    /// `last_own` of no earlier moment than they are.
    ///
    /// The end of what this node wrote may be lost (a power failure, an old copy of the store),
    /// and only the others know. So what is written from here on raises no promise: it would cover
    /// what was lost, and nobody would tell it again. Until promise_own(). If the clock has gone
    /// back as well, a stamp may be given again: to others the second fact is an error, which ends
    /// the link, until it has a new one because they have told the first.
    void restore_positions(const Positions& complete, const Positions& dropped,
                           HybridTime last_own);
    /// The highest stamp that was given here, as far as is known, whatever has become of its fact.
    [[nodiscard]] HybridTime last_own() const noexcept { return last_own_; }
    /// Also false again when something is told that was lost.
    [[nodiscard]] bool promises_own() const noexcept { return promises_own_; }
    /// All that this node wrote before it started is here, as far as anybody can know.
    void promise_own();

    // Effects

    [[nodiscard]] const std::vector<FactChange>& changes() const noexcept { return changes_; }
    /// In the order they happened. Have to be stored before anything leaves for another node, so
    /// it is Replication::turn() that takes them.
    [[nodiscard]] std::vector<FactChange> take_changes() { return std::exchange(changes_, {}); }
    /// complete(), dropped() or last_own() changed since the last call: they are stored with the
    /// changes.
    [[nodiscard]] bool take_positions_changed() { return std::exchange(positions_changed_, false); }

    struct Counters {
        std::uint64_t won = 0;
        std::uint64_t older = 0;
        std::uint64_t dead = 0;
        std::uint64_t renewed = 0;        // by merge(), end_catch_up(), adopt(), start_after()
        std::uint64_t own = 0;            // of those that won: this node had lost them
        std::uint64_t removed = 0;        // by end_catch_up()
        std::uint64_t dropped = 0;        // deleted ones that every member has
        std::uint64_t dropped_early = 0;  // and those that not every member has
        std::uint64_t ahead = 0;          // stamps that the clock has not taken in
    };
    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
    /// The node whose clock seems to be ahead, and by how much. For a warning, so not each time.
    struct Ahead {
        WriterNumber writer{};
        Millis by{};
    };
    [[nodiscard]] Ahead last_ahead() const noexcept { return last_ahead_; }
    [[nodiscard]] const Limits& limits() const noexcept { return limits_; }

private:
    struct HashKey {
        std::size_t operator()(const Fact& fact) const noexcept { return hash_bytes(fact.key()); }
        std::size_t operator()(std::string_view key) const noexcept { return hash_bytes(key); }
    };
    struct EqualKey {
        bool operator()(const Fact& a, const Fact& b) const noexcept { return a.key() == b.key(); }
        bool operator()(std::string_view a, const Fact& b) const noexcept { return a == b.key(); }
        bool operator()(const Fact& a, std::string_view b) const noexcept { return a.key() == b; }
    };
    using FactSet = boost::intrusive::unordered_set<Fact, boost::intrusive::hash<HashKey>,
                                                    boost::intrusive::equal<EqualKey>,
                                                    boost::intrusive::power_2_buckets<true>>;
    /// All facts of a kind, deleted ones as well.
    struct Table {
        Table();
        std::vector<FactSet::bucket_type> buckets;
        FactSet facts;
        std::uint64_t revision = 0;
    };
    struct TimeOf {
        using type = HybridTime;  // NOLINT(readability-identifier-naming): asked for by Boost
        type operator()(const Fact& fact) const noexcept { return fact.time(); }
    };
    using ByTime = boost::intrusive::set<Fact, boost::intrusive::key_of_value<TimeOf>,
                                         boost::intrusive::constant_time_size<false>>;
    /// The facts of one writer: two sets, so that deleted ones are found without a search.
    struct Written {
        ByTime live;
        ByTime deleted;
    };

    [[nodiscard]] const Table& table(FactKind kind) const noexcept;
    [[nodiscard]] Table& make_table(FactKind kind);
    [[nodiscard]] Fact* find_mutable(FactKind kind, std::string_view key);
    [[nodiscard]] Written& written(WriterNumber writer);
    void insert(Fact* fact);
    void remove(Fact* fact);
    void count_deleted(const Fact& fact);
    void mark_deleted(Fact& fact);
    Fact* store(Fact* old, const FactParts& fact);
    void write(FactParts fact, bool local, Moment now);
    void note_own(HybridTime time);
    void take_in(const Stamp& stamp, Moment now);
    void note(FactChange::What what, const Fact& fact, bool local);
    void drop(Fact* fact);
    bool drop_oldest();
    void raise_dropped(WriterNumber writer, HybridTime time);

    const Limits limits_;
    WriterTable writers_;
    WriterNumber self_{};
    HybridClock clock_;
    bool promises_own_ = true;
    HybridTime last_own_;
    std::vector<HybridTime> since_start_;  // not promised; some are gone
    std::array<std::unique_ptr<Table>, kFactKinds> tables_;
    std::deque<Written> written_;  // by writer
    Positions complete_;
    Positions dropped_;
    std::size_t size_ = 0;
    std::size_t deleted_ = 0;
    std::array<std::size_t, kFactKinds> deleted_of_{};  // by kind
    std::size_t footprint_ = 0;
    std::size_t expire_bucket_ = 0;
    bool catching_up_ = false;
    bool positions_changed_ = false;
    std::vector<FactChange> changes_;
    Counters counters_;
    Ahead last_ahead_;
};

template <typename Visit>
bool FactMap::walk(WriterNumber writer, HybridTime after, HybridTime last, Visit&& visit) const {
    const auto index = static_cast<std::size_t>(writer);
    if (index >= written_.size()) return true;
    const Written& facts = written_[index];
    auto live = facts.live.upper_bound(after);
    auto deleted = facts.deleted.upper_bound(after);
    for (;;) {
        const bool has_live = live != facts.live.end();
        const bool has_deleted = deleted != facts.deleted.end();
        if (!has_live && !has_deleted) return true;
        const bool take_live = has_live && (!has_deleted || live->time() < deleted->time());
        const Fact& fact = take_live ? *live++ : *deleted++;
        if (fact.time() > last) return true;
        if (!visit(fact)) return false;
    }
}

}  // namespace vmq::cluster
