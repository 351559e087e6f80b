#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace vmq {
namespace {

TEST(Result, HoldsAValueThatCanBeMovedOut) {
    Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
    ASSERT_TRUE(result);
    EXPECT_EQ(*std::move(result).value(), 7);
}

TEST(Result, HoldsAnErrorWithItsDetail) {
    const Result<int> result(Error{ErrorCode::SyntaxError, "line 3"});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::SyntaxError);
    EXPECT_EQ(result.error().detail, "line 3");
}

TEST(Result, OfNothingIsSuccessByDefault) {
    EXPECT_TRUE(Result<void>());
    EXPECT_FALSE(Result<void>(Error{ErrorCode::NotFound, ""}));
}

TEST(ResultDeathTest, AskingAFailureForItsValueIsOurBug) {
    Result<int> result(Error{ErrorCode::NotFound, ""});
    EXPECT_DEATH((void)result.value(), "assertion failed");
}

}  // namespace
}  // namespace vmq
