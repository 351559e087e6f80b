// For tests: the routing of several shards next to a naive model of it, driven by any source of
// numbers.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "mqtt/topic.h"
#include "routing/local_subscribers.h"
#include "routing/random_topics.h"
#include "routing/subscription_index.h"

namespace vmq::routing {

/// Each step() does one random operation or compares one look-up; it returns what is wrong, or
/// nothing. `pick(bound)` answers a number in [0, bound).
class SubscriptionModel final {
public:
    explicit SubscriptionModel(std::uint64_t seed) : random_(seed), index_(kShards, seed) {
        for (ShardId shard = 0; shard < kShards; ++shard) {
            shards_.push_back(std::make_unique<LocalSubscribers>(shard, index_));
        }
        for (std::uint32_t i = 0; i < kClients; ++i) {
            auto client = std::make_unique<Client>();
            client->number = ClientNumber{i + 100};
            client->shard = i % kShards;
            clients_.push_back(std::move(client));
        }
    }

    template <typename Pick>
    [[nodiscard]] std::string step(Pick&& pick) {
        Client& client = *clients_[pick(kClients)];
        const std::uint32_t kind = pick(32);
        if (kind < 10) return subscribe(client, pick);
        if (kind < 16) return unsubscribe(client, pick);
        if (kind == 16) return unsubscribe_all(client);
        if (kind < 20) {
            client.online = pick(2) == 1;
            client.persistent = pick(2) == 1;
            local(client).set_state(client, client.number, client.online, client.persistent);
            return {};
        }
        return compare(kMountpoints[pick(2)], random_topic(pick), pick(kShards));
    }

    /// Everybody leaves; then nothing may be left.
    [[nodiscard]] std::string finish() {
        for (const auto& client : clients_) {
            if (std::string wrong = unsubscribe_all(*client); !wrong.empty()) return wrong;
        }
        return index_.filter_count() == 0 ? "" : "filters are left";
    }

private:
    static constexpr std::uint32_t kShards = 3;
    static constexpr std::uint32_t kClients = 24;
    static constexpr std::array<std::string_view, 2> kMountpoints{"", "m"};

    using Name = std::pair<std::string, std::string>;  // mountpoint and filter as subscribed

    struct Client final : Subscriber {
        ClientNumber number{};
        ShardId shard = 0;
        bool online = false;
        bool persistent = false;
        std::map<Name, std::uint32_t> ids;
    };

    LocalSubscribers& local(const Client& client) { return *shards_[client.shard]; }

    template <typename Pick>
    [[nodiscard]] static Name random_name(Pick&& pick) {
        const std::string_view mountpoint = kMountpoints[pick(2)];
        const std::string filter = random_filter(pick);
        const std::uint32_t group = pick(8);
        if (group > 2) return {std::string(mountpoint), filter};
        return {std::string(mountpoint), fmt::format("$share/g{}/{}", group, filter)};
    }

    template <typename Pick>
    [[nodiscard]] std::string subscribe(Client& client, Pick&& pick) {
        const Name name = random_name(pick);
        const std::uint32_t id = pick(1000);
        const auto added = local(client).subscribe(client, client.number, name.first, name.second,
                                                   {}, id, client.persistent, client.online);
        const bool is_new = client.ids.insert_or_assign(name, id).second;
        if (is_new != (added == LocalSubscribers::Added::New)) return "New and Replaced confused";
        return compare_own(client, name);
    }

    template <typename Pick>
    [[nodiscard]] std::string unsubscribe(Client& client, Pick&& pick) {
        Name name = random_name(pick);
        if (!client.ids.empty() && pick(4) > 0) {
            const auto chosen = pick(static_cast<std::uint32_t>(client.ids.size()));
            name = std::next(client.ids.begin(), chosen)->first;
        }
        const bool was = local(client).unsubscribe(client, client.number, name.first, name.second);
        if (was != (client.ids.erase(name) == 1)) return "unsubscribe of " + name.second;
        return compare_own(client, name);
    }

    [[nodiscard]] std::string unsubscribe_all(Client& client) {
        local(client).unsubscribe_all(client, client.number);
        client.ids.clear();
        return client.subscription_count() == 0 ? "" : "unsubscribe_all left something";
    }

    [[nodiscard]] std::string compare_own(Client& client, const Name& name) {
        const OwnSubscription* own = local(client).find(client, name.first, name.second);
        const auto expected = client.ids.find(name);
        if ((own != nullptr) != (expected != client.ids.end())) return "find of " + name.second;
        if (client.subscription_count() != client.ids.size()) return "subscription_count";
        if (own == nullptr) return {};
        if (own->subscription_id != expected->second) return "subscription id of " + name.second;
        const std::string text = local(client).text(*own);
        return text == name.second ? "" : fmt::format("text {} of {}", text, name.second);
    }

    struct ExpectedFilter {
        ShardSet shards = 0;
        ShardSet persistent = 0;
        std::set<std::pair<const Subscriber*, std::uint32_t>> subscribers;
    };
    struct ExpectedGroup {
        std::set<ClientNumber> online;
        std::set<ClientNumber> stored;
    };

    [[nodiscard]] std::string compare(std::string_view mountpoint, const std::string& topic,
                                      ShardId reader) {
        std::map<std::string, ExpectedFilter> filters;
        std::map<std::string, ExpectedGroup> groups;
        expect(mountpoint, topic, filters, groups);
        MatchResult result;
        index_.match(reader, mountpoint, topic, random_, result);
        std::string wrong = compare_filters(result, std::move(filters), reader);
        if (wrong.empty()) wrong = compare_groups(result, groups, mountpoint, topic, reader);
        return wrong.empty() ? wrong : fmt::format("{} for topic '{}'", wrong, topic);
    }

    void expect(std::string_view mountpoint, const std::string& topic,
                std::map<std::string, ExpectedFilter>& filters,
                std::map<std::string, ExpectedGroup>& groups) const {
        for (const auto& client : clients_) {
            for (const auto& [name, id] : client->ids) {
                if (name.first != mountpoint) continue;
                const auto shared = mqtt::parse_shared_filter(name.second);
                if (!mqtt::filter_matches(shared ? shared->filter : name.second, topic)) continue;
                if (shared) {
                    if (client->online)
                        groups[name.second].online.insert(client->number);
                    else if (client->persistent)
                        groups[name.second].stored.insert(client->number);
                    continue;
                }
                ExpectedFilter& filter = filters[name.second];
                filter.shards |= shard_bit(client->shard);
                if (client->persistent) filter.persistent |= shard_bit(client->shard);
                filter.subscribers.emplace(client.get(), id);
            }
        }
    }

    [[nodiscard]] std::string compare_filters(const MatchResult& result,
                                              std::map<std::string, ExpectedFilter> filters,
                                              ShardId reader) const {
        for (const FilterMatch& match : result.filters) {
            std::set<std::pair<const Subscriber*, std::uint32_t>> subscribers;
            std::string text;
            for (ShardId shard = 0; shard < kShards; ++shard) {
                const auto list = shards_[shard]->subscribers(match.key);
                if (list.empty() == ((match.shards & shard_bit(shard)) != 0)) return "shards";
                for (const LocalSubscription& each : list) {
                    subscribers.emplace(each.subscriber, each.subscription_id);
                    text = shards_[reader]->text(*each.subscriber->find(match.key));
                }
            }
            const auto expected = filters.find(text);
            if (expected == filters.end()) return "unexpected or repeated filter " + text;
            if (expected->second.shards != match.shards) return "shards of " + text;
            if (expected->second.persistent != match.persistent_shards) return "persistent " + text;
            if (expected->second.subscribers != subscribers) return "subscribers of " + text;
            filters.erase(expected);
        }
        return filters.empty() ? "" : "missed filter " + filters.begin()->first;
    }

    [[nodiscard]] std::string compare_groups(const MatchResult& result,
                                             const std::map<std::string, ExpectedGroup>& groups,
                                             std::string_view mountpoint, std::string_view topic,
                                             ShardId reader) {
        std::set<std::string> seen;
        for (const SharedMatch& match : result.shared) {
            const auto chosen =
                std::find_if(clients_.begin(), clients_.end(),
                             [&](const auto& each) { return each->number == match.member; });
            const OwnSubscription* own = (*chosen)->find(match.group);
            if (own == nullptr) return "chosen client is no member";
            if ((*chosen)->shard != match.shard) return "shard of the chosen member";
            const std::string text = shards_[reader]->text(*own);
            if (!seen.insert(text).second) return "repeated group " + text;
            const auto expected = groups.find(text);
            if (expected == groups.end()) return "unexpected group " + text;
            ExpectedGroup left = expected->second;
            if (!chosen_well(left, match.member)) return "choice in " + text;
            left.online.erase(match.member);
            left.stored.erase(match.member);
            SharedMatch other = match;
            const bool found =
                index_.choose_other(reader, other, mountpoint, topic, {&match.member, 1}, random_);
            if (found == (left.online.empty() && left.stored.empty())) return "no other in " + text;
            if (found && !chosen_well(left, other.member)) return "other choice in " + text;
        }
        return seen.size() == groups.size() ? "" : "missed group";
    }

    [[nodiscard]] static bool chosen_well(const ExpectedGroup& group, ClientNumber member) {
        return group.online.empty() ? group.stored.contains(member) : group.online.contains(member);
    }

    Random random_;
    SubscriptionIndex index_;
    std::vector<std::unique_ptr<LocalSubscribers>> shards_;
    std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace vmq::routing
