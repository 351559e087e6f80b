#include "broker/untold_deletion.h"

#include <gtest/gtest.h>

#include "cluster/fact.h"

namespace vmq::broker {
namespace {

TEST(UntoldDeletion, KnowsTopicAndTime) {
    const store::PutFact stored = untold_deletion("mp", "a/b", 1'700'000'000'123);
    EXPECT_EQ(stored.key, untold_deletion_key("mp", "a/b"));
    EXPECT_EQ(stored.key.front(), kUntoldDeletionKeys);
    const auto of = cluster::split_retained_key(std::string_view(stored.key).substr(1));
    EXPECT_EQ(of.mountpoint, "mp");
    EXPECT_EQ(of.topic, "a/b");
    EXPECT_EQ(untold_deletion_time(stored.value), 1'700'000'000'123);
}

TEST(UntoldDeletion, OfAnEarlierVersionHasNoTime) {
    for (const char* value : {"", "x", "12x", "-5", "99999999999999999999999"}) {
        EXPECT_EQ(untold_deletion_time(value), 0) << value;
    }
}

}  // namespace
}  // namespace vmq::broker
