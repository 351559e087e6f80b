// The members of one "$share/GROUP/FILTER" and the choice among them.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "mqtt/internal_group.h"
#include "routing/subscription_index.h"

namespace vmq::routing {

/// Members stand in three runs: online, offline but stored, away. The choice within a run is one
/// random number however many members there are, and a change of state is at most two swaps.
///
/// Owned by the SubscriptionIndex, which excludes readers from every change.
class SharedGroup final {
public:
    enum class Presence : std::uint8_t { Online, Stored, Away };

    struct Member {
        ClientNumber client;
        ShardId shard;
    };

    /// What another node has told of its members.
    struct Remote {
        NodeSlot node;
        std::uint32_t online = 0;
        std::uint32_t stored = 0;  // offline, and their messages are kept
    };

    SharedGroup(SubscriptionKey key, FilterNode* node, std::string_view name)
        : key_(key), node_(node), name_(name), internal_(mqtt::is_internal_group(name)) {}
    SharedGroup(const SharedGroup&) = delete;
    SharedGroup& operator=(const SharedGroup&) = delete;

    [[nodiscard]] SubscriptionKey key() const noexcept { return key_; }
    [[nodiscard]] FilterNode* node() const noexcept { return node_; }
    [[nodiscard]] std::string_view name() const noexcept { return name_; }
    [[nodiscard]] bool empty() const noexcept { return members_.empty() && remotes_.empty(); }

    /// False, changing nothing, if `member` is there already.
    bool join(Member member, Presence presence);
    /// These two do nothing for a client that is not a member.
    void set_presence(ClientNumber client, Presence presence);
    void leave(ClientNumber client);

    /// One of those online, else one of those stored (not with `online`), else nothing; never one
    /// of `except`.
    [[nodiscard]] std::optional<Member> choose(Random& random,
                                               std::span<const ClientNumber> except = {},
                                               bool online = false) const;

    /// A member here, or a node that has one, as `policy` says. Nodes in `away` do not answer: they
    /// are the last resort, for members whose messages wait for them.
    struct Choice {
        std::optional<Member> member;
        std::optional<NodeSlot> node;
    };
    [[nodiscard]] Choice choose(Random& random, SharedPolicy policy, ShardSet away) const;
    /// One of the nodes that have members, except `except`; `online`: that have connected ones.
    [[nodiscard]] std::optional<NodeSlot> choose_node(Random& random, ShardSet except,
                                                      bool online = false) const;

    /// Replaces what the node has told before; nobody: it has no members any more.
    void set_remote(const Remote& remote);
    [[nodiscard]] bool has_remote(NodeSlot node) const noexcept;
    /// Members of this node.
    [[nodiscard]] GroupPresence local() const noexcept {
        return {static_cast<std::uint32_t>(ends_[0]),
                static_cast<std::uint32_t>(ends_[1] - ends_[0])};
    }

    /// Whether a member of this node other than `except` is online.
    [[nodiscard]] bool has_online(ClientNumber except) const noexcept;
    /// Whether a node that is not in `except` has members that are online.
    [[nodiscard]] bool has_online_elsewhere(ShardSet except) const noexcept {
        return remote_count(&Remote::online, except) > 0;
    }
    /// With `policy`, members of other nodes are considered.
    [[nodiscard]] bool crosses_nodes(SharedPolicy policy) const noexcept {
        return internal_ || policy != SharedPolicy::LocalOnly;
    }
    /// With `policy`, what waits for an absent member of this node is better given to a connected
    /// one of another.
    [[nodiscard]] bool prefers_online(SharedPolicy policy) const noexcept {
        return internal_ || policy == SharedPolicy::Random ||
               policy == SharedPolicy::PreferOnlineBeforeLocal;
    }

    std::uint32_t slot = 0;  // place in the node's list of groups; the index's own

private:
    [[nodiscard]] std::optional<NodeSlot> choose_node(Random& random, ShardSet except,
                                                      std::uint32_t Remote::* count) const;
    [[nodiscard]] std::uint32_t remote_count(std::uint32_t Remote::* count,
                                             ShardSet except) const noexcept;
    [[nodiscard]] std::optional<std::size_t> position(ClientNumber client) const noexcept;
    [[nodiscard]] Presence presence_at(std::size_t position) const noexcept;
    void move(std::size_t position, Presence presence);
    void swap(std::size_t a, std::size_t b);

    const SubscriptionKey key_;
    FilterNode* const node_;
    const std::string name_;
    const bool internal_;  // of the sessions of one client id
    std::vector<Member> members_;
    std::vector<Remote> remotes_;
    // Where the runs of Online and of Stored end; the run of Away ends with the members.
    std::array<std::size_t, 2> ends_{};
    // Empty as long as the group is small enough to be searched in order.
    boost::unordered_flat_map<ClientNumber, std::size_t> positions_;
};

}  // namespace vmq::routing
