#include "cluster/fact.h"

#include <gtest/gtest.h>

#include <string>

#include "cluster/fact_map.h"

namespace vmq::cluster {
namespace {

TEST(Fact, ARetainedKeyTellsMountpointAndTopicApart) {
    const std::string key = retained_key("mp", "a/b");
    EXPECT_EQ(split_retained_key(key).mountpoint, "mp");
    EXPECT_EQ(split_retained_key(key).topic, "a/b");
    EXPECT_NE(key, retained_key("m", "pa/b"));
    const std::string plain = retained_key("", "a");
    EXPECT_TRUE(split_retained_key(plain).mountpoint.empty());
    EXPECT_EQ(split_retained_key(plain).topic, "a");
}

TEST(Fact, TheOwnerOfASessionTakesLittleMemory) {
    FactMap map({"VerneMQ1@10.0.0.17", {}});
    constexpr std::size_t kMany = 10'000;
    for (std::size_t i = 0; i < kMany; ++i) {
        // A mountpoint that is empty, and a client id of 23 bytes.
        const std::string key =
            '\0' + std::string("client-") + std::to_string(10'000'000 + i) + std::string(8, '0');
        ASSERT_EQ(key.size(), 24U);
        ASSERT_TRUE(map.put(FactKind::SessionOwner, key, "VerneMQ1@10.0.0.17 7", {}));
    }
    EXPECT_LT(map.memory() / kMany, 150U) << "the allocator adds 8 to 16 bytes";
}

}  // namespace
}  // namespace vmq::cluster
