#include "runtime/coordination.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <vector>

#include "runtime/work_queue.h"

namespace vmq::runtime {
namespace {

TEST(CoordinationShards, RunsEverywhereBeforeItReturns) {
    std::vector<std::unique_ptr<WorkThread>> threads;
    std::vector<int> done(8, 0);
    run_everywhere(
        done.size(),
        [&threads](std::size_t /*where*/, std::function<void()> work) {
            threads.push_back(std::make_unique<WorkThread>(std::move(work)));
        },
        [&done](std::size_t i) {
            pause(Millis(1));
            done[i] = 1;
        });
    EXPECT_EQ(done, std::vector<int>(8, 1));
}

TEST(CoordinationShards, AskWaitsForTheAnswer) {
    std::unique_ptr<WorkThread> thread;
    const auto answer = ask<int>(
        [&thread](std::function<void()> work) {
            thread = std::make_unique<WorkThread>(std::move(work));
        },
        [] { return 7; }, Seconds(30));
    EXPECT_EQ(answer, 7);
}

TEST(CoordinationShards, AskGivesUpAndTheWorkMayStillBeDone) {
    std::function<void()> kept;
    const auto keep = [&kept](std::function<void()> work) { kept = std::move(work); };
    EXPECT_EQ(ask<int>(keep, [] { return 7; }, Millis(1)), std::nullopt);
    kept();  // nobody waits any more, and nothing is touched that is gone
}

TEST(CoordinationShards, OneCallAtATime) {
    const OneAtATime calls;
    int unprotected = 0;
    {
        std::vector<std::unique_ptr<WorkThread>> threads;
        for (int i = 0; i < 4; ++i) {
            threads.push_back(std::make_unique<WorkThread>([&] {
                for (int n = 0; n < 1000; ++n) {
                    const auto held = calls.enter();
                    ++unprotected;
                }
            }));
        }
    }
    EXPECT_EQ(unprotected, 4000);
}

}  // namespace
}  // namespace vmq::runtime
