#include "transport/tls_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <string>
#include <vector>

namespace vmq::transport {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class TlsNamesTest : public ::testing::Test {
protected:
    std::string groups(const std::vector<std::string>& curves) {
        const auto result = openssl_groups(curves, notices);
        return result ? result.value() : result.error().detail;
    }
    std::vector<std::string> notices;
};

TEST_F(TlsNamesTest, SplitsCiphersByVersion) {
    const auto lists = split_ciphers(
        "TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384:: TLS_AES_128_GCM_SHA256 :"
        "PSK-AES128-CBC-SHA",
        notices);
    ASSERT_TRUE(lists);
    EXPECT_EQ(lists.value().tls13, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256");
    EXPECT_EQ(lists.value().up_to_tls12, "ECDHE-RSA-AES256-GCM-SHA384:PSK-AES128-CBC-SHA");
    EXPECT_THAT(notices, IsEmpty());
}

TEST_F(TlsNamesTest, LeavesOutCiphersOfThePastAndRefusesMistakes) {
    const auto lists = split_ciphers("DES-CBC3-SHA:ECDHE-RSA-AES128-GCM-SHA256", notices);
    ASSERT_TRUE(lists);
    EXPECT_EQ(lists.value().up_to_tls12, "ECDHE-RSA-AES128-GCM-SHA256");
    EXPECT_THAT(notices, ElementsAre(HasSubstr("DES-CBC3-SHA is left out")));
    const auto mistake = split_ciphers("ECDHE-RSA-AES129-GCM-SHA256", notices);
    ASSERT_FALSE(mistake);
    EXPECT_THAT(mistake.error().detail, HasSubstr("ECDHE-RSA-AES129-GCM-SHA256 is unknown"));
    const auto newer = split_ciphers("TLS_AES_129", notices);
    ASSERT_FALSE(newer);
    EXPECT_THAT(newer.error().detail, HasSubstr("not a cipher suite of TLS 1.3"));
}

TEST_F(TlsNamesTest, DefaultsHaveForwardSecrecyAndOpenSslKnowsThem) {
    const std::string list = default_ciphers(true, false);
    EXPECT_THAT(list, Not(HasSubstr("PSK")));
    EXPECT_EQ(list.find("ECDHE-ECDSA-AES128-GCM-SHA256"), 0U);
    EXPECT_THAT(default_ciphers(false, true), Not(HasSubstr("RSA")));
    const auto known = split_ciphers(
        default_ciphers(true, true) + ":" + std::string(default_tls13_ciphers()), notices);
    ASSERT_TRUE(known) << known.error().detail;
    EXPECT_EQ(known.value().up_to_tls12, default_ciphers(true, true));
    EXPECT_THAT(notices, IsEmpty());
}

TEST_F(TlsNamesTest, MapsErlangsCurves) {
    EXPECT_EQ(groups({"secp384r1", "secp256r1", "brainpoolP256r1", "x25519"}),
              "P-384:P-256:brainpoolP256r1:X25519");
    EXPECT_EQ(groups({"[secp384r1", " secp256r1]"}), "P-384:P-256");
    EXPECT_EQ(groups({}), "X25519:P-256:P-384:P-521");
    EXPECT_THAT(notices, IsEmpty());
}

TEST_F(TlsNamesTest, NamesTheCurvesItLeavesOut) {
    EXPECT_EQ(groups({"sect163k1", "secp256r1", "secp999r1"}), "P-256");
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_THAT(notices[0], HasSubstr("sect163k1, secp999r1"));
    EXPECT_THAT(groups({"secp160r1"}), HasSubstr("names no curve that can be used"));
    EXPECT_THAT(groups({"secp256r1", "nonsense"}), HasSubstr("nonsense is not a curve"));
}

TEST_F(TlsNamesTest, ReadsVersionsWithGaps) {
    const auto one = parse_versions({"tlsv1.2"});
    ASSERT_TRUE(one);
    EXPECT_EQ(one.value().lowest, TLS1_2_VERSION);
    EXPECT_EQ(one.value().highest, TLS1_2_VERSION);
    const auto gap = parse_versions({"tlsv1.3", "tlsv1"});
    ASSERT_TRUE(gap);
    EXPECT_TRUE(gap.value().allows(TLS1_VERSION));
    EXPECT_FALSE(gap.value().allows(TLS1_1_VERSION));
    EXPECT_FALSE(gap.value().allows(TLS1_2_VERSION));
    EXPECT_TRUE(gap.value().allows(TLS1_3_VERSION));
    EXPECT_FALSE(parse_versions({}));
    EXPECT_FALSE(parse_versions({"tlsv1.2", " tlsv1.3"}));
    EXPECT_FALSE(parse_versions({"sslv3"}));
}

}  // namespace
}  // namespace vmq::transport
