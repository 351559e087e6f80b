#include "runtime/work_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <set>
#include <thread>

namespace vmq::runtime {
namespace {

using Number = std::unique_ptr<int>;  // items need not be copyable

bool push(WorkPool<Number>& pool, int value) {
    Number item = std::make_unique<int>(value);
    const bool taken = pool.push(item);
    EXPECT_EQ(item == nullptr, taken);
    return taken;
}

TEST(WorkPool, EverythingIsWorkedOnOnce) {
    std::mutex mutex;
    std::multiset<int> done;
    std::latch all(1000);
    WorkPool<Number> pool(3, 1000, [&](Number& item) {
        {
            const std::lock_guard lock(mutex);
            done.insert(*item);
        }
        all.count_down();
    });
    {
        const WorkThread other([&] {
            for (int i = 0; i < 500; ++i) EXPECT_TRUE(push(pool, i));
        });
        for (int i = 500; i < 1000; ++i) EXPECT_TRUE(push(pool, i));
    }
    all.wait();
    EXPECT_EQ(done.size(), 1000U);
    EXPECT_EQ(std::set<int>(done.begin(), done.end()).size(), 1000U);
}

TEST(WorkPool, ALongItemHoldsNobodyUpWhileAnotherThreadIsFree) {
    std::latch long_one_may_end(1);
    std::latch others(10);
    WorkPool<Number> pool(2, 100, [&](Number& item) {
        if (*item == 0) {
            long_one_may_end.wait();
        } else {
            others.count_down();
        }
    });
    for (int i = 0; i <= 10; ++i) EXPECT_TRUE(push(pool, i));
    others.wait();
    long_one_may_end.count_down();
}

TEST(WorkPool, TakesAsManyAsMayWaitAndNotOneMore) {
    std::latch taken(1);
    std::latch go_on(1);
    WorkPool<Number> pool(1, 2, [&](Number& item) {
        if (*item == 0) {
            taken.count_down();
            go_on.wait();
        }
    });
    EXPECT_TRUE(push(pool, 0));
    taken.wait();
    EXPECT_EQ(pool.waiting(), 0U);
    EXPECT_TRUE(push(pool, 1));
    EXPECT_TRUE(push(pool, 2));
    EXPECT_FALSE(push(pool, 3));
    EXPECT_EQ(pool.waiting(), 2U);
    go_on.count_down();
}

TEST(WorkPool, StoppingFinishesWhatRunsAndForgetsWhatWaits) {
    std::latch taken(1);
    std::latch go_on(1);
    std::atomic<int> worked{0};
    WorkPool<Number> pool(1, 10, [&](Number&) {
        taken.count_down();
        go_on.wait();
        ++worked;
    });
    EXPECT_TRUE(push(pool, 0));
    taken.wait();
    EXPECT_TRUE(push(pool, 1));
    const WorkThread opener([&] {
        while (pool.waiting() != 0) std::this_thread::yield();  // until stop() has begun
        go_on.count_down();
    });
    pool.stop();
    EXPECT_EQ(worked, 1);
    EXPECT_FALSE(push(pool, 2));
    pool.stop();
}

}  // namespace
}  // namespace vmq::runtime
