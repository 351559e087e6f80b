// Which filters match a topic, and on which shards they have subscribers: one index for the
// process.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "base/sharded_mutex.h"

namespace vmq::routing {

/// Names one filter, or one shared group on one filter, of one mountpoint. Never reused: a message
/// under way to a shard that has dropped the filter finds nothing there.
enum class SubscriptionKey : std::uint64_t {};

class FilterNode;   // a node of the trie
class SharedGroup;  // the members of one "$share/GROUP/FILTER"

/// A filter that a shard holds on to: `node` stays valid until the shard releases it.
struct FilterHandle {
    SubscriptionKey key{};
    FilterNode* node = nullptr;
};

/// A shared group that one member holds on to, valid until it leaves.
struct GroupHandle {
    SubscriptionKey key{};
    SharedGroup* group = nullptr;
};

/// Another node of the cluster, as the index knows it: it stands in a ShardSet behind the shards of
/// this one, so shards and other nodes together are at most kMaxShards.
using NodeSlot = ShardId;

/// `shared_subscription_policy`: which members of a shared group are considered.
enum class SharedPolicy : std::uint8_t {
    PreferLocal,              // those of this node, connected or not; else any
    Random,                   // any that is connected, else any
    LocalOnly,                // those of this node
    PreferOnlineBeforeLocal,  // connected here, connected elsewhere, others here, others
};

/// How many members of a shared group a node has.
struct GroupPresence {
    std::uint32_t online = 0;
    std::uint32_t stored = 0;  // offline, and their messages are kept

    bool operator==(const GroupPresence&) const = default;
};

struct FilterMatch {
    SubscriptionKey key;
    ShardSet shards;             // shards, and other nodes, with at least one subscriber
    ShardSet persistent_shards;  // those of them with a subscriber whose messages are stored
};

/// For what another node is to have a group's message.
enum class Elsewhere : std::uint8_t {
    ByPolicy,   // nobody here can take it, and the policy lets it cross nodes
    Connected,  // members that are connected are better than absent ones here, by the policy
    Back,       // it came from there, whatever the policy
};

/// Whether this node, on any shard, has subscribers on a filter.
struct LocalPresence {
    bool subscribed = false;
    bool persistent = false;  // one of them has its messages stored

    bool operator==(const LocalPresence&) const = default;
};

/// Hears of filters whose LocalPresence may have changed, and of shared groups (their filter is
/// "$share/GROUP/FILTER") whose local members have. Called on any shard, which holds no lock
/// of the index.
class FilterObserver {
public:
    virtual ~FilterObserver() = default;
    virtual void on_local_change(std::string mountpoint, std::string filter) = 0;
};

/// Where a walk over all filters stands. Begin with {}.
struct FilterWalk {
    std::uint32_t table = 0;
    bool done = false;
};

/// One matched shared group with the member chosen for this message; or the node that chooses one.
struct SharedMatch {
    SubscriptionKey group;
    ShardId shard;        // or a NodeSlot, not below shards()
    ClientNumber member;  // of a shard
    std::string name;     // of a node: "$share/GROUP/FILTER"
};

/// Filled by match(); reuse one object so that its vectors keep their memory.
struct MatchResult {
    std::vector<FilterMatch> filters;
    std::vector<SharedMatch> shared;

    void clear() noexcept {
        filters.clear();
        shared.clear();
    }
    [[nodiscard]] bool empty() const noexcept { return filters.empty() && shared.empty(); }
};

/// A trie of all filters of all mountpoints. It knows structure and, per filter, the set of shards;
/// who the subscribers are is each shard's own business (LocalSubscribers), except for shared
/// groups, whose members are all here because one of them is chosen per message.
///
/// Owned by the broker, used by all shards. A shard passes its own id as `reader`. match() takes
/// only that shard's lock; adding the first subscriber of a new filter and dropping the last one
/// take all of them; everything else is an atomic bit.
class SubscriptionIndex final {
public:
    /// `seed` keys the hash table against chosen collisions.
    SubscriptionIndex(std::uint32_t shards, std::uint64_t seed);
    ~SubscriptionIndex();
    SubscriptionIndex(const SubscriptionIndex&) = delete;
    SubscriptionIndex& operator=(const SubscriptionIndex&) = delete;

    /// Appends every filter that matches `topic` (a valid name), each once, and one chosen member
    /// of every matching shared group. Members in `random` order: an online one if there is one,
    /// else a stored one, else the group is left out.
    void match(ShardId reader, std::string_view mountpoint, std::string_view topic, Random& random,
               MatchResult& result) const;

    /// Marks that `shard` has a subscriber on `filter` (valid, not shared). Idempotent.
    [[nodiscard]] FilterHandle acquire(ShardId shard, std::string_view mountpoint,
                                       std::string_view filter);
    /// Says whether one of the shard's subscribers of this filter needs its messages stored.
    void set_persistent(ShardId shard, FilterHandle handle, bool persistent);
    /// The shard's last subscriber has left: the handle is invalid afterwards.
    void release(ShardId shard, FilterHandle handle);
    /// Key of `filter` if any shard or other node holds it.
    [[nodiscard]] FilterHandle find(ShardId reader, std::string_view mountpoint,
                                    std::string_view filter) const;

    /// Adds a member to the group `group` on `filter`; joining twice changes nothing.
    [[nodiscard]] GroupHandle join(ShardId shard, std::string_view mountpoint,
                                   std::string_view group, std::string_view filter,
                                   ClientNumber member, bool online);
    /// Tells all `groups` of the member whether it is connected. `keeps_offline`: an offline member
    /// takes messages for later; one that does not is passed over. Readers wait once, however many
    /// groups there are.
    void set_online(std::span<const GroupHandle> groups, ClientNumber member, bool online,
                    bool keeps_offline);
    /// The handles are invalid afterwards.
    void leave(std::span<const GroupHandle> groups, ClientNumber member);
    [[nodiscard]] GroupHandle find_group(ShardId reader, std::string_view mountpoint,
                                         std::string_view group, std::string_view filter) const;
    /// Another member of the group than those in `except`, preferring online ones; `online`: only
    /// such a one. False if there is none.
    [[nodiscard]] bool choose_other(ShardId reader, SharedMatch& match, std::string_view mountpoint,
                                    std::string_view topic, std::span<const ClientNumber> except,
                                    Random& random, bool online = false) const;

    /// Another node with members of the group than those in `except`, one that answers if there is
    /// one. False if there is none.
    [[nodiscard]] bool choose_elsewhere(ShardId reader, SharedMatch& match,
                                        std::string_view mountpoint, std::string_view topic,
                                        ShardSet except, Random& random,
                                        Elsewhere which = Elsewhere::ByPolicy) const;

    /// A member of this node for a message that was sent to the group; without one, another node
    /// but those in `except`, one that answers if there is one. False: there is nobody.
    [[nodiscard]] bool choose_for_node(ShardId reader, std::string_view mountpoint,
                                       std::string_view group, std::string_view filter,
                                       ShardSet except, Random& random, SharedMatch& match) const;

    /// Whether somebody else than `except` is a member and connected: to this node, or to one that
    /// answers if the policy prefers those to absent ones of this node.
    [[nodiscard]] bool has_other_online(ShardId reader, GroupHandle handle,
                                        ClientNumber except) const;

    /// The filter's text as it was subscribed (for groups "$share/GROUP/FILTER").
    [[nodiscard]] std::string text(ShardId reader, FilterHandle handle) const;
    [[nodiscard]] std::string text(ShardId reader, GroupHandle handle) const;

    // Other nodes. Everything here belongs to one thread, the cluster's.

    [[nodiscard]] std::uint32_t shards() const noexcept;
    /// The bits of this node's own shards.
    [[nodiscard]] ShardSet local() const noexcept;
    /// From now on `observer`, which outlives the index or is taken back with null, is told. What
    /// was subscribed before, a walk finds.
    void observe(FilterObserver* observer) noexcept;
    [[nodiscard]] LocalPresence local_presence(std::string_view mountpoint,
                                               std::string_view filter) const;
    [[nodiscard]] GroupPresence local_group(std::string_view mountpoint, std::string_view group,
                                            std::string_view filter) const;
    /// The node has so many members of the group; none: it has left it. Idempotent.
    void set_remote_group(NodeSlot node, std::string_view mountpoint, std::string_view group,
                          std::string_view filter, GroupPresence members);
    /// Nodes that do not answer: members of theirs are chosen last.
    void set_away(ShardSet nodes) noexcept;
    /// Any thread.
    [[nodiscard]] ShardSet away() const noexcept;
    /// Any thread.
    void set_policy(SharedPolicy policy) noexcept;

    /// The node has subscribers on `filter` (valid, not shared). Idempotent.
    void set_remote(NodeSlot node, std::string_view mountpoint, std::string_view filter,
                    bool persistent);
    /// It has none any more. Idempotent.
    void clear_remote(NodeSlot node, std::string_view mountpoint, std::string_view filter);
    /// Clears away what the node has on one 64th of all filters; again until `walk.done`.
    void clear_remote_some(NodeSlot node, FilterWalk& walk);
    struct LocalFilter {
        std::string mountpoint;
        std::string filter;
        bool persistent = false;
        GroupPresence members = {};  // of a shared group
    };
    /// Appends those of one 64th of all filters, and of the shared groups on them, on which this
    /// node has subscribers; again until
    /// `walk.done`. New filters of shards wait meanwhile: 8 ms with a million filters.
    void collect_local_some(FilterWalk& walk, std::vector<LocalFilter>& found) const;
    /// Filters with a subscriber on this node or another. Any thread.
    [[nodiscard]] std::size_t filter_count() const noexcept;
    /// Memory of the filters, without that of shared groups. Any thread.
    [[nodiscard]] std::size_t bytes() const noexcept;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vmq::routing
