#include "transport/tls_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmq::transport {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(TlsOptionsFromConfig, TakesWhatTheListenerSays) {
    config::ListenerSettings listener;
    listener.tls.certfile = "cert.pem";
    listener.tls.keyfile = "key.pem";
    listener.tls.keypasswd = "secret";
    listener.tls.tls_versions = {"tlsv1.3"};
    listener.tls.require_certificate = true;
    listener.tls.cafile = "ca.pem";
    std::vector<std::string> warnings;
    const TlsOptions options = tls_options_from(listener, warnings);
    EXPECT_EQ(options.certificate.certfile, "cert.pem");
    EXPECT_EQ(options.certificate.keyfile, "key.pem");
    EXPECT_EQ(options.certificate.keypasswd, "secret");
    EXPECT_THAT(options.tls_version, ElementsAre("tlsv1.3"));
    EXPECT_TRUE(options.require_certificate);
    EXPECT_EQ(options.cafile, "ca.pem");
    EXPECT_THAT(warnings, IsEmpty());
}

TEST(TlsOptionsFromConfig, FurtherCertificatesNeedTheirKeys) {
    config::ListenerSettings listener;
    listener.kind = config::ListenerKind::Https;
    listener.name = "x";
    listener.tls.more_certfiles = {"a.pem", "b.pem"};
    listener.tls.more_keyfiles = {"a.key"};
    std::vector<std::string> warnings;
    const TlsOptions options = tls_options_from(listener, warnings);
    ASSERT_EQ(options.more_certificates.size(), 2U);
    EXPECT_EQ(options.more_certificates[0].keyfile, "a.key");
    EXPECT_EQ(options.more_certificates[1].keyfile, "");
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("listener.https.x: more_certfiles")));
}

}  // namespace
}  // namespace vmq::transport
