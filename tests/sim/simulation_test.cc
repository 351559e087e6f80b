#include "sim/simulation.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/log.h"

namespace vmq::sim {
namespace {

class SimulationTest : public ::testing::Test {
protected:
    SimulationTest() { log::set_level(log::Level::Off); }
    ~SimulationTest() override { log::set_level(log::Level::Info); }
};

TEST_F(SimulationTest, TheSameSeedIsTheSameRun) {
    std::set<std::uint64_t> hashes;
    for (std::uint64_t seed = 1; seed <= kWeathers; ++seed) {
        const Outcome first = Simulation(seed).run();
        const Outcome again = Simulation(seed).run();
        EXPECT_EQ(first.hash, again.hash) << first.plan;
        EXPECT_EQ(first.deliveries, again.deliveries);
        EXPECT_GT(first.promises, 0U) << first.plan << ": nothing was checked";
        hashes.insert(first.hash);
    }
    EXPECT_EQ(hashes.size(), kWeathers);
}

}  // namespace
}  // namespace vmq::sim
