#include "transport/tls_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "support/tls/tls_fixture.h"

namespace vmq::transport {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using vmq::testing::make_certificate;
using vmq::testing::make_crl;
using vmq::testing::TestCertificate;

class TlsCredentialsTest : public vmq::testing::TlsTest {
protected:
    std::string pair_error(const TlsKeyPairFiles& files) {
        const auto pair = load_key_pair(files, notes);
        return pair ? "" : pair.error().detail;
    }
    Result<std::vector<CrlPtr>> load_lists(const std::string& text) {
        auto authorities = load_authorities(cafile, notes);
        EXPECT_TRUE(authorities);
        return load_revocations(write("crl.pem", text), authorities.value(), notes);
    }

    TlsLoadNotes notes;
};

TEST_F(TlsCredentialsTest, DescribesAFileWithoutItsKey) {
    const auto file = write("only.pem", server.pem() + authority.pem());
    const auto info = describe_certificate_file(file);
    ASSERT_TRUE(info) << info.error().detail;
    EXPECT_EQ(info.value().file, file);
    EXPECT_EQ(info.value().common_name, describe(*server.certificate, file).common_name);
    EXPECT_FALSE(describe_certificate_file("/nowhere/x.pem"));
}

TEST_F(TlsCredentialsTest, LoadsACertificateItsChainAndItsKey) {
    const TlsKeyPairFiles files{write("chain.pem", server.pem() + authority.pem()),
                                write("k", server.key_pem())};
    const auto pair = load_key_pair(files, notes);
    ASSERT_TRUE(pair) << pair.error().detail;
    EXPECT_EQ(pair.value().info.common_name, "broker");
    EXPECT_EQ(pair.value().chain.size(), 1U);
    EXPECT_EQ(notes.files.size(), 2U);
    EXPECT_THAT(notes.notices, IsEmpty());
}

TEST_F(TlsCredentialsTest, TheKeyMayBeInTheCertificatesFile) {
    EXPECT_EQ(pair_error({write("both.pem", server.key_pem() + server.pem())}), "");
    EXPECT_THAT(pair_error({write("only.pem", server.pem())}),
                AllOf(HasSubstr("no private key"), HasSubstr("set keyfile")));
}

TEST_F(TlsCredentialsTest, OpensAnEncryptedKeyAndSaysWhyNot) {
    const std::string certfile = write("c.pem", server.pem());
    const std::string keyfile = write("k.pem", server.key_pem("swordfish"));
    EXPECT_EQ(pair_error({certfile, keyfile, "swordfish"}), "");
    EXPECT_THAT(pair_error({certfile, keyfile, "marlin"}),
                AllOf(HasSubstr("keyfile " + keyfile), HasSubstr("does not open the key"),
                      Not(HasSubstr("marlin"))));
    EXPECT_THAT(pair_error({certfile, keyfile, ""}), HasSubstr("the key is encrypted"));
}

TEST_F(TlsCredentialsTest, SaysWhatIsWrongWithFiles) {
    const std::string key = write("key", server.key_pem());
    EXPECT_THAT(pair_error({folder.path() + "/none", key}), HasSubstr("No such file"));
    EXPECT_THAT(pair_error({write("empty", ""), key}), HasSubstr("has no certificate"));
    EXPECT_THAT(pair_error({key, key}), HasSubstr("has no certificate"));
    const std::string pem = server.pem();
    EXPECT_THAT(pair_error({write("cut", pem.substr(0, pem.size() / 2)), key}),
                HasSubstr("number 1 in it is damaged"));
    EXPECT_THAT(pair_error({options.certificate.certfile, write("badkey",
                                                                "-----BEGIN PRIVATE "
                                                                "KEY-----\nAAAA\n-----"
                                                                "END PRIVATE KEY-----\n")}),
                HasSubstr("the private key in it is damaged"));
    EXPECT_THAT(pair_error({options.certificate.certfile, write("other", authority.key_pem())}),
                HasSubstr("does not belong to the first certificate"));
}

TEST_F(TlsCredentialsTest, NotesExpiryAndReadableKeys) {
    const TestCertificate old =
        make_certificate({.common_name = "old", .begins_in_days = -9, .ends_in_days = -2}, nullptr);
    const TestCertificate young =
        make_certificate({.common_name = "young", .begins_in_days = 2}, nullptr);
    EXPECT_EQ(pair_error(write_pair("old", old)), "");
    EXPECT_THAT(notes.notices, Contains(AllOf(HasSubstr("CN=old"), HasSubstr("expired on"))));
    const TlsKeyPairFiles files = write_pair("young", young);
    ASSERT_EQ(::chmod(files.keyfile.c_str(), 0644), 0);
    EXPECT_EQ(pair_error(files), "");
    EXPECT_THAT(notes.notices, Contains(HasSubstr("is not valid before")));
    EXPECT_THAT(notes.notices, Contains(HasSubstr("can read the private key")));
}

TEST_F(TlsCredentialsTest, LoadsRevocationLists) {
    const auto lists = load_lists(make_crl(authority, {&server}));
    ASSERT_TRUE(lists) << lists.error().detail;
    EXPECT_EQ(lists.value().size(), 1U);
    EXPECT_THAT(notes.notices, IsEmpty());
}

TEST_F(TlsCredentialsTest, RefusesDamagedAndForgedRevocationLists) {
    EXPECT_THAT(load_lists(authority.pem()).error().detail, HasSubstr("has no revocation list"));
    std::string damaged = make_crl(authority, {});
    damaged.erase(damaged.size() / 2, 8);
    EXPECT_THAT(load_lists(damaged).error().detail, HasSubstr("damaged"));
    const TestCertificate impostor =
        make_certificate({.common_name = "Test CA", .is_authority = true}, nullptr);
    EXPECT_THAT(load_lists(make_crl(impostor, {})).error().detail,
                HasSubstr("is not signed by that authority's key"));
}

TEST_F(TlsCredentialsTest, NotesExpiredAndMissingRevocationLists) {
    ASSERT_TRUE(load_lists(make_crl(authority, {}, -9, -2)));
    EXPECT_THAT(notes.notices, Contains(HasSubstr("the list of CN=Test CA expired on")));
    const TestCertificate other =
        make_certificate({.common_name = "Other", .is_authority = true}, nullptr);
    ASSERT_TRUE(load_lists(make_crl(other, {})));
    EXPECT_THAT(notes.notices, Contains(HasSubstr("has no list of CN=Test CA")));
}

TEST_F(TlsCredentialsTest, RefusesWhatIsNoDhParameters) {
    const auto parameters = load_dh_parameters(write("dh.pem", server.pem()), notes);
    ASSERT_FALSE(parameters);
    EXPECT_THAT(parameters.error().detail, HasSubstr("openssl dhparam"));
}

}  // namespace
}  // namespace vmq::transport
