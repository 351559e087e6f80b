#include "vernemq/systemd.h"

#include <gtest/gtest.h>

namespace vmq::launcher {
namespace {

constexpr pid_t kSelf = 70;
constexpr pid_t kParent = 60;

TEST(Systemd, TheWatchdogIsForTheProcessItNames) {
    EXPECT_EQ(watchdog_time("30000000", nullptr, kSelf, kParent), Millis(30'000));
    EXPECT_EQ(watchdog_time("30000000", "70", kSelf, kParent), Millis(30'000));
    // `vernemq start`: systemd knows the process that has started this one.
    EXPECT_EQ(watchdog_time("30000000", "60", kSelf, kParent), Millis(30'000));
    EXPECT_EQ(watchdog_time("30000000", "71", kSelf, kParent), std::nullopt);
}

TEST(Systemd, WithoutATimeThatMakesSenseNobodyWatches) {
    EXPECT_EQ(watchdog_time(nullptr, nullptr, kSelf, kParent), std::nullopt);
    for (const char* time : {"", "0", "-1", "999", "x", "30000000s"}) {
        EXPECT_EQ(watchdog_time(time, nullptr, kSelf, kParent), std::nullopt) << time;
    }
    EXPECT_EQ(watchdog_time("30000000", "", kSelf, kParent), std::nullopt);
}

}  // namespace
}  // namespace vmq::launcher
