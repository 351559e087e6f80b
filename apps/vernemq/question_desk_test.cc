#include "vernemq/question_desk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace vmq::launcher {
namespace {

class QuestionDeskTest : public ::testing::Test {
protected:
    void ask(const std::string& question) {
        desk_.serve(question, [this](Result<std::string> answer) {
            const std::lock_guard lock(mutex_);
            answers_.push_back(answer ? answer.value() : "! " + answer.error().detail);
            changed_.notify_all();
        });
    }
    std::vector<std::string> wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60),
                                      [&] { return answers_.size() >= count; }));
        return answers_;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> answers_;
    QuestionDesk desk_;
};

TEST_F(QuestionDeskTest, QuestionsAreAnsweredWhileItIsOpen) {
    ask("early");
    EXPECT_EQ(wait_for(1)[0], "! is starting or stopping");
    desk_.open([](const std::string& question) -> Result<std::string> { return question + "!"; });
    ask("now");
    EXPECT_EQ(wait_for(2)[1], "now!");
    desk_.close();
    ask("late");
    EXPECT_EQ(wait_for(3)[2], "! is asked too much at the same time; try again");
}

TEST_F(QuestionDeskTest, MoreThanItCanHoldAreRefused) {
    std::atomic<bool> go{false};
    desk_.open([&](const std::string&) -> Result<std::string> {
        go.wait(false);
        return std::string("done");
    });
    // Two are being answered at most and 32 wait, so one more than that is refused.
    for (int i = 0; i < 35; ++i) ask("x");
    EXPECT_EQ(wait_for(1)[0], "! is asked too much at the same time; try again");
    go = true;
    go.notify_all();
    const auto all = wait_for(35);
    EXPECT_GE(std::ranges::count(all, "done"), 32);
    desk_.close();
}

}  // namespace
}  // namespace vmq::launcher
