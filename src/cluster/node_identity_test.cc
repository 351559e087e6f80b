#include "cluster/node_identity.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::cluster {
namespace {

TEST(NodeName, IsANameAndAHost) {
    for (const char* name : {"VerneMQ@127.0.0.1", "a@b", "node-1@example.org", "n@[::1]"}) {
        EXPECT_TRUE(is_valid_node_name(name)) << name;
    }
    for (const char* name :
         {"", "@", "a@", "@b", "a", "a@b@c", "a @b", "a@b\n", "a@b\x7F", "\xC3\xA4@b"}) {
        EXPECT_FALSE(is_valid_node_name(name)) << name;
    }
}

TEST(NodeName, HasALongestOne) {
    const std::string longest = "a@" + std::string(kLongestNodeName - 2, 'h');
    EXPECT_TRUE(is_valid_node_name(longest));
    EXPECT_FALSE(is_valid_node_name(longest + "h"));
}

}  // namespace
}  // namespace vmq::cluster
