#include "vmq-passwd/password_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace vmq::passwd_tool {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kHash = "$6$AAAA$" + std::string(86, 'A') + "==";

Result<std::string> brackets(std::string_view password) {
    if (password == "bad") return Error{ErrorCode::InvalidValue, "cannot be hashed"};
    return "<" + std::string(password) + ">";
}
std::string hashes_of(const std::string& text) {
    const auto result = with_hashes(text, brackets);
    return result ? result.value() : "error: " + result.error().detail;
}

TEST(PasswordEdit, ANewUserComesAtTheEnd) {
    EXPECT_EQ(with_user("", "bob", "1"), "bob:1\n");
    EXPECT_EQ(with_user("# c\r\n\nzoe:2\n", "bob", "1"), "# c\r\n\nzoe:2\nbob:1\n");
    EXPECT_EQ(with_user("zoe:2", "bob", "1"), "zoe:2\nbob:1\n");
    EXPECT_EQ(with_user("bobby:2\n#bob:3\n bob:4\n", "bob", "1"),
              "bobby:2\n#bob:3\n bob:4\nbob:1\n");
}

TEST(PasswordEdit, AUserWhoIsThereKeepsHisPlaceAndOneLine) {
    EXPECT_EQ(with_user("bob:2\nzoe:3\nbob:broken\n", "bob", "1"), "bob:1\nzoe:3\n");
    EXPECT_EQ(with_user("zoe:3\r\nbob:2", "bob", "1"), "zoe:3\r\nbob:1\n");
}

TEST(PasswordEdit, DeletingTakesAllLinesOfAUserAndNoOther) {
    EXPECT_EQ(without_user("bob:1\n# c\nzoe:2\nbob:3", "bob"), "# c\nzoe:2\n");
    EXPECT_EQ(without_user("zoe:2", "bob"), "zoe:2");
    EXPECT_EQ(without_user("", "bob"), "");
}

TEST(PasswordEdit, PlainPasswordsAreHashedAndHashesStay) {
    EXPECT_EQ(hashes_of("bob:secret\r\n# c\n\nzoe:a:b \nkim:" + kHash + " \r\nlast:$x"),
              "bob:<secret>\n# c\n\nzoe:<a:b >\nkim:" + kHash + " \r\nlast:<$x>\n");
    EXPECT_EQ(hashes_of(""), "");
    EXPECT_EQ(hashes_of("bob:" + std::string(400, 'x')), "bob:<" + std::string(400, 'x') + ">\n");
}

TEST(PasswordEdit, WhatCannotBeHashedIsNamedByItsLine) {
    EXPECT_EQ(hashes_of("a:b\n\nnocolon\n"),
              "error: line 3: there is no ':' between user name and hash");
    EXPECT_EQ(hashes_of("a:\n"), "error: line 1: the password is empty");
    EXPECT_EQ(hashes_of("a:bad\n"), "error: line 1: cannot be hashed");
    for (const char* damaged : {"$6$hidden", "$2b$20$hidden", "$argon2id$hidden", "$y$hidden"}) {
        const std::string said = hashes_of("a:" + std::string(damaged));
        EXPECT_THAT(said, HasSubstr("line 1: there is a hash that is damaged"));
        EXPECT_THAT(said, Not(HasSubstr("hidden")));
    }
}

}  // namespace
}  // namespace vmq::passwd_tool
