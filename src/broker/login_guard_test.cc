#include "broker/login_guard.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace vmq::broker {
namespace {

constexpr TimePoint kFirstLogin{Seconds(1000)};

TEST(LoginGuard, BlocksAnAddressAtItsLimitUntilTheWindowIsOver) {
    LoginGuard guard({.per_address = 3, .per_user = 0, .window = Seconds(60)});
    guard.failed("10.0.0.1", "a", kFirstLogin);
    guard.failed("10.0.0.1", "b", kFirstLogin + Seconds(10));
    EXPECT_FALSE(guard.blocks("10.0.0.1", "a", kFirstLogin + Seconds(20)));
    guard.failed("10.0.0.1", "", kFirstLogin + Seconds(20));
    EXPECT_TRUE(guard.blocks("10.0.0.1", "c", kFirstLogin + Seconds(20)));
    EXPECT_FALSE(guard.blocks("10.0.0.2", "a", kFirstLogin + Seconds(20)));
    EXPECT_TRUE(guard.blocks("10.0.0.1", "a", kFirstLogin + Seconds(60) - Millis(1)));
    EXPECT_FALSE(guard.blocks("10.0.0.1", "a", kFirstLogin + Seconds(60)));
    guard.failed("10.0.0.1", "a", kFirstLogin + Seconds(61));
    EXPECT_FALSE(guard.blocks("10.0.0.1", "a", kFirstLogin + Seconds(62)));
}

TEST(LoginGuard, BlocksAUserFromEveryAddress) {
    LoginGuard guard({.per_address = 0, .per_user = 2, .window = Seconds(60)});
    guard.failed("10.0.0.1", "alice", kFirstLogin);
    guard.failed("10.0.0.2", "alice", kFirstLogin);
    EXPECT_TRUE(guard.blocks("10.0.0.3", "alice", kFirstLogin));
    EXPECT_FALSE(guard.blocks("10.0.0.1", "bob", kFirstLogin));
    guard.failed("10.0.0.1", "", kFirstLogin);
    guard.failed("10.0.0.1", "", kFirstLogin);
    EXPECT_FALSE(guard.blocks("10.0.0.1", "", kFirstLogin));
}

TEST(LoginGuard, AHostWithManyAddressesOfItsIpv6NetworkIsOne) {
    LoginGuard guard({.per_address = 2, .per_user = 0, .window = Seconds(60)});
    guard.failed("2001:db8::1", "a", kFirstLogin);
    guard.failed("2001:db8::2", "a", kFirstLogin);
    EXPECT_TRUE(guard.blocks("2001:db8:0:0:ffff::9", "a", kFirstLogin));
    EXPECT_FALSE(guard.blocks("2001:db8:0:1::1", "a", kFirstLogin));
}

TEST(LoginGuard, AMappedAddressIsTheOneThatIsMapped) {
    LoginGuard guard({.per_address = 1, .per_user = 0, .window = Seconds(60)});
    guard.failed("::ffff:10.0.0.1", "a", kFirstLogin);
    EXPECT_TRUE(guard.blocks("10.0.0.1", "a", kFirstLogin));
    EXPECT_FALSE(guard.blocks("::ffff:10.0.0.2", "a", kFirstLogin));
}

TEST(LoginGuard, LongNamesAreToldApart) {
    LoginGuard guard({.per_address = 0, .per_user = 1, .window = Seconds(60)});
    const std::string name(60'000, 'x');
    guard.failed("a", name + "1", kFirstLogin);
    EXPECT_TRUE(guard.blocks("a", name + "1", kFirstLogin));
    EXPECT_FALSE(guard.blocks("a", name + "2", kFirstLogin));
}

TEST(LoginGuard, AnAddressIsNoUser) {
    LoginGuard guard({.per_address = 1, .per_user = 1, .window = Seconds(60)});
    guard.failed("10.0.0.1", "", kFirstLogin);
    EXPECT_FALSE(guard.blocks("10.0.0.9", "10.0.0.1", kFirstLogin));
}

TEST(LoginGuard, RemembersNotMoreThanItsLimitAndKeepsTheWorst) {
    LoginGuard guard({.per_address = 5, .per_user = 0, .window = Seconds(60)});
    for (int i = 0; i < 5; ++i) guard.failed("worst", "", kFirstLogin);
    for (std::size_t i = 0; i < 2 * LoginGuard::kMaxKeys; ++i) {
        guard.failed(fmt::format("host-{}", i), "", kFirstLogin);
    }
    EXPECT_LE(guard.keys(), LoginGuard::kMaxKeys);
    EXPECT_TRUE(guard.blocks("worst", "", kFirstLogin));
    guard.failed("late", "", kFirstLogin + Seconds(60));
    EXPECT_LE(guard.keys(), LoginGuard::kMaxKeys);
}

}  // namespace
}  // namespace vmq::broker
