#include "plugins/passwd/secret.h"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <utility>

namespace vmq::plugins::passwd {
namespace {

static_assert(std::is_nothrow_move_constructible_v<Secret>);
static_assert(!std::is_copy_constructible_v<Secret>);

TEST(Secret, KeepsEveryByteAndEndsWithNul) {
    const std::string bytes("a\0b", 3);
    const Secret secret(bytes);
    EXPECT_EQ(secret.view(), bytes);
    EXPECT_EQ(secret.c_str()[3], '\0');
    EXPECT_EQ(Secret("").view(), "");
}

TEST(Secret, MovingHandsTheMemoryOver) {
    Secret from("short");
    const char* const where = from.view().data();
    Secret to(std::move(from));
    EXPECT_EQ(to.view().data(), where);
    EXPECT_EQ(from.view(), "");  // NOLINT(bugprone-use-after-move)
    EXPECT_STREQ(from.c_str(), "");
    Secret other("other");
    other = std::move(to);
    EXPECT_EQ(other.view().data(), where);
    EXPECT_EQ(other.view(), "short");
}

}  // namespace
}  // namespace vmq::plugins::passwd
