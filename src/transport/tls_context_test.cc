#include "transport/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/tls/tls_fixture.h"

namespace vmq::transport {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using vmq::testing::make_certificate;
using vmq::testing::make_crl;
using vmq::testing::TestCertificate;
using vmq::testing::TlsClientOptions;
using vmq::testing::TlsPair;
using vmq::testing::TlsResumption;
using Key = vmq::testing::CertificateSpec::Key;
using Context = std::shared_ptr<const TlsContext>;

class TlsContextTest : public vmq::testing::TlsTest {
protected:
    // The common name of the certificate that a client asking for `host` is shown.
    static std::string shown_for(const Context& context, const std::string& host) {
        TlsPair pair(context, {.server_name = host});
        pair.run();
        EXPECT_TRUE(pair.open()) << pair.session.error();
        EXPECT_EQ(pair.session.server_name(), host);
        return pair.client.server_common_name();
    }
    TlsKeyPairFiles certificate_for(const std::string& name, const std::string& alternative_names,
                                    Key key = Key::Ec) {
        return write_pair(
            name, make_certificate(
                      {.common_name = name, .alternative_names = alternative_names, .key = key},
                      &authority));
    }
};

TEST_F(TlsContextTest, ChoosesTheCertificateByHostName) {
    options.more_certificates = {certificate_for("other", "DNS:other.example.com"),
                                 certificate_for("wild", "DNS:*.example.com"),
                                 certificate_for("common.example.org", "")};
    const Context loaded = context();
    EXPECT_EQ(shown_for(loaded, "other.example.com"), "other");
    EXPECT_EQ(shown_for(loaded, "OTHER.example.com"), "other");
    EXPECT_EQ(shown_for(loaded, "any.example.com"), "wild");
    EXPECT_EQ(shown_for(loaded, "broker.example.com"), "broker");
    EXPECT_EQ(shown_for(loaded, "common.example.org"), "common.example.org");
    EXPECT_EQ(shown_for(loaded, "deep.any.example.com"), "broker");
    EXPECT_EQ(shown_for(loaded, ""), "broker");
    ASSERT_EQ(loaded->certificates().size(), 4U);
    EXPECT_EQ(loaded->certificates()[1].common_name, "other");
}

TEST_F(TlsContextTest, ChecksClientsTheSameWayUnderEveryHostName) {
    options.more_certificates = {certificate_for("other", "DNS:other.example.com")};
    require_certificate();
    const Context loaded = context();
    const TestCertificate client = make_certificate({.common_name = "meter-7"}, &authority);
    for (const char* host : {"other.example.com", "broker.example.com"}) {
        TlsPair with(loaded, {.certificate = &client, .server_name = host});
        with.run();
        EXPECT_TRUE(with.open()) << with.session.error();
        TlsPair without(loaded, {.server_name = host});
        without.run();
        EXPECT_THAT(without.session.error(), HasSubstr("no certificate"));
    }
}

TEST_F(TlsContextTest, OneNameMayHaveTwoKindsOfKey) {
    options.more_certificates = {certificate_for("rsa", "DNS:broker.example.com", Key::Rsa)};
    const Context loaded = context();
    const auto kind_for = [&loaded](const std::string& ciphers) {
        TlsPair pair(loaded, {.version = TLS1_2_VERSION, .ciphers = ciphers});
        pair.run();
        EXPECT_TRUE(pair.open()) << pair.session.error();
        return pair.client.server_key_kind();
    };
    EXPECT_EQ(kind_for("ECDHE-ECDSA-AES128-GCM-SHA256"), EVP_PKEY_EC);
    EXPECT_EQ(kind_for("ECDHE-RSA-AES128-GCM-SHA256"), EVP_PKEY_RSA);
}

TEST_F(TlsContextTest, SuitesWithDheUseTheFileOrGroupsOfOpenSsl) {
    options.certificate = certificate_for("rsa", "", Key::Rsa);
    options.ciphers = "DHE-RSA-AES128-GCM-SHA256";
    options.tls_version = {"tlsv1.2"};
    const std::string made = write("dh.pem", vmq::testing::make_dh_parameters());
    for (const std::string& dhfile : {made, std::string()}) {
        options.dhfile = dhfile;
        TlsPair pair(context(), {.ciphers = options.ciphers});
        pair.run();
        EXPECT_TRUE(pair.open()) << pair.session.error();
    }
}

TEST_F(TlsContextTest, SendsTheChain) {
    const TestCertificate between =
        make_certificate({.common_name = "Between", .is_authority = true}, &authority);
    server = make_certificate({.common_name = "broker"}, &between);
    options.certificate = {write("chain.pem", server.pem() + between.pem()),
                           write("chain.key", server.key_pem())};
    TlsPair pair(context(), {.trusted = &authority});
    pair.run();
    EXPECT_TRUE(pair.open()) << pair.session.error();
}

TEST_F(TlsContextTest, SaysWhichOptionIsMissing) {
    options.require_certificate = true;
    EXPECT_THAT(load_error(), HasSubstr("cafile is not set: require_certificate"));
    options.require_certificate = false;
    options.use_identity_as_username = true;
    EXPECT_THAT(load_error(), HasSubstr("cafile is not set: use_identity_as_username"));
    options = {};
    EXPECT_THAT(load_error(), HasSubstr("certfile is not set"));
    options.psk_support = true;
    EXPECT_THAT(load_error(), HasSubstr("pskfile is not set"));
    options.pskfile = folder.path() + "/none";
    EXPECT_THAT(load_error(), HasSubstr("pskfile " + options.pskfile + ": No such file"));
}

TEST_F(TlsContextTest, RefusesWhatCannotWork) {
    options.ciphers = "TLS_AES_128_GCM_SHA256";
    options.tls_version = {"tlsv1.2"};
    EXPECT_THAT(load_error(), HasSubstr("suites of TLS 1.3 only"));
    options.tls_version = {"tlsv1.2", "tlsv1.3"};
    EXPECT_THAT(context()->notices(), Contains(HasSubstr("older clients are refused")));
    options.ciphers = "DES-CBC3-SHA";
    EXPECT_THAT(load_error(), HasSubstr("names no suite"));
    options.ciphers = "";
    options.tls_version = {"tlsv1.4"};
    EXPECT_THAT(load_error(), HasSubstr("tls_version: 'tlsv1.4'"));
    options.tls_version = {"tlsv1.2"};
    options.certificate =
        write_pair("weak", make_certificate({.key = Key::Rsa, .rsa_bits = 1024}, nullptr));
    EXPECT_THAT(load_error(), HasSubstr("OpenSSL refuses the certificate"));
}

TEST_F(TlsContextTest, NoticesWhatHasNoEffect) {
    options.crlfile = "unused";
    EXPECT_THAT(context()->notices(), Contains(HasSubstr("crlfile has no effect")));
    options.crlfile = "";
    EXPECT_THAT(context()->notices(), IsEmpty());
}

TEST_F(TlsContextTest, SeesItsFilesChange) {
    require_certificate();
    options.crlfile = write("crl.pem", make_crl(authority, {}));
    const Context loaded = context();
    EXPECT_EQ(loaded->files().size(), 4U);
    EXPECT_FALSE(loaded->files_changed());
    EXPECT_FALSE(loaded->ticket_key_due());
    write("crl.pem", make_crl(authority, {&server}));
    EXPECT_TRUE(loaded->files_changed());
    EXPECT_FALSE(context(loaded.get())->files_changed());
}

class TlsResumptionTest : public TlsContextTest, public ::testing::WithParamInterface<int> {
protected:
    TlsResumptionTest() {
        require_certificate();
        options.crlfile = write("crl.pem", make_crl(authority, {}));
    }

    // A full handshake; the session to resume.
    TlsResumption connect(const Context& context) {
        TlsPair pair(context, {.certificate = &client, .version = GetParam()});
        pair.run();
        EXPECT_TRUE(pair.open()) << pair.session.error();
        EXPECT_FALSE(pair.session.resumed());
        TlsResumption resumption = pair.client.take_resumption();
        EXPECT_NE(resumption, nullptr);
        return resumption;
    }
    bool resumes(const Context& context, const TlsResumption& resumption) {
        TlsPair pair(context,
                     {.certificate = &client, .version = GetParam(), .resume = resumption.get()});
        pair.run();
        pair.client.send("hello");
        pair.run();
        EXPECT_EQ(pair.plain, "hello");
        EXPECT_EQ(pair.session.resumed(), pair.client.resumed());
        EXPECT_FALSE(pair.session.peer_certificate().empty());
        return pair.session.resumed();
    }

    TestCertificate client = make_certificate({.common_name = "meter-7"}, &authority);
};

TEST_P(TlsResumptionTest, TicketsResumeAndKeepTheIdentity) {
    options.use_identity_as_username = true;
    const Context loaded = context();
    const TlsResumption first = connect(loaded);
    TlsPair pair(loaded, {.version = GetParam(), .resume = first.get()});
    pair.run();
    ASSERT_TRUE(pair.open()) << pair.session.error();
    EXPECT_TRUE(pair.session.resumed());
    EXPECT_EQ(pair.session.identity(), "meter-7");
}

TEST_P(TlsResumptionTest, TicketsOutliveAReloadThatChangesTheCertificateOnly) {
    const Context before = context();
    const TlsResumption resumption = connect(before);
    options.certificate = certificate_for("renewed", "DNS:broker.example.com");
    EXPECT_TRUE(resumes(context(before.get()), resumption));
    EXPECT_FALSE(resumes(context(), resumption));
}

TEST_P(TlsResumptionTest, TicketsDoNotOutliveAChangeOfTheRevocationList) {
    const Context before = context();
    const TlsResumption resumption = connect(before);
    write("crl.pem", make_crl(authority, {&server}));
    const Context after = context(before.get());
    EXPECT_FALSE(resumes(after, resumption));

    write("crl.pem", make_crl(authority, {&client}));
    TlsPair pair(context(after.get()),
                 {.certificate = &client, .version = GetParam(), .resume = resumption.get()});
    pair.run();
    EXPECT_THAT(pair.session.error(), HasSubstr("is revoked"));
}

TEST_P(TlsResumptionTest, TicketsDoNotOutliveAChangeOfWhoMayConnect) {
    const Context before = context();
    const TlsResumption resumption = connect(before);
    const TlsOptions same = options;
    options.depth = 3;
    EXPECT_FALSE(resumes(context(before.get()), resumption));
    options = same;
    options.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
    EXPECT_FALSE(resumes(context(before.get()), resumption));
    options = same;
    write("ca.pem", authority.pem() + server.pem());
    EXPECT_FALSE(resumes(context(before.get()), resumption));
}

TEST_P(TlsResumptionTest, ATicketIsGoodForItsListenerOnly) {
    options.require_certificate = false;
    options.cafile = "";
    options.crlfile = "";
    const Context open = context();
    TlsPair pair(open, {.version = GetParam()});
    pair.run();
    const TlsResumption resumption = pair.client.take_resumption();
    require_certificate();
    TlsPair other(context(), {.version = GetParam(), .resume = resumption.get()});
    other.run();
    EXPECT_THAT(other.session.error(), HasSubstr("no certificate"));
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsResumptionTest,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

class TlsPskSessionTest : public TlsContextTest, public ::testing::WithParamInterface<int> {
protected:
    TlsPskSessionTest() {
        options.psk_support = true;
        options.psk_identity_hint = "VMQ_PSK";
        options.pskfile = write("vmq.psk", "meter:swordfish\n");
    }
    TlsClientOptions client(const std::string& identity, const std::string& key) const {
        return {.version = GetParam(), .psk_identity = identity, .psk_key = key};
    }
    std::string error_with(const std::string& identity, const std::string& key) {
        TlsPair pair(context(), client(identity, key));
        pair.run();
        return pair.session.error();
    }
};

TEST_P(TlsPskSessionTest, WorksWithoutACertificate) {
    options.certificate = {};
    TlsPair pair(context(), client("meter", "swordfish"));
    pair.run();
    ASSERT_TRUE(pair.open()) << pair.session.error();
    EXPECT_EQ(pair.session.psk_identity(), "meter");
    pair.client.send("hello");
    pair.run();
    EXPECT_EQ(pair.plain, "hello");
    TlsPair without(context(), {.version = GetParam()});
    without.run();
    EXPECT_THAT(without.session.error(), HasSubstr("no shared "));
}

TEST_P(TlsPskSessionTest, WorksBesideCertificates) {
    const Context loaded = context();
    TlsClientOptions keyed = client("meter", "swordfish");
    keyed.ciphers = "PSK-AES128-GCM-SHA256";
    TlsPair with_key(loaded, keyed);
    with_key.run();
    ASSERT_TRUE(with_key.open()) << with_key.session.error();
    EXPECT_EQ(with_key.session.psk_identity(), "meter");
    EXPECT_EQ(with_key.client.server_common_name(), "");
    TlsPair with_certificate(loaded, {.trusted = &authority, .version = GetParam()});
    with_certificate.run();
    EXPECT_TRUE(with_certificate.open()) << with_certificate.session.error();
    EXPECT_EQ(with_certificate.session.psk_identity(), "");
}

TEST_P(TlsPskSessionTest, SaysWhatIsWrongAndNeverTheKey) {
    options.certificate = {};
    EXPECT_THAT(error_with("stranger", "swordfish"),
                HasSubstr("identity stranger is not in pskfile"));
    const std::string error = error_with("meter", "marlin");
    EXPECT_THAT(error, HasSubstr("pre-shared key is wrong (identity meter)"));
    EXPECT_THAT(error, ::testing::Not(HasSubstr("swordfish")));
}

TEST_P(TlsPskSessionTest, TicketsDoNotOutliveAChangeOfTheKeys) {
    options.certificate = {};
    const Context before = context();
    TlsPair first(before, client("meter", "swordfish"));
    first.run();
    const TlsResumption resumption = first.client.take_resumption();
    ASSERT_NE(resumption, nullptr);
    const auto resumes = [&](const Context& context) {
        TlsClientOptions resuming = client("meter", "swordfish");
        resuming.resume = resumption.get();
        TlsPair pair(context, resuming);
        pair.run();
        return pair.open() && pair.session.resumed();
    };
    EXPECT_TRUE(resumes(context(before.get())));
    write("vmq.psk", "other:swordfish\n");
    EXPECT_FALSE(resumes(context(before.get())));
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsPskSessionTest,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

}  // namespace
}  // namespace vmq::transport
