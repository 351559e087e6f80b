#include "transport/tls_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/tls/test_certificates.h"

namespace vmq::transport {
namespace {

using namespace std::literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using vmq::testing::CertificateSpec;
using vmq::testing::make_certificate;

std::string identity(const CertificateSpec& spec) {
    const auto certificate = make_certificate(spec, nullptr);
    const auto result = identity_of(*certificate.certificate);
    if (!result) return "refused";
    return result.value().value_or("none");
}

TEST(TlsCertificate, IdentityIsTheCommonNameThenTheFirstUsefulAlternativeName) {
    EXPECT_EQ(identity({.common_name = "meter-7", .alternative_names = "DNS:other"}), "meter-7");
    EXPECT_EQ(identity({.common_name = "Zähler"}), "Zähler");
    EXPECT_EQ(identity({.alternative_names = "IP:10.0.0.1,URI:urn:dev:7,DNS:other"}), "urn:dev:7");
    EXPECT_EQ(identity({.alternative_names = "email:a@b.c"}), "a@b.c");
    EXPECT_EQ(identity({.alternative_names = "IP:10.0.0.1"}), "none");
    EXPECT_EQ(identity({}), "none");
}

TEST(TlsCertificate, IdentityWithNulOrWithoutUtf8IsRefused) {
    const auto raw = [](std::string_view name, int type) {
        return identity({.common_name = std::string(name), .common_name_type = type});
    };
    EXPECT_EQ(raw("admin\0.evil"sv, V_ASN1_UTF8STRING), "refused");
    EXPECT_EQ(raw("admin\0.evil"sv, V_ASN1_PRINTABLESTRING), "refused");
    EXPECT_EQ(raw("a\xff", V_ASN1_UTF8STRING), "refused");
    EXPECT_EQ(raw("a\xc0\xafz", V_ASN1_UTF8STRING), "refused");     // overlong
    EXPECT_EQ(raw("a\xed\xa0\x80", V_ASN1_UTF8STRING), "refused");  // a surrogate
    EXPECT_EQ(raw("\xd8\x00"sv, V_ASN1_BMPSTRING), "refused");      // a surrogate alone
    EXPECT_EQ(raw("\0a\0b"sv, V_ASN1_BMPSTRING), "ab");
}

TEST(TlsCertificate, HostNamesAreTheDnsNamesOrElseTheCommonName) {
    const auto names = [](const CertificateSpec& spec) {
        return host_names(*make_certificate(spec, nullptr).certificate);
    };
    EXPECT_THAT(names({.common_name = "cn", .alternative_names = "DNS:A.Example.com,DNS:*.b.com"}),
                ElementsAre("a.example.com", "*.b.com"));
    EXPECT_THAT(names({.common_name = "Broker.example.com", .alternative_names = "IP:10.0.0.1"}),
                ElementsAre("broker.example.com"));
    EXPECT_THAT(names({}), IsEmpty());
}

TEST(TlsCertificate, DescribesForOperators) {
    const auto ca = make_certificate({.common_name = "Root", .is_authority = true}, nullptr);
    const auto leaf = make_certificate(
        {.common_name = "broker",
         .alternative_names = "DNS:a.example.com,IP:10.0.0.1,IP:fe80::1,URI:urn:x,email:a@b.c"},
        &ca);
    const CertificateInfo info = describe(*leaf.certificate, "etc/cert.pem");
    EXPECT_EQ(info.file, "etc/cert.pem");
    EXPECT_EQ(info.common_name, "broker");
    EXPECT_EQ(info.issuer_common_name, "Root");
    EXPECT_THAT(info.alternative_names,
                ElementsAre("DNS:a.example.com", "IP:10.0.0.1", "IP:fe80:0:0:0:0:0:0:1",
                            "URI:urn:x", "email:a@b.c"));
    EXPECT_EQ(info.not_after - info.not_before, std::chrono::hours(31 * 24));
    EXPECT_LT(info.not_before, std::chrono::system_clock::now());
}

TEST(TlsCertificate, TitlesCannotForgeLogLines) {
    const auto odd = make_certificate({.common_name = "a\nbxxx"}, nullptr);
    const std::string title = title_of(*odd.certificate);
    EXPECT_THAT(title, HasSubstr("CN=a?bxxx"));
    EXPECT_THAT(title, HasSubstr("serial "));
    EXPECT_LT(printable(std::string(500, 'x')).size(), 110U);
    EXPECT_EQ(printable("a\x7f\x01z"), "a??z");
}

TEST(TlsCertificate, WritesTimes) {
    ASN1_TIME* time = ASN1_TIME_new();
    ASSERT_EQ(ASN1_TIME_set_string(time, "20260102030405Z"), 1);
    EXPECT_EQ(text_of(*time), "2026-01-02 03:04:05 UTC");
    EXPECT_EQ(std::chrono::system_clock::to_time_t(time_of(*time)), 1767323045);
    ASN1_TIME_free(time);
}

}  // namespace
}  // namespace vmq::transport
