#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "routing/local_subscribers.h"
#include "routing/random_topics.h"

namespace vmq::routing {
namespace {

struct Member final : Subscriber {};

// What one shard does on its thread: everything at random, and what it has itself subscribed it
// must find at once, whatever the others do.
void run_shard(ShardId shard, SubscriptionIndex& index, std::uint64_t seed,
               std::atomic<int>& failures) {
    Random random(seed + shard);
    const auto pick = [&](std::uint32_t bound) { return random.below(bound); };
    LocalSubscribers local(shard, index);
    std::array<Member, 4> clients;
    MatchResult result;
    for (int i = 0; i < 4000; ++i) {
        const std::uint32_t chosen = pick(4);
        Member& client = clients[chosen];
        const ClientNumber number{shard * 4 + chosen};
        const std::string filter =
            (pick(4) == 0 ? "$share/g/" : std::string()) + random_filter(pick);
        const std::uint32_t kind = pick(16);
        if (kind < 6) {
            local.subscribe(client, number, "", filter, {}, 0, pick(2) == 0, pick(2) == 0);
            if (local.find(client, "", filter) == nullptr) ++failures;
        } else if (kind < 11) {
            local.unsubscribe(client, number, "", filter);
            if (local.find(client, "", filter) != nullptr) ++failures;
        } else if (kind == 11) {
            local.unsubscribe_all(client, number);
        } else {
            result.clear();
            index.match(shard, "", random_topic(pick), random, result);
            for (const FilterMatch& match : result.filters) {
                const bool marked = (match.shards & shard_bit(shard)) != 0;
                if (marked == local.subscribers(match.key).empty()) ++failures;
            }
        }
    }
    for (std::uint32_t i = 0; i < 4; ++i) {
        local.unsubscribe_all(clients[i], ClientNumber{shard * 4 + i});
    }
}

TEST(SubscriptionIndexShards, FourThreadsSubscribeMatchAndLeaveAtRandom) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    SubscriptionIndex index(4, seed);
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (ShardId shard = 0; shard < 4; ++shard) {
        threads.emplace_back([&, shard] { run_shard(shard, index, seed, failures); });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(failures.load(), 0);
    EXPECT_EQ(index.filter_count(), 0U);
}

}  // namespace
}  // namespace vmq::routing
