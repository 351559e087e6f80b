#include "admin/off_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <vector>

namespace vmq::admin {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class OffThreadShards : public ::testing::Test {
protected:
    OffThread<int>::Done note() {
        return [this](int answer) { answers_.push_back(answer); };
    }
    void run_until(std::size_t answers) {
        while (answers_.size() < answers) io_.run_one();
    }

    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    std::vector<int> answers_;
};

TEST_F(OffThreadShards, AnswersComeOnTheAskingThread) {
    OffThread<int> off(io_, 2, 2);
    const auto here = std::this_thread::get_id();
    std::thread::id there;
    EXPECT_TRUE(off.run(
        [&] {
            there = std::this_thread::get_id();
            return 7;
        },
        note()));
    run_until(1);
    EXPECT_NE(there, here);
    EXPECT_THAT(answers_, ElementsAre(7));
    off.stop(0);
}

TEST_F(OffThreadShards, OneTooManyIsRefusedAndAShortOneOvertakesALongOne) {
    OffThread<int> off(io_, 2, 1);
    std::latch go(1);
    std::latch begun(1);
    const auto slow = [&] {
        begun.count_down();
        go.wait();
        return 1;
    };
    EXPECT_TRUE(off.run(slow, note()));
    begun.wait();
    EXPECT_TRUE(off.run([] { return 2; }, note()));
    run_until(1);
    EXPECT_THAT(answers_, ElementsAre(2));
    std::latch second(1);
    EXPECT_TRUE(off.run(
        [&] {
            second.count_down();
            go.wait();
            return 3;
        },
        note()));
    second.wait();
    EXPECT_TRUE(off.run([] { return 4; }, note()));
    EXPECT_FALSE(off.run([] { return 5; }, note()));
    go.count_down();
    run_until(4);
    EXPECT_THAT(answers_, UnorderedElementsAre(2, 1, 3, 4));
    off.stop(0);
}

TEST_F(OffThreadShards, WhatHasNotBegunIsAnsweredAtTheEnd) {
    OffThread<int> off(io_, 1, 4);
    std::latch begun(1);
    std::latch go(1);
    EXPECT_TRUE(off.run(
        [&] {
            begun.count_down();
            go.wait();
            return 1;
        },
        note()));
    begun.wait();
    EXPECT_TRUE(off.run([] { return 2; }, note()));
    go.count_down();
    off.stop(9);
    EXPECT_FALSE(off.run([] { return 3; }, note()));
    run_until(2);
    EXPECT_EQ(answers_.size(), 2U);
    EXPECT_EQ(answers_[0], 1);
}

}  // namespace
}  // namespace vmq::admin
