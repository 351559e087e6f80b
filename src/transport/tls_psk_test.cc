#include "transport/tls_psk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace vmq::transport {
namespace {

using namespace std::literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TlsPskTest : public ::testing::Test {
protected:
    std::string error_of(std::string_view text) {
        const auto table = PskTable::parse(text, ':', "etc/vmq.psk", notices);
        return table ? "" : table.error().detail;
    }
    std::vector<std::string> notices;
};

TEST_F(TlsPskTest, ReadsKeysAsTheyStand) {
    const auto table =
        PskTable::parse("# meters\nmeter:secret:1 \r\n\n  \nother:#2", ':', "etc/vmq.psk", notices);
    ASSERT_TRUE(table);
    EXPECT_EQ(table.value().size(), 2U);
    ASSERT_NE(table.value().find("meter"), nullptr);
    EXPECT_EQ(*table.value().find("meter"), "secret:1 ");
    EXPECT_EQ(*table.value().find("other"), "#2");
    EXPECT_EQ(table.value().find("unknown"), nullptr);
    EXPECT_TRUE(notices.empty());
}

TEST_F(TlsPskTest, TakesAnotherSeparator) {
    const auto table = PskTable::parse("a:b;key\n", ';', "f", notices);
    ASSERT_TRUE(table);
    EXPECT_EQ(*table.value().find("a:b"), "key");
}

TEST_F(TlsPskTest, TheLastLineForAnIdentityCounts) {
    const auto table = PskTable::parse("a:old\na:new\n", ':', "f", notices);
    ASSERT_TRUE(table);
    EXPECT_EQ(*table.value().find("a"), "new");
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_THAT(notices[0], HasSubstr("line 2"));
}

TEST_F(TlsPskTest, ErrorsNameTheLineAndNeverTheKey) {
    EXPECT_THAT(error_of("a:b\ntopsecret\n"),
                AllOf(HasSubstr("etc/vmq.psk, line 2: no ':'"), Not(HasSubstr("topsecret"))));
    EXPECT_THAT(error_of("\n:topsecret\n"),
                AllOf(HasSubstr("line 2: the identity is empty"), Not(HasSubstr("topsecret"))));
    EXPECT_THAT(error_of("a:\n"), HasSubstr("the key is empty"));
    EXPECT_THAT(error_of("a\0b:key"sv), HasSubstr("NUL"));
    const std::string longest(PskTable::kMaxKeyBytes, 'k');
    EXPECT_EQ(error_of("a:" + longest), "");
    EXPECT_THAT(error_of("a:" + longest + "k"), HasSubstr("the key is longer than 256"));
    EXPECT_THAT(error_of(std::string(PskTable::kMaxIdentityBytes + 1, 'i') + ":key"),
                HasSubstr("the identity is longer than 128"));
}

}  // namespace
}  // namespace vmq::transport
