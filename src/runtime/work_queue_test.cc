#include "runtime/work_queue.h"

#include <gtest/gtest.h>

namespace vmq::runtime {
namespace {

TEST(WorkQueue, HandsOutWhatWasPutInInOrder) {
    WorkQueue<int> queue;
    queue.push(1);
    queue.push(2);
    std::vector<int> got{0};
    EXPECT_TRUE(queue.take(got, Millis(0)));
    EXPECT_EQ(got, (std::vector<int>{0, 1, 2}));
    EXPECT_TRUE(queue.take(got, Millis(0)));
    EXPECT_EQ(got.size(), 3U);
}

TEST(WorkQueue, ClosingLetsTheRestBeTakenAndThenEnds) {
    WorkQueue<int> queue;
    queue.push(1);
    queue.close();
    std::vector<int> got;
    EXPECT_TRUE(queue.take(got, Seconds(30)));
    EXPECT_EQ(got.size(), 1U);
    EXPECT_FALSE(queue.take(got, Seconds(30)));
}

TEST(WorkQueue, AThreadGetsEverythingThatOthersPutIn) {
    WorkQueue<int> queue;
    std::vector<int> got;
    {
        const WorkThread taker([&] {
            while (queue.take(got, Seconds(30))) {
            }
        });
        {
            const WorkThread other([&] {
                for (int i = 0; i < 1000; ++i) queue.push(i);
            });
            for (int i = 0; i < 1000; ++i) queue.push(i);
        }
        queue.close();
    }
    EXPECT_EQ(got.size(), 2000U);
}

}  // namespace
}  // namespace vmq::runtime
