#include "plugins/native/wish_limit.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/log.h"

namespace vmq::plugins::native {
namespace {

class WishLimitTest : public ::testing::Test, public log::Output {
public:
    ~WishLimitTest() override { log::set_output(nullptr); }
    WishLimitTest(const WishLimitTest&) = delete;
    WishLimitTest& operator=(const WishLimitTest&) = delete;
    void write(const log::Line& line) noexcept override { lines_.emplace_back(line.text); }

protected:
    WishLimitTest() { log::set_output(this); }

    WishLimit limit_{"chatty"};
    std::vector<std::string> lines_;
};

TEST_F(WishLimitTest, OneTooManyIsRefused) {
    for (std::size_t i = 0; i < WishLimit::kMaxWishes; ++i) ASSERT_TRUE(limit_.take(1)) << i;
    EXPECT_FALSE(limit_.take(0));
    EXPECT_EQ(limit_.counts().waiting, WishLimit::kMaxWishes);
    EXPECT_EQ(limit_.counts().refused, 1U);
    limit_.give_back(1);
    EXPECT_TRUE(limit_.take(1));
    EXPECT_FALSE(limit_.take(1));
}

TEST_F(WishLimitTest, AByteTooManyIsRefused) {
    EXPECT_TRUE(limit_.take(1));
    EXPECT_FALSE(limit_.take(WishLimit::kMaxBytes));
    EXPECT_TRUE(limit_.take(WishLimit::kMaxBytes - 1));
    EXPECT_FALSE(limit_.take(1));
    EXPECT_TRUE(limit_.take(0));
    EXPECT_EQ(limit_.counts().waiting_bytes, WishLimit::kMaxBytes);
    EXPECT_EQ(limit_.counts().refused, 2U);
}

TEST_F(WishLimitTest, ALargeOneAloneIsTaken) {
    EXPECT_TRUE(limit_.take(2 * WishLimit::kMaxBytes));
    EXPECT_FALSE(limit_.take(0));
    limit_.give_back(2 * WishLimit::kMaxBytes);
    EXPECT_TRUE(limit_.take(0));
}

TEST_F(WishLimitTest, TheLogSaysItOnceUntilHalfIsDone) {
    const auto fill = [this] {
        while (limit_.take(WishLimit::kMaxBytes / 8)) {
        }
    };
    fill();
    fill();
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_EQ(lines_[0],
              "chatty: the plugin publishes, disconnects or reauthorizes faster than the broker "
              "does it: up to 10000 requests and 64 MB of messages wait, more are refused");
    limit_.give_back(WishLimit::kMaxBytes / 8);
    fill();
    EXPECT_EQ(lines_.size(), 1U);
    for (int i = 0; i < 4; ++i) limit_.give_back(WishLimit::kMaxBytes / 8);
    fill();
    EXPECT_EQ(lines_.size(), 2U);
}

}  // namespace
}  // namespace vmq::plugins::native
