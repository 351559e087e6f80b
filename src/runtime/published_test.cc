#include "runtime/published.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace vmq::runtime {
namespace {

TEST(Published, GivesTheLatestValueAndCountsThem) {
    Published<const int> published(std::make_shared<const int>(1));
    EXPECT_EQ(*published.get(), 1);
    EXPECT_EQ(published.version(), 0U);
    const auto old = published.get();
    published.set(std::make_shared<const int>(2));
    EXPECT_EQ(*published.get(), 2);
    EXPECT_EQ(published.version(), 1U);
    EXPECT_EQ(*old, 1);
}

TEST(PublishedShards, AValueIsAtLeastAsNewAsTheVersionAskedBefore) {
    constexpr std::uint64_t kLast = 2000;
    Published<const std::uint64_t> published(std::make_shared<const std::uint64_t>(0));
    std::vector<std::thread> readers;
    readers.reserve(3);
    for (int i = 0; i < 3; ++i) {
        readers.emplace_back([&published] {
            for (std::uint64_t seen = 0; seen < kLast;) {
                seen = published.version();
                EXPECT_GE(*published.get(), seen);
            }
        });
    }
    for (std::uint64_t i = 1; i <= kLast; ++i) {
        published.set(std::make_shared<const std::uint64_t>(i));
    }
    for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace vmq::runtime
