// A folder with an authority and a certificate for the listener, and contexts made from it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/temporary_folder.h"
#include "support/tls/test_certificates.h"
#include "support/tls/tls_pair.h"
#include "transport/tls_context.h"

namespace vmq::testing {

class TlsTest : public ::testing::Test {
protected:
    TlsTest() {
        options.certificate = write_pair("server", server);
        cafile = write("ca.pem", authority.pem());
    }

    std::string write(const std::string& name, std::string_view text) {
        return write_private(folder.path(), name, text);
    }
    transport::TlsKeyPairFiles write_pair(const std::string& name,
                                          const TestCertificate& certificate) {
        return {write(name + ".pem", certificate.pem()),
                write(name + ".key", certificate.key_pem()), ""};
    }

    /// The context of `options`; the test has failed if there is none.
    std::shared_ptr<const transport::TlsContext> context(
        const transport::TlsContext* previous = nullptr) {
        auto loaded = transport::TlsContext::load(options, previous);
        EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().detail);
        return loaded ? std::move(loaded).value() : nullptr;
    }
    /// Why `options` cannot be loaded; empty: they can.
    std::string load_error() {
        const auto loaded = transport::TlsContext::load(options, nullptr);
        return loaded ? "" : loaded.error().detail;
    }
    /// Asks clients for certificates of `authority`.
    void require_certificate() {
        options.cafile = cafile;
        options.require_certificate = true;
    }

    TemporaryFolder folder;
    TestCertificate authority =
        make_certificate({.common_name = "Test CA", .is_authority = true}, nullptr);
    TestCertificate server = make_certificate(
        {.common_name = "broker", .alternative_names = "DNS:broker.example.com"}, &authority);
    std::string cafile;
    transport::TlsOptions options;
};

}  // namespace vmq::testing
