#include "broker/cluster_state.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace vmq::broker {
namespace {

class ClusterStateTest : public testing::Test {
protected:
    ClusterStateTest() {
        char name[] = "/tmp/cluster_state_XXXXXX";
        folder = ::mkdtemp(name);
    }
    ~ClusterStateTest() override { std::filesystem::remove_all(folder); }

    std::string folder;
};

TEST_F(ClusterStateTest, ANewNodeIsItsOwnAndARestartedOneTheSame) {
    const std::string path = folder + "/cluster_state";
    auto first = ClusterState::load(path);
    ASSERT_TRUE(first);
    EXPECT_TRUE(first.value().members.empty());
    EXPECT_NE(first.value().incarnation, ClusterState::load(path).value().incarnation);
    first.value().node = "a@host";
    first.value().members = std::string("\0words", 6);
    ASSERT_TRUE(first.value().save(path));
    const auto second = ClusterState::load(path);
    ASSERT_TRUE(second);
    EXPECT_EQ(second.value().node, "a@host");
    EXPECT_EQ(second.value().incarnation, first.value().incarnation);
    EXPECT_EQ(second.value().members, first.value().members);
}

TEST_F(ClusterStateTest, ADamagedFileIsNotTakenForANewNode) {
    const std::string path = folder + "/cluster_state";
    ClusterState state{"a@host", {}, "words"};
    ASSERT_TRUE(state.save(path));
    std::string bytes;
    std::ifstream(path) >> bytes;
    std::ofstream(path, std::ios::trunc) << std::string(10, 'x');
    const auto damaged = ClusterState::load(path);
    ASSERT_FALSE(damaged);
    EXPECT_NE(damaged.error().detail.find(path), std::string::npos);
    std::filesystem::resize_file(path, 0);
    EXPECT_FALSE(ClusterState::load(path));
}

TEST_F(ClusterStateTest, WithoutAFileNothingIsKept) {
    ClusterState state{"a@host", {}, "words"};
    EXPECT_TRUE(state.save(""));
    EXPECT_TRUE(ClusterState::load("").value().members.empty());
}

}  // namespace
}  // namespace vmq::broker
