#include "cluster/question_codec.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "cluster/test_values.h"

namespace vmq::cluster {
namespace {

using test::body_of;

TEST(QuestionCodec, WhatIsWrittenIsRead) {
    std::string frame;
    append(Question{300, "what"}, frame);
    Question question;
    ASSERT_TRUE(decode(body_of(frame), question));
    EXPECT_EQ(question.number, 300U);
    EXPECT_EQ(question.question, "what");

    frame.clear();
    append(AnswerPortion{7, 2, true, false, "text"}, frame);
    AnswerPortion portion;
    ASSERT_TRUE(decode(body_of(frame), portion));
    EXPECT_EQ(portion.number, 7U);
    EXPECT_EQ(portion.portion, 2U);
    EXPECT_TRUE(portion.last);
    EXPECT_FALSE(portion.refused);
    EXPECT_EQ(portion.text, "text");

    frame.clear();
    append(MoreOfAnswer{7, 3}, frame);
    MoreOfAnswer more;
    ASSERT_TRUE(decode(body_of(frame), more));
    EXPECT_EQ(more.portion, 3U);
}

TEST(QuestionCodec, WhoDoesNotKnowTheseFramesMaySkipThem) {
    EXPECT_TRUE(is_ignorable(FrameType::Question));
    EXPECT_TRUE(is_ignorable(FrameType::Answer));
    EXPECT_TRUE(is_ignorable(FrameType::MoreOfAnswer));
}

TEST(QuestionCodec, WhatIsNoSuchFrameIsRefused) {
    using namespace std::string_view_literals;
    Question question;
    EXPECT_FALSE(decode("", question));
    EXPECT_FALSE(decode("\0"sv, question));
    AnswerPortion portion;
    EXPECT_FALSE(decode("\1\0"sv, portion));
    EXPECT_FALSE(decode("\1\0\4"sv, portion)) << "an unknown flag";
    EXPECT_TRUE(decode("\1\0\1"sv, portion)) << "an empty answer";
    MoreOfAnswer more;
    EXPECT_FALSE(decode("\1"sv, more));
    EXPECT_FALSE(decode("\1\1x"sv, more)) << "more behind it";
}

}  // namespace
}  // namespace vmq::cluster
