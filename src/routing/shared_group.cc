#include "routing/shared_group.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <utility>

namespace vmq::routing {
namespace {

constexpr std::size_t kMembersSearchedInOrder = 8;

}  // namespace

bool SharedGroup::join(Member member, Presence presence) {
    if (position(member.client)) return false;
    members_.push_back(member);
    if (!positions_.empty()) {
        positions_.emplace(member.client, members_.size() - 1);
    } else if (members_.size() > kMembersSearchedInOrder) {
        for (std::size_t i = 0; i < members_.size(); ++i) positions_.emplace(members_[i].client, i);
    }
    move(members_.size() - 1, presence);
    return true;
}

void SharedGroup::set_presence(ClientNumber client, Presence presence) {
    if (const auto at = position(client)) move(*at, presence);
}

void SharedGroup::leave(ClientNumber client) {
    const auto at = position(client);
    if (!at) return;
    move(*at, Presence::Away);
    swap(*position(client), members_.size() - 1);
    members_.pop_back();
    positions_.erase(client);
}

std::optional<SharedGroup::Member> SharedGroup::choose(Random& random,
                                                       std::span<const ClientNumber> except,
                                                       bool online) const {
    boost::container::small_vector<std::size_t, 8> excluded;
    for (const ClientNumber client : except) {
        if (const auto at = position(client)) excluded.push_back(*at);
    }
    std::sort(excluded.begin(), excluded.end());
    excluded.erase(std::unique(excluded.begin(), excluded.end()), excluded.end());
    std::size_t begin = 0;
    for (const std::size_t end : ends_) {
        const auto first = std::lower_bound(excluded.begin(), excluded.end(), begin);
        const auto last = std::lower_bound(first, excluded.end(), end);
        const std::size_t candidates = end - begin - static_cast<std::size_t>(last - first);
        if (candidates > 0) {
            std::size_t chosen = begin + random.below(static_cast<std::uint32_t>(candidates));
            for (auto skipped = first; skipped != last && *skipped <= chosen; ++skipped) ++chosen;
            return members_[chosen];
        }
        if (online) break;
        begin = end;
    }
    return std::nullopt;
}

std::uint32_t SharedGroup::remote_count(std::uint32_t Remote::* count,
                                        ShardSet except) const noexcept {
    std::uint32_t sum = 0;
    for (const Remote& each : remotes_) {
        if ((except & shard_bit(each.node)) == 0) sum += each.*count;
    }
    return sum;
}

/// As likely as it has members that count.
std::optional<NodeSlot> SharedGroup::choose_node(Random& random, ShardSet except,
                                                 std::uint32_t Remote::* count) const {
    const std::uint32_t sum = remote_count(count, except);
    if (sum == 0) return std::nullopt;
    std::uint32_t left = random.below(sum);
    for (const Remote& each : remotes_) {
        if ((except & shard_bit(each.node)) != 0) continue;
        if (left < each.*count) return each.node;
        left -= each.*count;
    }
    return std::nullopt;
}

std::optional<NodeSlot> SharedGroup::choose_node(Random& random, ShardSet except,
                                                 bool online) const {
    const auto connected = choose_node(random, except, &Remote::online);
    return connected || online ? connected : choose_node(random, except, &Remote::stored);
}

SharedGroup::Choice SharedGroup::choose(Random& random, SharedPolicy policy, ShardSet away) const {
    const auto one_here = [&]() -> Choice { return {choose(random), std::nullopt}; };
    if (internal_) policy = SharedPolicy::Random;  // sessions take turns wherever they are
    const bool online_here = ends_[0] > 0;
    const bool any_here = ends_[1] > 0;
    if (policy == SharedPolicy::LocalOnly || remotes_.empty()) return one_here();
    if (policy == SharedPolicy::PreferLocal && any_here) return one_here();
    if (policy == SharedPolicy::PreferOnlineBeforeLocal && online_here) return one_here();
    const auto among = [&](std::size_t here, std::uint32_t Remote::* count) -> Choice {
        const std::uint32_t there = remote_count(count, away);
        const auto all = static_cast<std::uint32_t>(here) + there;
        if (all == 0 || random.below(all) < here) return {};
        return {std::nullopt, choose_node(random, away, count)};
    };
    if (auto node = among(ends_[0], &Remote::online); node.node) return node;
    if (online_here) return one_here();
    const bool first_here = policy == SharedPolicy::PreferOnlineBeforeLocal;
    if (first_here && any_here) return one_here();
    if (auto node = among(ends_[1], &Remote::stored); node.node) return node;
    if (any_here) return one_here();
    // Whoever has messages kept gets them when the node is back.
    if (auto node = choose_node(random, ~away, &Remote::stored)) return {std::nullopt, node};
    return {std::nullopt, choose_node(random, 0)};
}

void SharedGroup::set_remote(const Remote& remote) {
    std::erase_if(remotes_, [&](const Remote& each) { return each.node == remote.node; });
    if (remote.online + remote.stored > 0) remotes_.push_back(remote);
}

bool SharedGroup::has_remote(NodeSlot node) const noexcept {
    return std::any_of(remotes_.begin(), remotes_.end(),
                       [node](const Remote& each) { return each.node == node; });
}

bool SharedGroup::has_online(ClientNumber except) const noexcept {
    const auto excluded = position(except);
    return ends_[0] > (excluded && *excluded < ends_[0] ? 1U : 0U);
}

std::optional<std::size_t> SharedGroup::position(ClientNumber client) const noexcept {
    if (!positions_.empty()) {
        const auto at = positions_.find(client);
        if (at == positions_.end()) return std::nullopt;
        return at->second;
    }
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (members_[i].client == client) return i;
    }
    return std::nullopt;
}

SharedGroup::Presence SharedGroup::presence_at(std::size_t position) const noexcept {
    if (position < ends_[0]) return Presence::Online;
    return position < ends_[1] ? Presence::Stored : Presence::Away;
}

void SharedGroup::move(std::size_t position, Presence presence) {
    while (presence_at(position) > presence) {
        std::size_t& end = ends_[presence_at(position) == Presence::Away ? 1 : 0];
        swap(position, end);
        position = end++;
    }
    while (presence_at(position) < presence) {
        std::size_t& end = ends_[presence_at(position) == Presence::Online ? 0 : 1];
        swap(position, --end);
        position = end;
    }
}

void SharedGroup::swap(std::size_t a, std::size_t b) {
    if (a == b) return;
    std::swap(members_[a], members_[b]);
    if (positions_.empty()) return;
    positions_[members_[a].client] = a;
    positions_[members_[b].client] = b;
}

}  // namespace vmq::routing
