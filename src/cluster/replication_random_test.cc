// Random lives of a cluster: writes, deletes, splits, losses, crashes, wrong clocks, nodes that
// come and go. Afterwards all have the same, and it is what the stamps say.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster/simulated_cluster.h"

namespace vmq::cluster {
namespace {

using test::Cluster;
using test::FactKey;
using test::Node;
using test::World;
using test::Written;

FactMap::Limits random_limits(Random& random) {
    FactMap::Limits limits;
    // Deleted facts are kept for ever, as far as this is concerned, for longer than most splits, or
    // for shorter.
    static constexpr Millis kKept[] = {Millis{24LL * 3600 * 1000}, Millis{4000}, Millis{300}};
    limits.keep_deleted = kKept[random.below(3)];
    if (random.below(4) == 0) limits.most_deleted = 1 + random.below(10);
    return limits;
}

Replication::Options random_options(Random& random) {
    Replication::Options options;
    options.seed = random.next();
    options.tick_interval = Millis{100};
    options.vector_interval = Millis{500};
    options.stall_limit = Millis{400};
    options.sender.portion_bytes = 100 + random.below(800);
    options.sender.most_under_way = 100 + random.below(3000);
    options.sender.most_late = 1 + random.below(30);
    return options;
}

class ReplicationRandom : public ::testing::Test {
protected:
    void live(std::uint64_t seed) {
        World world(seed);
        world.limits = random_limits(world.random);
        SCOPED_TRACE("keeps " + std::to_string(world.limits.most_deleted) + " deletions for " +
                     std::to_string(world.limits.keep_deleted.count()) + " ms");
        world.options = random_options(world.random);
        // As long as deletions are kept, as it is by default.
        const bool few = world.limits.most_deleted < FactMap::Limits{}.most_deleted;
        world.options.wait_for_members = few ? Millis{0} : world.limits.keep_deleted;
        Cluster cluster(world, 3 + world.random.below(3));
        const Millis chaos = Millis(3000) + world.within(5000);
        const TimePoint end = world.now + chaos;
        while (world.now < end) {
            if (world.chance(2)) cluster.write_somewhere();
            happen(world, cluster);
            cluster.step(Millis(2) + world.within(20));
        }
        cluster.heal();
        ASSERT_TRUE(agree(world, cluster)) << cluster.describe();
        cluster.give_up_outsiders();
        ASSERT_TRUE(agree(world, cluster)) << cluster.describe();
        check_against_all_that_was_stored(world, cluster);
        if (HasFatalFailure()) return;
        check_that_deleted_ones_go(world, cluster);
    }

private:
    static void happen(World& world, Cluster& cluster) {
        const auto slot = [&] {
            return world.random.below(static_cast<std::uint32_t>(cluster.size()));
        };
        switch (world.random.below(250)) {
            case 0:
            case 1:
                return cluster.split();
            case 2:
            case 3:
                return cluster.heal();
            case 4:
            case 5:
            case 6:
                return cluster.cut(slot(), slot(), true);
            case 7:
            case 8:
            case 9:
                return cluster.cut(slot(), slot(), false);
            case 10:
            case 11:
                return cluster.lose_one_way(slot(), slot());
            case 12:
            case 13:
                return cluster.crash(slot());
            case 14:
            case 15:
            case 16:
                return cluster.restart(slot());
            case 17:
                return cluster.remove(slot());
            case 18:
            case 19:
                return cluster.come_anew(slot(), world.chance(2));
            case 20:
                return cluster.power_failure(slot());
            case 21:
                if (Node* node = cluster.node(slot())) {
                    node->set_skew(world.within(600'000) - Millis(300'000));
                }
                return;
            default:
                return;
        }
    }

    static bool agree(World& world, Cluster& cluster) {
        const TimePoint limit = world.now + Millis(120'000);
        int good = 0;  // also a moment later
        while (good < 30) {
            if (world.now > limit) return false;
            cluster.step(Millis(10));
            good = cluster.agreed() ? good + 1 : 0;
        }
        return true;
    }

    /// Whatever a node that is still there has ever stored: the highest stamp of each key is what
    /// all have now. Or it was deleted by a node that is gone, whose deletion nobody else stored
    /// because it was forgotten by then, but not the promise to have it.
    static void check_against_all_that_was_stored(World& world, Cluster& cluster) {
        std::map<FactKey, Written> latest;
        std::map<FactKey, Written> now;
        for (std::size_t i = 0; i < cluster.size(); ++i) {
            Node* node = cluster.node(i);
            if (node == nullptr) continue;
            now = node->view();
            for (const auto& [key, written] : node->disk().ever) {
                test::note_later(latest, key, written);
            }
        }
        for (const auto& [key, written] : latest) {
            const auto found = now.find(key);
            if (written.deleted) {
                ASSERT_TRUE(found == now.end())
                    << key.second << " was deleted at " << written.time << " by "
                    << written.writer.name << " and came back as " << found->second.value;
            } else {
                const auto deleted = world.deleted.find(key);
                if (found == now.end() && deleted != world.deleted.end() &&
                    written.order() < deleted->second.order()) {
                    continue;
                }
                ASSERT_TRUE(found != now.end()) << key.second << " got lost";
                ASSERT_EQ(found->second, written) << key.second << " is not the latest";
            }
        }
        ASSERT_LE(now.size(), latest.size());
    }

    /// With all members there, nothing that was deleted is kept for long, however wrong clocks are.
    static void check_that_deleted_ones_go(World& world, Cluster& cluster) {
        cluster.remove_dead_members();
        for (int i = 0; i < 60; ++i) cluster.step(Millis(20'000));
        ASSERT_TRUE(agree(world, cluster)) << cluster.describe();
        for (std::size_t i = 0; i < cluster.size(); ++i) {
            Node* node = cluster.node(i);
            if (node == nullptr) continue;
            node->facts().for_each_even_deleted([&](const Fact& fact) {
                if (fact.deleted()) {
                    EXPECT_EQ(fact.kind(), FactKind::Member)
                        << node->id().name << " still has the deleted " << fact.key() << " of "
                        << node->facts().writers()[fact.writer()].name << " at "
                        << fact.time().value % 1'000'000'000'000 << '\n'
                        << cluster.describe();
                }
            });
        }
    }
};

std::optional<std::uint64_t> number_from(const char* variable) {
    const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
    if (text == nullptr) return std::nullopt;
    return std::strtoull(text, nullptr, 10);
}

// VMQ_FACT_SEED repeats one, VMQ_FACT_SEEDS runs more of them.
TEST_F(ReplicationRandom, AllNodesEndWithTheSameAndNothingDeletedComesBack) {
    const auto only = number_from("VMQ_FACT_SEED");
    const std::uint64_t first = only.value_or(1);
    const std::uint64_t count = only ? 1 : number_from("VMQ_FACT_SEEDS").value_or(300);
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE("repeat with VMQ_FACT_SEED=" + std::to_string(seed));
        live(seed);
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace vmq::cluster
