#include "cluster/questions.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cluster/question_codec.h"

namespace vmq::cluster {
namespace {

constexpr PeerNumber kOther{1};
constexpr TimePoint kAskedAt{Millis{1000}};

constexpr Questions::Limits kLimits{.longest_question = 20,
                                    .portion = 4,
                                    .longest_answer = 60,
                                    .most_of_peer = 3,
                                    .most_between = Millis(100)};

/// One node of two; what it sends waits until it is delivered.
struct End final : QuestionHost {
    void send(PeerNumber /*peer*/, std::string_view frame) override { out.append(frame); }
    void on_question(PeerNumber /*peer*/, std::uint64_t number, std::string question) override {
        asked.emplace_back(number, std::move(question));
    }
    void on_answer(std::uint64_t ticket, Result<std::string> answer) override {
        answers[ticket] = answer ? answer.value() : "! " + answer.error().detail;
    }
    /// False: the link ends.
    bool deliver_to(End& other, TimePoint now = kAskedAt) {
        const std::string bytes = std::exchange(out, {});
        FrameReader frames(1U << 20U);
        frames.add(bytes);
        Frame frame;
        while (frames.next(frame) == FrameReader::Status::Complete) {
            ++frames_sent;
            bool readable = true;
            EXPECT_TRUE(other.questions.on_frame(kOther, frame, readable, now));
            if (!readable) return false;
        }
        return true;
    }

    Questions questions{*this, kLimits};
    std::string out;
    std::size_t frames_sent = 0;
    std::vector<std::pair<std::uint64_t, std::string>> asked;
    std::map<std::uint64_t, std::string> answers;
};

class QuestionsTest : public ::testing::Test {
protected:
    void ask(std::uint64_t ticket, std::string_view question = "what") {
        a_.questions.ask(ticket, kOther, question, kAskedAt + Millis(50));
        EXPECT_TRUE(a_.deliver_to(b_));
    }
    void answer(std::size_t place, Result<std::string> text) {
        b_.questions.answer(kOther, b_.asked.at(place).first, std::move(text), kAskedAt);
    }
    void talk() {
        while (!a_.out.empty() || !b_.out.empty()) {
            ASSERT_TRUE(b_.deliver_to(a_));
            ASSERT_TRUE(a_.deliver_to(b_));
        }
    }

    End a_;
    End b_;
};

TEST_F(QuestionsTest, AnAnswerComesInPortionsEachWhenItIsWanted) {
    ask(9);
    ASSERT_EQ(b_.asked.size(), 1U);
    EXPECT_EQ(b_.asked[0].second, "what");
    answer(0, std::string("0123456789"));
    ASSERT_TRUE(b_.deliver_to(a_));
    EXPECT_EQ(b_.frames_sent, 1U) << "not before it is asked for more";
    ASSERT_TRUE(a_.deliver_to(b_));
    talk();
    EXPECT_EQ(b_.frames_sent, 3U);
    EXPECT_EQ(a_.answers[9], "0123456789");
    EXPECT_EQ(b_.questions.open(), 0U);
    EXPECT_EQ(a_.questions.counters().asked, 1U);
    EXPECT_EQ(b_.questions.counters().answered, 1U);
}

TEST_F(QuestionsTest, AnswersOfEveryLengthArriveWhole) {
    for (std::size_t size = 0; size <= kLimits.longest_answer; ++size) {
        ask(size);
        answer(size, std::string(size, 'x'));
        talk();
        EXPECT_EQ(a_.answers[size], std::string(size, 'x'));
    }
    EXPECT_EQ(b_.questions.open(), 0U);
}

TEST_F(QuestionsTest, AnErrorIsToldAsItIs) {
    ask(1);
    answer(0, Error{ErrorCode::Unavailable, "is full"});
    talk();
    EXPECT_EQ(a_.answers[1], "! is full");
    EXPECT_EQ(a_.questions.counters().unanswered, 1U);
    EXPECT_EQ(b_.questions.counters().refused, 1U);
}

TEST_F(QuestionsTest, WhoDoesNotAnswerInTimeIsNotWaitedFor) {
    ask(1);
    EXPECT_EQ(a_.questions.run(kAskedAt), kAskedAt + Millis(50));
    EXPECT_TRUE(a_.answers.empty());
    EXPECT_EQ(a_.questions.run(kAskedAt + Millis(50)), kNever);
    EXPECT_EQ(a_.answers[1], "! has not answered in time");
    answer(0, std::string("late"));
    talk();
    EXPECT_EQ(a_.answers[1], "! has not answered in time");
}

TEST_F(QuestionsTest, AnAnswerThatNobodyFetchesIsDropped) {
    ask(1);
    answer(0, std::string(10, 'x'));
    EXPECT_EQ(b_.questions.open(), 1U);
    EXPECT_EQ(b_.questions.run(kAskedAt), kAskedAt + Millis(100));
    EXPECT_EQ(b_.questions.run(kAskedAt + Millis(100)), kNever);
    EXPECT_EQ(b_.questions.open(), 0U);
}

TEST_F(QuestionsTest, ALinkThatEndsEndsBothSides) {
    ask(1);
    ask(2);
    answer(1, std::string(10, 'x'));
    b_.questions.peer_down(kOther);
    EXPECT_EQ(b_.questions.open(), 0U);
    answer(0, std::string("late"));
    a_.questions.peer_down(kOther);
    EXPECT_EQ(a_.answers[1], "! went away before it answered");
    EXPECT_EQ(a_.answers[2], "! went away before it answered");
}

TEST_F(QuestionsTest, WhatIsTooMuchIsRefused) {
    ask(1, std::string(kLimits.longest_question, 'x'));
    EXPECT_EQ(b_.asked.size(), 1U);
    ask(2, std::string(kLimits.longest_question + 1, 'x'));
    EXPECT_EQ(a_.answers[2], "! is not asked: the command is too long");
    ask(3);
    ask(4);
    EXPECT_EQ(b_.asked.size(), 3U);
    ask(5);
    EXPECT_EQ(b_.asked.size(), 3U);
    talk();
    EXPECT_EQ(a_.answers[5], "! is asked too much at the same time; try again");
    answer(0, std::string(kLimits.longest_answer + 1, 'x'));
    talk();
    EXPECT_EQ(a_.answers[1], "! answers more than can be shown: ask for less");
    // Another node that sends too long a question is refused as well.
    append(Question{99, std::string(kLimits.longest_question + 1, 'x')}, a_.out);
    talk();
    EXPECT_EQ(b_.asked.size(), 3U);
}

TEST_F(QuestionsTest, WhoDoesNotKeepToTheOrderEndsTheLink) {
    ask(1);
    append(AnswerPortion{1, 1, true, false, "x"}, b_.out);
    EXPECT_FALSE(b_.deliver_to(a_)) << "a portion that does not follow";
    append(MoreOfAnswer{b_.asked[0].first, 1}, a_.out);
    EXPECT_FALSE(a_.deliver_to(b_)) << "more of what was not answered yet";
    append(AnswerPortion{77, 5, true, false, "x"}, b_.out);
    EXPECT_TRUE(b_.deliver_to(a_)) << "nobody waits any more";
    append(MoreOfAnswer{77, 5}, a_.out);
    EXPECT_TRUE(a_.deliver_to(b_)) << "it is gone";
}

}  // namespace
}  // namespace vmq::cluster
