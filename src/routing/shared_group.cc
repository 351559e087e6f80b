#include "routing/shared_group.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <utility>

namespace vmq::routing {
namespace {

constexpr std::size_t kSearchedInOrder = 8;

}  // namespace

bool SharedGroup::join(Member member, Presence presence) {
    if (position(member.client)) return false;
    members_.push_back(member);
    if (!positions_.empty()) {
        positions_.emplace(member.client, members_.size() - 1);
    } else if (members_.size() > kSearchedInOrder) {
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
                                                       std::span<const ClientNumber> except) const {
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
        begin = end;
    }
    return std::nullopt;
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
