#include "base/ring_buffer.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "base/random.h"

namespace vmq {
namespace {

TEST(RingBuffer, BehavesLikeADequeUnderRandomOperations) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        RingBuffer<std::unique_ptr<int>> ring;
        std::deque<int> model;
        for (int step = 0; step < 3000; ++step) {
            const auto choice = random.below(100);
            if (choice < 40) {
                ring.push_back(std::make_unique<int>(step));
                model.push_back(step);
            } else if (choice < 55) {
                ring.push_front(std::make_unique<int>(step));
                model.push_front(step);
            } else if (choice < 75 && !model.empty()) {
                ASSERT_EQ(*ring.pop_front(), model.front());
                model.pop_front();
            } else if (choice < 95 && !model.empty()) {
                ASSERT_EQ(*ring.pop_back(), model.back());
                model.pop_back();
            } else if (choice == 95) {
                ring.retain([](const std::unique_ptr<int>& value) { return *value % 3 != 0; });
                std::erase_if(model, [](int value) { return value % 3 == 0; });
            } else if (choice == 96) {
                ring.clear();
                model.clear();
            }
            ASSERT_EQ(ring.size(), model.size());
            for (std::size_t i = 0; i < model.size(); ++i) ASSERT_EQ(*ring[i], model[i]);
        }
    }
}

TEST(RingBuffer, MovingLeavesTheSourceEmptyAndUsable) {
    RingBuffer<int> source;
    source.push_back(1);
    RingBuffer<int> target(std::move(source));
    EXPECT_EQ(target.front(), 1);
    source.push_back(2);  // NOLINT(bugprone-use-after-move): defined to be empty
    EXPECT_EQ(source.front(), 2);
}

}  // namespace
}  // namespace vmq
