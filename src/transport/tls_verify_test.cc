#include "transport/tls_verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/tls/tls_fixture.h"

namespace vmq::transport {
namespace {

using namespace std::literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using vmq::testing::make_certificate;
using vmq::testing::make_crl;
using vmq::testing::TestCertificate;
using vmq::testing::TlsClientOptions;
using vmq::testing::TlsPair;
using Status = TlsSession::Status;

class TlsVerifyTest : public vmq::testing::TlsTest, public ::testing::WithParamInterface<int> {
protected:
    TlsVerifyTest() { require_certificate(); }

    // The error of a session with this client; "" if it opens.
    std::string error_with(TlsClientOptions client_options) {
        client_options.version = GetParam();
        TlsPair pair(context(), client_options);
        pair.run();
        EXPECT_NE(pair.session.status(), Status::Handshaking);
        if (pair.session.status() == Status::Failed) {
            EXPECT_FALSE(pair.session.error().empty());
            EXPECT_TRUE(pair.client.failed());  // an alert reached it
        }
        return pair.session.error();
    }
    std::string error_with(const TestCertificate& certificate) {
        return error_with({.certificate = &certificate});
    }
    void revoke(const std::string& lists) { options.crlfile = write("crl.pem", lists); }

    TestCertificate client = make_certificate({.common_name = "meter-7"}, &authority);
    TestCertificate between =
        make_certificate({.common_name = "Between", .is_authority = true}, &authority);
    TestCertificate below = make_certificate({.common_name = "meter-8"}, &between);
};

TEST_P(TlsVerifyTest, GoodIsGoodAndNoneIsNone) {
    EXPECT_EQ(error_with(client), "");
    EXPECT_THAT(error_with(TlsClientOptions{}), HasSubstr("the client sent no certificate"));
}

TEST_P(TlsVerifyTest, BadOnesAreNamedWithTheReason) {
    EXPECT_THAT(error_with(make_certificate({.common_name = "self"}, nullptr)),
                AllOf(HasSubstr("CN=self, serial "), HasSubstr("is self-signed")));
    EXPECT_THAT(error_with(make_certificate(
                    {.common_name = "old", .begins_in_days = -9, .ends_in_days = -2}, &authority)),
                AllOf(HasSubstr("CN=old"), HasSubstr("expired on 20")));
    EXPECT_THAT(
        error_with(make_certificate({.common_name = "new", .begins_in_days = 2}, &authority)),
        HasSubstr("is not valid before 20"));
    const TestCertificate stranger =
        make_certificate({.common_name = "Stranger", .is_authority = true}, nullptr);
    EXPECT_THAT(error_with(make_certificate({.common_name = "x"}, &stranger)),
                AllOf(HasSubstr("unknown authority"), HasSubstr("CN=Stranger")));
    const TestCertificate impostor =
        make_certificate({.common_name = "Test CA", .is_authority = true}, nullptr);
    EXPECT_THAT(error_with(make_certificate({.common_name = "x"}, &impostor)),
                HasSubstr("is not signed by the key of CN=Test CA"));
}

TEST_P(TlsVerifyTest, DepthCountsTheAuthoritiesInBetween) {
    const TlsClientOptions chain{.certificate = &below, .intermediate = &between};
    EXPECT_EQ(error_with(chain), "");
    options.depth = 0;
    EXPECT_THAT(error_with(chain), HasSubstr("more authorities above it than depth allows"));
    EXPECT_EQ(error_with(client), "");
}

TEST_P(TlsVerifyTest, RevokedIsRefusedAndOthersAreNot) {
    const TestCertificate other = make_certificate({.common_name = "meter-9"}, &authority);
    revoke(make_crl(authority, {&client}));
    EXPECT_THAT(error_with(client),
                AllOf(HasSubstr("(CN=meter-7, serial "), HasSubstr("is revoked")));
    EXPECT_EQ(error_with(other), "");
}

TEST_P(TlsVerifyTest, AnExpiredOrEarlyListRefusesAll) {
    revoke(make_crl(authority, {}, -9, -2));
    EXPECT_THAT(error_with(client), HasSubstr("the revocation list of CN=Test CA expired on 20"));
    revoke(make_crl(authority, {}, 2, 9));
    EXPECT_THAT(error_with(client), HasSubstr("is not valid yet"));
}

TEST_P(TlsVerifyTest, TheLeafNeedsAListOfItsIssuerTheRestOnlyWhenThereIsOne) {
    const TlsClientOptions chain{.certificate = &below, .intermediate = &between};
    revoke(make_crl(authority, {}));
    EXPECT_THAT(error_with(chain), HasSubstr("crlfile has no list of CN=Between"));
    revoke(make_crl(between, {}));
    EXPECT_EQ(error_with(chain), "");
    EXPECT_THAT(error_with(client), HasSubstr("crlfile has no list of CN=Test CA"));
    revoke(make_crl(between, {}) + make_crl(authority, {&between}));
    EXPECT_THAT(error_with(chain),
                AllOf(HasSubstr("a certificate of the client's chain (CN=Between"),
                      HasSubstr("is revoked")));
}

TEST_P(TlsVerifyTest, AListSignedBySomebodyElseCountsForNothing) {
    const TestCertificate impostor =
        make_certificate({.common_name = "Between", .is_authority = true}, nullptr);
    revoke(make_crl(impostor, {}));
    EXPECT_THAT(error_with({.certificate = &below, .intermediate = &between}),
                HasSubstr("is not signed by its key"));
}

TEST_P(TlsVerifyTest, IdentityComesFromTheCertificateIfThereIsOne) {
    options.require_certificate = false;
    options.use_identity_as_username = true;
    const auto shown = context();
    TlsPair with(shown, {.certificate = &client, .version = GetParam()});
    with.run();
    ASSERT_TRUE(with.open()) << with.session.error();
    EXPECT_EQ(with.session.identity(), "meter-7");
    EXPECT_FALSE(with.session.peer_certificate().empty());
    TlsPair without(shown, {.version = GetParam()});
    without.run();
    ASSERT_TRUE(without.open()) << without.session.error();
    EXPECT_EQ(without.session.identity(), std::nullopt);
    EXPECT_TRUE(without.session.peer_certificate().empty());
    EXPECT_THAT(error_with(make_certificate({.common_name = "self"}, nullptr)),
                HasSubstr("is self-signed"));
}

TEST_P(TlsVerifyTest, IdentityIsKnownEvenIfTheClientEndsAllInOneGo) {
    options.use_identity_as_username = true;
    const auto shown = context();
    for (const bool closes : {true, false}) {
        TlsPair pair(shown, {.certificate = &client, .version = GetParam()});
        pair.give(pair.client.output());
        pair.client.receive(vmq::testing::take_all(pair.out));
        std::string wire = pair.client.output();
        EXPECT_FALSE(pair.session.handshake_done());
        if (!pair.client.open()) {  // TLS 1.2: the server has the last word
            pair.give(wire);
            pair.client.receive(vmq::testing::take_all(pair.out));
            wire.clear();
        }
        pair.client.send("CONNECT");
        if (closes) pair.client.close();
        wire += pair.client.output();
        pair.give(closes ? wire : wire + std::string("\x17\x03\x03\0\1x", 6));
        EXPECT_EQ(pair.status, closes ? Status::PeerClosed : Status::Failed);
        EXPECT_EQ(pair.plain, "CONNECT");
        EXPECT_TRUE(pair.session.handshake_done());
        EXPECT_EQ(pair.session.identity(), "meter-7");
    }
}

TEST_P(TlsVerifyTest, IdentityIsNotTakenUnlessAskedFor) {
    TlsPair pair(context(), {.certificate = &client, .version = GetParam()});
    pair.run();
    ASSERT_TRUE(pair.open()) << pair.session.error();
    EXPECT_EQ(pair.session.identity(), std::nullopt);
}

TEST_P(TlsVerifyTest, ANameThatIsMadeToDeceiveIsRefusedWhereItWouldBeTheUsername) {
    const TestCertificate odd = make_certificate(
        {.common_name = "admin\0x"s, .common_name_type = V_ASN1_UTF8STRING}, &authority);
    EXPECT_EQ(error_with(odd), "");
    options.use_identity_as_username = true;
    EXPECT_THAT(error_with(odd), HasSubstr("cannot give a username"));
}

TEST_P(TlsVerifyTest, ClientsAreNotAskedByDefault) {
    options.require_certificate = false;
    EXPECT_EQ(error_with(make_certificate({.common_name = "self"}, nullptr)), "");
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsVerifyTest,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

}  // namespace
}  // namespace vmq::transport
