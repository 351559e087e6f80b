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

// Whether the same seed is the same run, repeatable.py shows with two processes.
TEST_F(SimulationTest, EverySeedIsAnotherRunAndChecksSomething) {
    std::set<std::uint64_t> hashes;
    for (std::uint64_t seed = 1; seed <= kWeathers; ++seed) {
        const Outcome first = Simulation(seed).run();
        EXPECT_GT(first.promises, 0U) << first.plan << ": nothing was checked";
        hashes.insert(first.hash);
    }
    EXPECT_EQ(hashes.size(), kWeathers);
}

}  // namespace
}  // namespace vmq::sim
