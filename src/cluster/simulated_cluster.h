// Nodes with their facts, disks, clocks and links in one thread, from one seed. For the tests of
// this folder only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cluster/fact_codec.h"
#include "cluster/fact_map.h"
#include "cluster/membership.h"
#include "cluster/replication.h"

namespace vmq::cluster::test {

/// A fact as all nodes call it.
struct Written {
    std::uint64_t time = 0;
    Writer writer;
    bool deleted = false;
    std::string value;

    [[nodiscard]] auto order() const { return std::tie(time, writer); }
    bool operator==(const Written&) const = default;
};
using FactKey = std::pair<FactKind, std::string>;
/// Keeps the later one.
void note_later(std::map<FactKey, Written>& latest, const FactKey& key, const Written& written);

/// Everything random and every time comes from here.
struct World {
    explicit World(std::uint64_t seed) : random(seed) {}

    [[nodiscard]] bool chance(std::uint32_t in) { return random.below(in) == 0; }
    [[nodiscard]] Millis within(std::int64_t most) {
        return Millis(random.below(static_cast<std::uint32_t>(most) + 1));
    }

    Random random;
    TimePoint now{Millis{1000}};
    FactMap::Limits limits;
    Replication::Options options;
    /// The latest deletion of each key that any node has stored, those included that are gone.
    std::map<FactKey, Written> deleted;
};

/// What survives a crash: what turn() gave, as far as it was stored.
struct Disk {
    Writer id;
    /// The message of a retained one is kept beside it, as in the store.
    struct Record {
        std::string bytes;
        mqtt::MessagePtr message;
    };
    std::map<FactKey, Record> records;
    std::string positions;
    /// The latest that was ever stored of each key. For checks: no node reads it.
    std::map<FactKey, Written> ever;
};

class Node final {
public:
    Node(World& world, Writer id);

    [[nodiscard]] const Writer& id() const noexcept { return id_; }
    [[nodiscard]] bool running() const noexcept { return facts_ != nullptr; }
    [[nodiscard]] FactMap& facts() { return *facts_; }
    [[nodiscard]] Membership& membership() { return *membership_; }
    [[nodiscard]] Replication& replication() { return *replication_; }
    [[nodiscard]] const Disk& disk() const noexcept { return disk_; }
    [[nodiscard]] Moment moment() const;
    /// It has never been let in.
    void set_outside(bool outside) noexcept { outside_ = outside; }
    void set_skew(Millis skew) noexcept { skew_ = std::max(skew, least_skew_); }

    void start();
    /// What was not stored is lost.
    void crash();
    /// Stopped by a power failure, or given an old copy of its disk: what it stored last is lost.
    /// From here on its clock does not go back to where it was: that is not promised to be mended.
    void lose_the_end();
    /// It has left: goes on alone as another incarnation with what it has. Without links.
    void begin_anew();

    void write(FactKind kind, const std::string& key, const std::string& value);
    void erase(FactKind kind, const std::string& key);

    /// Frames that may leave, with the number of the link they are for.
    struct Outgoing {
        Writer peer;
        std::uint64_t link = 0;
        std::string frames;
    };
    /// A turn, and what the disk has finished meanwhile.
    [[nodiscard]] std::vector<Outgoing> turn();
    [[nodiscard]] std::map<Writer, std::uint64_t>& links() noexcept { return links_; }
    /// Everything was stored.
    [[nodiscard]] bool settled() const noexcept;
    /// Called when what is there now has been stored; never if the node crashes before.
    void when_stored(std::function<void()> then);

    /// Live facts as all nodes call them.
    [[nodiscard]] std::map<FactKey, Written> view() const;
    /// complete(), as all nodes call it.
    [[nodiscard]] std::map<Writer, std::uint64_t> vector() const;

private:
    struct Storing {
        TimePoint until{};
        Writer id;
        std::vector<std::pair<FactKey, std::optional<Disk::Record>>> records;
        std::vector<std::pair<FactKey, Written>> written;
        std::optional<std::string> positions;
        bool outside = false;
        std::vector<Outgoing> outgoing;
        std::vector<std::function<void()>> then;
    };
    void take_turn();
    void store(Storing& storing);
    [[nodiscard]] Written written(const Fact& fact) const;

    World& world_;
    Writer id_;
    Millis skew_{};
    Millis least_skew_{-300'000};
    HybridTime latest_;  // of its facts
    bool outside_ = false;
    Disk disk_;
    Disk copy_;  // of some earlier moment
    std::unique_ptr<FactMap> facts_;
    std::unique_ptr<Membership> membership_;
    std::unique_ptr<Replication> replication_;
    std::map<Writer, std::uint64_t> links_;
    std::deque<Storing> storing_;
    std::vector<std::function<void()>> then_;
};

class Cluster final {
public:
    Cluster(World& world, std::size_t nodes);

    [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
    /// Null: there is none at this place now.
    [[nodiscard]] Node* node(std::size_t slot) { return slots_[slot].node.get(); }

    // What can happen
    void write_somewhere();
    void cut(std::size_t a, std::size_t b, bool cut);
    /// Nodes on one side of a random line lose those on the other.
    void split();
    void heal();
    /// Frames from `a` to `b` get lost until the silence is noticed.
    void lose_one_way(std::size_t a, std::size_t b);
    void crash(std::size_t slot);
    void power_failure(std::size_t slot);
    void restart(std::size_t slot);
    /// With an empty disk, as another incarnation or under another name.
    void come_anew(std::size_t slot, bool same_name);
    /// One of the others says that this one leaves.
    void remove(std::size_t slot);

    void step(Millis time);
    /// Nodes that are no members for the first one, which never leaves, are given up.
    void give_up_outsiders();
    /// Members that are no more leave.
    void remove_dead_members();
    /// All that run are one cluster, have the same facts and positions, and nothing is under way.
    [[nodiscard]] bool agreed();
    [[nodiscard]] std::string describe();

private:
    struct Slot {
        std::unique_ptr<Node> node;
        bool wants_in = false;  // not in the cluster yet
        TimePoint next_try{};
        int lives = 0;
    };
    /// Frames from one end to the other.
    struct Way {
        std::deque<std::pair<TimePoint, std::string>> frames;
        bool lossy = false;
    };
    struct End {
        bool open = false;
        TimePoint changes{};  // when it learns that the link is there, or no more
    };
    struct Link {
        std::uint64_t number = 0;  // 0: none
        bool dying = false;
        TimePoint retry{};
        Way ways[2];  // from the lower slot, from the higher
        End ends[2];
    };

    [[nodiscard]] Link& link(std::size_t a, std::size_t b);
    [[nodiscard]] bool may_link(std::size_t a, std::size_t b);
    void step_link(std::size_t a, std::size_t b);
    void connect(Link& link, std::size_t a, std::size_t b);
    void break_link(Link& link);
    void open_end(Link& link, std::size_t own, std::size_t other, End& end);
    void close_end(std::size_t own, std::size_t other, End& end);
    void move_frames(Way& way, std::size_t to, const Writer& from);
    void post(std::size_t from, const Node::Outgoing& outgoing);
    void stop(std::size_t slot);
    void leave(std::size_t slot);
    void try_to_join(std::size_t slot);
    [[nodiscard]] std::optional<std::size_t> slot_of(const Writer& id);

    World& world_;
    std::vector<Slot> slots_;
    std::vector<std::vector<bool>> cut_;
    std::map<std::pair<std::size_t, std::size_t>, Link> links_;
    std::uint64_t last_link_ = 0;
    std::uint64_t last_value_ = 0;
};

}  // namespace vmq::cluster::test
