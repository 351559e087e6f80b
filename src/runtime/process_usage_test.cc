#include "runtime/process_usage.h"

#include <gtest/gtest.h>

#include <vector>

namespace vmq::runtime {
namespace {

TEST(ProcessUsage, MemoryThatIsUsedIsResident) {
    const auto before = process_usage();
    ASSERT_GT(before.resident_bytes, 0U);
    const std::vector<char> block(64 << 20, 'x');
    EXPECT_GT(process_usage().resident_bytes, before.resident_bytes + block.size() / 2);
}

TEST(ProcessUsage, WorkTakesTime) {
    const auto begin = process_usage();
    volatile std::uint64_t sum = 0;
    while (process_usage().cpu_time < begin.cpu_time + Millis(10)) sum = sum + 1;
    EXPECT_GE(process_usage().context_switches, begin.context_switches);
}

}  // namespace
}  // namespace vmq::runtime
