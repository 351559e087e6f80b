#include "routing/subscription_index.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <utility>

#include "base/assert.h"
#include "base/hash.h"
#include "routing/filter_trie.h"
#include "routing/shared_group.h"

namespace vmq::routing {
namespace {

using Presence = SharedGroup::Presence;

struct GroupName {
    const FilterNode* node;
    std::string_view name;
};

struct GroupHash {
    using is_transparent = void;
    using is_avalanching = void;
    std::uint64_t seed;
    std::size_t operator()(const GroupName& name) const noexcept {
        return hash_bytes(name.name, seed ^ name.node->id());
    }
    std::size_t operator()(const SharedGroup* group) const noexcept {
        return (*this)(GroupName{group->node(), group->name()});
    }
};

struct GroupEqual {
    using is_transparent = void;
    bool operator()(const SharedGroup* a, const SharedGroup* b) const noexcept { return a == b; }
    bool operator()(const GroupName& name, const SharedGroup* group) const noexcept {
        return group->node() == name.node && group->name() == name.name;
    }
    bool operator()(const SharedGroup* group, const GroupName& name) const noexcept {
        return (*this)(name, group);
    }
};

Presence presence(bool online, bool keeps_offline) noexcept {
    if (online) return Presence::Online;
    return keeps_offline ? Presence::Stored : Presence::Away;
}

}  // namespace

struct SubscriptionIndex::Impl {
    Impl(std::uint32_t shard_count, std::uint64_t seed)
        : shards(shard_count),
          local(shard_count == kMaxShards ? ~ShardSet{0} : shard_bit(shard_count) - 1),
          mutex(shard_count + 1),
          trie(seed),
          groups(0, GroupHash{seed}, GroupEqual{}) {}
    ~Impl() {
        for (SharedGroup* group : groups) delete group;
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    struct Marked {
        FilterNode* node;
        bool first;  // of this node's shards
    };
    [[nodiscard]] Marked mark(ShardId shard, FilterNode* node) noexcept {
        const ShardSet before = node->shards.fetch_or(shard_bit(shard));
        if (before == 0 && !node->has_groups) ++filters;
        return {node, shard < shards && (before & local) == 0};
    }
    [[nodiscard]] Marked mark(ShardId shard, std::string_view mountpoint, std::string_view filter);
    void unmark(ShardId shard, FilterNode* node);
    /// `node` cannot vanish: the caller's shard has its bit there.
    void tell(const FilterNode& node) {
        FilterObserver* told = observer.load(std::memory_order_acquire);
        if (told != nullptr) {
            told->on_local_change(FilterTrie::mountpoint(node), FilterTrie::text(node));
        }
    }
    /// Calls `visit` for the nodes of the next part of the walk.
    template <typename Visit>
    void walk_some(FilterWalk& walk, Visit visit) const;
    [[nodiscard]] SharedGroup* find_group(const FilterNode* node, std::string_view name) const {
        const auto at = groups.find(GroupName{node, name});
        return at == groups.end() ? nullptr : *at;
    }
    /// On one of the filters that match `topic`.
    [[nodiscard]] const SharedGroup* find_group(SubscriptionKey key, std::string_view mountpoint,
                                                std::string_view topic) const {
        const SharedGroup* found = nullptr;
        trie.for_each_match(mountpoint, topic, [&](const FilterNode& node) {
            for (const SharedGroup* group : groups_on(node)) {
                if (group->key() == key) found = group;
            }
        });
        return found;
    }
    [[nodiscard]] std::span<SharedGroup* const> groups_on(const FilterNode& node) const {
        if (!node.has_groups) return {};
        return groups_of.find(&node)->second;
    }
    [[nodiscard]] SharedGroup* add_group(FilterNode* node, std::string_view name);
    void remove_group(SharedGroup* group);
    [[nodiscard]] std::optional<NodeSlot> choose_node(const SharedGroup& group, Random& random,
                                                      ShardSet except) const;
    [[nodiscard]] static std::string text(const SharedGroup& group);
    void tell(std::span<const GroupHandle> groups);

    const std::uint32_t shards;
    const ShardSet local;
    ShardedMutex mutex;  // the last is that of the cluster's thread
    FilterTrie trie;
    std::atomic<FilterObserver*> observer{nullptr};
    boost::unordered_flat_set<SharedGroup*, GroupHash, GroupEqual> groups;
    boost::unordered_flat_map<const FilterNode*, std::vector<SharedGroup*>> groups_of;
    std::atomic<std::size_t> filters{0};
    std::atomic<ShardSet> away{0};
    std::atomic<SharedPolicy> policy{SharedPolicy::PreferLocal};
};

std::string SubscriptionIndex::Impl::text(const SharedGroup& group) {
    std::string result = "$share/";
    result += group.name();
    result += '/';
    result += FilterTrie::text(*group.node());
    return result;
}

/// One that answers if there is one.
std::optional<NodeSlot> SubscriptionIndex::Impl::choose_node(const SharedGroup& group,
                                                             Random& random,
                                                             ShardSet except) const {
    const auto answers = group.choose_node(random, except | away.load(std::memory_order_relaxed));
    return answers ? answers : group.choose_node(random, except);
}

/// While the caller is a member of them.
void SubscriptionIndex::Impl::tell(std::span<const GroupHandle> told) {
    FilterObserver* hears = observer.load(std::memory_order_acquire);
    if (hears == nullptr) return;
    for (const GroupHandle& each : told) {
        hears->on_local_change(FilterTrie::mountpoint(*each.group->node()), text(*each.group));
    }
}

SharedGroup* SubscriptionIndex::Impl::add_group(FilterNode* node, std::string_view name) {
    auto* group = new SharedGroup(SubscriptionKey{trie.next_id()}, node, name);
    std::vector<SharedGroup*>& list = groups_of[node];
    if (list.empty()) {
        node->has_groups = true;
        if (node->shards.load() == 0) ++filters;
    }
    group->slot = static_cast<std::uint32_t>(list.size());
    list.push_back(group);
    groups.insert(group);
    return group;
}

void SubscriptionIndex::Impl::remove_group(SharedGroup* group) {
    FilterNode* node = group->node();
    std::vector<SharedGroup*>& list = groups_of[node];
    list[group->slot] = list.back();
    list[group->slot]->slot = group->slot;
    list.pop_back();
    groups.erase(group);
    delete group;
    if (!list.empty()) return;
    groups_of.erase(node);
    node->has_groups = false;
    if (node->shards.load() == 0) --filters;
    trie.prune(node);
}

SubscriptionIndex::SubscriptionIndex(std::uint32_t shards, std::uint64_t seed)
    : impl_(std::make_unique<Impl>(shards, seed)) {
    VMQ_ASSERT(shards > 0 && shards <= kMaxShards);
}

SubscriptionIndex::~SubscriptionIndex() = default;

void SubscriptionIndex::match(ShardId reader, std::string_view mountpoint, std::string_view topic,
                              Random& random, MatchResult& result) const {
    const auto lock = impl_->mutex.shared(reader);
    impl_->trie.for_each_match(mountpoint, topic, [&](const FilterNode& node) {
        const ShardSet shards = node.shards.load(std::memory_order_acquire);
        if (shards != 0) {
            const ShardSet persistent = node.persistent.load(std::memory_order_acquire);
            result.filters.push_back({SubscriptionKey{node.id()}, shards, persistent & shards});
        }
        for (const SharedGroup* group : impl_->groups_on(node)) {
            const auto chosen = group->choose(random, impl_->policy.load(std::memory_order_relaxed),
                                              impl_->away.load(std::memory_order_relaxed));
            if (chosen.member) {
                result.shared.push_back(
                    {group->key(), chosen.member->shard, chosen.member->client, {}});
            } else if (chosen.node) {
                result.shared.push_back({group->key(), *chosen.node, {}, Impl::text(*group)});
            }
        }
    });
}

SubscriptionIndex::Impl::Marked SubscriptionIndex::Impl::mark(ShardId shard,
                                                              std::string_view mountpoint,
                                                              std::string_view filter) {
    {
        const auto lock = mutex.shared(std::min(shard, shards));
        FilterNode* node = trie.find(mountpoint, filter);
        if (node != nullptr) return mark(shard, node);
    }
    const ShardedMutex::Exclusive lock(mutex);
    return mark(shard, trie.add(mountpoint, filter));
}

void SubscriptionIndex::Impl::unmark(ShardId shard, FilterNode* node) {
    const ShardSet own = shard_bit(shard);
    node->persistent.fetch_and(~own);
    // The last bit goes only while nobody reads: a shard that cleared it before would have to come
    // back to a node that another shard may have taken, dropped and pruned in the meantime.
    for (ShardSet seen = node->shards.load(); seen != own;) {
        if (node->shards.compare_exchange_weak(seen, seen & ~own)) return;
    }
    const ShardedMutex::Exclusive lock(mutex);
    if ((node->shards.fetch_and(~own) & ~own) != 0) return;
    if (!node->has_groups) --filters;
    trie.prune(node);
}

FilterHandle SubscriptionIndex::acquire(ShardId shard, std::string_view mountpoint,
                                        std::string_view filter) {
    const auto [node, first] = impl_->mark(shard, mountpoint, filter);
    if (first) impl_->tell(*node);
    return {SubscriptionKey{node->id()}, node};
}

void SubscriptionIndex::set_persistent(ShardId shard, FilterHandle handle, bool persistent) {
    const ShardSet own = shard_bit(shard);
    const ShardSet before = persistent ? handle.node->persistent.fetch_or(own)
                                       : handle.node->persistent.fetch_and(~own);
    if ((before & impl_->local & ~own) == 0 && ((before & own) != 0) != persistent) {
        impl_->tell(*handle.node);
    }
}

void SubscriptionIndex::release(ShardId shard, FilterHandle handle) {
    FilterObserver* observer = impl_->observer.load(std::memory_order_acquire);
    if (observer == nullptr) return impl_->unmark(shard, handle.node);
    std::string mountpoint = FilterTrie::mountpoint(*handle.node);
    std::string filter = FilterTrie::text(*handle.node);
    impl_->unmark(shard, handle.node);  // the node may be gone
    observer->on_local_change(std::move(mountpoint), std::move(filter));
}

FilterHandle SubscriptionIndex::find(ShardId reader, std::string_view mountpoint,
                                     std::string_view filter) const {
    const auto lock = impl_->mutex.shared(reader);
    FilterNode* node = impl_->trie.find(mountpoint, filter);
    if (node == nullptr || node->shards.load() == 0) return {};
    return {SubscriptionKey{node->id()}, node};
}

GroupHandle SubscriptionIndex::join(ShardId shard, std::string_view mountpoint,
                                    std::string_view group, std::string_view filter,
                                    ClientNumber member, bool online) {
    GroupHandle handle;
    {
        const ShardedMutex::Exclusive lock(impl_->mutex);
        FilterNode* node = impl_->trie.add(mountpoint, filter);
        SharedGroup* found = impl_->find_group(node, group);
        if (found == nullptr) found = impl_->add_group(node, group);
        found->join({member, shard}, presence(online, false));
        handle = {found->key(), found};
    }
    impl_->tell({&handle, 1});
    return handle;
}

void SubscriptionIndex::set_online(std::span<const GroupHandle> groups, ClientNumber member,
                                   bool online, bool keeps_offline) {
    if (groups.empty()) return;
    {
        const ShardedMutex::Exclusive lock(impl_->mutex);
        for (const GroupHandle& handle : groups) {
            handle.group->set_presence(member, presence(online, keeps_offline));
        }
    }
    impl_->tell(groups);
}

void SubscriptionIndex::leave(std::span<const GroupHandle> groups, ClientNumber member) {
    if (groups.empty()) return;
    FilterObserver* observer = impl_->observer.load(std::memory_order_acquire);
    std::vector<std::pair<std::string, std::string>> told;
    if (observer != nullptr) {
        for (const GroupHandle& handle : groups) {
            told.emplace_back(FilterTrie::mountpoint(*handle.group->node()),
                              Impl::text(*handle.group));
        }
    }
    {
        const ShardedMutex::Exclusive lock(impl_->mutex);
        for (const GroupHandle& handle : groups) {
            handle.group->leave(member);
            if (handle.group->empty()) impl_->remove_group(handle.group);
        }
    }
    for (auto& [mountpoint, filter] : told) {
        observer->on_local_change(std::move(mountpoint), std::move(filter));
    }
}

GroupHandle SubscriptionIndex::find_group(ShardId reader, std::string_view mountpoint,
                                          std::string_view group, std::string_view filter) const {
    const auto lock = impl_->mutex.shared(reader);
    const FilterNode* node = impl_->trie.find(mountpoint, filter);
    SharedGroup* found = node == nullptr ? nullptr : impl_->find_group(node, group);
    if (found == nullptr) return {};
    return {found->key(), found};
}

bool SubscriptionIndex::choose_other(ShardId reader, SharedMatch& match,
                                     std::string_view mountpoint, std::string_view topic,
                                     std::span<const ClientNumber> except, Random& random,
                                     bool online) const {
    const auto lock = impl_->mutex.shared(reader);
    const SharedGroup* group = impl_->find_group(match.group, mountpoint, topic);
    if (group == nullptr) return false;
    const auto member = group->choose(random, except, online);
    if (!member) return false;
    match.shard = member->shard;
    match.member = member->client;
    return true;
}

bool SubscriptionIndex::choose_elsewhere(ShardId reader, SharedMatch& match,
                                         std::string_view mountpoint, std::string_view topic,
                                         ShardSet except, Random& random, Elsewhere which) const {
    const auto lock = impl_->mutex.shared(reader);
    const SharedGroup* group = impl_->find_group(match.group, mountpoint, topic);
    if (group == nullptr) return false;
    const SharedPolicy policy = impl_->policy.load(std::memory_order_relaxed);
    const bool online = which == Elsewhere::Connected;
    if (online && !group->prefers_online(policy)) return false;
    if (which == Elsewhere::ByPolicy && !group->crosses_nodes(policy)) return false;
    const ShardSet away = impl_->away.load(std::memory_order_relaxed);
    const auto node = online ? group->choose_node(random, except | away, true)
                             : impl_->choose_node(*group, random, except);
    if (node) match = {group->key(), *node, {}, Impl::text(*group)};
    return node.has_value();
}

bool SubscriptionIndex::choose_for_node(ShardId reader, std::string_view mountpoint,
                                        std::string_view group, std::string_view filter,
                                        ShardSet except, Random& random, SharedMatch& match) const {
    const auto lock = impl_->mutex.shared(reader);
    const FilterNode* node = impl_->trie.find(mountpoint, filter);
    const SharedGroup* found = node == nullptr ? nullptr : impl_->find_group(node, group);
    if (found == nullptr) return false;
    if (const auto member = found->choose(random)) {
        match = {found->key(), member->shard, member->client, {}};
        return true;
    }
    const auto other = impl_->choose_node(*found, random, except);
    if (other) match = {found->key(), *other, {}, Impl::text(*found)};
    return other.has_value();
}

bool SubscriptionIndex::has_other_online(ShardId reader, GroupHandle handle,
                                         ClientNumber except) const {
    const auto lock = impl_->mutex.shared(reader);
    if (handle.group->has_online(except)) return true;
    return handle.group->prefers_online(impl_->policy.load(std::memory_order_relaxed)) &&
           handle.group->has_online_elsewhere(impl_->away.load(std::memory_order_relaxed));
}

std::string SubscriptionIndex::text(ShardId reader, FilterHandle handle) const {
    const auto lock = impl_->mutex.shared(reader);
    return FilterTrie::text(*handle.node);
}

std::string SubscriptionIndex::text(ShardId reader, GroupHandle handle) const {
    const auto lock = impl_->mutex.shared(reader);
    return Impl::text(*handle.group);
}

// A whole table at once: nodes move within theirs when others are added and removed.
template <typename Visit>
void SubscriptionIndex::Impl::walk_some(FilterWalk& walk, Visit visit) const {
    const auto lock = mutex.shared(shards);
    trie.tables()[walk.table].for_each([&](FilterNode* node) { visit(*node); });
    walk.done = ++walk.table == trie.tables().size();
}

std::uint32_t SubscriptionIndex::shards() const noexcept { return impl_->shards; }

ShardSet SubscriptionIndex::local() const noexcept { return impl_->local; }

void SubscriptionIndex::observe(FilterObserver* observer) noexcept {
    impl_->observer.store(observer, std::memory_order_release);
}

LocalPresence SubscriptionIndex::local_presence(std::string_view mountpoint,
                                                std::string_view filter) const {
    const auto lock = impl_->mutex.shared(impl_->shards);
    const FilterNode* node = impl_->trie.find(mountpoint, filter);
    if (node == nullptr) return {};
    return {(node->shards.load() & impl_->local) != 0,
            (node->persistent.load() & impl_->local) != 0};
}

GroupPresence SubscriptionIndex::local_group(std::string_view mountpoint, std::string_view group,
                                             std::string_view filter) const {
    const auto lock = impl_->mutex.shared(impl_->shards);
    const FilterNode* node = impl_->trie.find(mountpoint, filter);
    const SharedGroup* found = node == nullptr ? nullptr : impl_->find_group(node, group);
    return found == nullptr ? GroupPresence{} : found->local();
}

void SubscriptionIndex::set_remote_group(NodeSlot node, std::string_view mountpoint,
                                         std::string_view group, std::string_view filter,
                                         GroupPresence members) {
    VMQ_ASSERT(node >= impl_->shards && node < kMaxShards);
    const bool leaves = members == GroupPresence{};
    const ShardedMutex::Exclusive lock(impl_->mutex);
    FilterNode* on =
        leaves ? impl_->trie.find(mountpoint, filter) : impl_->trie.add(mountpoint, filter);
    SharedGroup* found = on == nullptr ? nullptr : impl_->find_group(on, group);
    if (found == nullptr && leaves) return;
    if (found == nullptr) found = impl_->add_group(on, group);
    found->set_remote({node, members.online, members.stored});
    if (found->empty()) impl_->remove_group(found);
}

void SubscriptionIndex::set_away(ShardSet nodes) noexcept {
    impl_->away.store(nodes, std::memory_order_relaxed);
}

ShardSet SubscriptionIndex::away() const noexcept {
    return impl_->away.load(std::memory_order_relaxed);
}

void SubscriptionIndex::set_policy(SharedPolicy policy) noexcept {
    impl_->policy.store(policy, std::memory_order_relaxed);
}

void SubscriptionIndex::set_remote(NodeSlot node, std::string_view mountpoint,
                                   std::string_view filter, bool persistent) {
    VMQ_ASSERT(node >= impl_->shards && node < kMaxShards);
    FilterNode* marked = impl_->mark(node, mountpoint, filter).node;
    if (persistent) {
        marked->persistent.fetch_or(shard_bit(node));
    } else {
        marked->persistent.fetch_and(~shard_bit(node));
    }
}

void SubscriptionIndex::clear_remote(NodeSlot node, std::string_view mountpoint,
                                     std::string_view filter) {
    VMQ_ASSERT(node >= impl_->shards && node < kMaxShards);
    FilterNode* found = nullptr;
    {
        const auto lock = impl_->mutex.shared(impl_->shards);
        found = impl_->trie.find(mountpoint, filter);
        if (found == nullptr || (found->shards.load() & shard_bit(node)) == 0) return;
    }
    impl_->unmark(node, found);  // its bit keeps it
}

void SubscriptionIndex::clear_remote_some(NodeSlot node, FilterWalk& walk) {
    std::vector<FilterNode*> found;
    std::vector<SharedGroup*> groups;
    impl_->walk_some(walk, [&](FilterNode& each) {
        if ((each.shards.load() & shard_bit(node)) != 0) found.push_back(&each);
        for (SharedGroup* group : impl_->groups_on(each)) {
            if (group->has_remote(node)) groups.push_back(group);
        }
    });
    if (!groups.empty()) {
        const ShardedMutex::Exclusive lock(impl_->mutex);
        for (SharedGroup* group : groups) {  // which the node has kept
            group->set_remote({node, 0, 0});
            if (group->empty()) impl_->remove_group(group);
        }
    }
    for (FilterNode* each : found) impl_->unmark(node, each);  // which its bit has kept
}

void SubscriptionIndex::collect_local_some(FilterWalk& walk,
                                           std::vector<LocalFilter>& found) const {
    impl_->walk_some(walk, [&](const FilterNode& each) {
        for (const SharedGroup* group : impl_->groups_on(each)) {
            const GroupPresence members = group->local();
            if (members == GroupPresence{}) continue;
            found.push_back({FilterTrie::mountpoint(each), Impl::text(*group), false, members});
        }
        if ((each.shards.load() & impl_->local) == 0) return;
        found.push_back({FilterTrie::mountpoint(each),
                         FilterTrie::text(each),
                         (each.persistent.load() & impl_->local) != 0,
                         {}});
    });
}

std::size_t SubscriptionIndex::bytes() const noexcept { return impl_->trie.bytes(); }

std::size_t SubscriptionIndex::filter_count() const noexcept { return impl_->filters.load(); }

}  // namespace vmq::routing
