// What a TLS listener needs, made for a test: a folder with an authority and a certificate in it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "support/temporary_folder.h"
#include "support/tls/test_certificates.h"
#include "transport/tls_context.h"

namespace vmq::testing {

/// Without GoogleTest, so that benchmarks and fuzz targets can use it.
struct ListenerFiles {
    explicit ListenerFiles(
        const CertificateSpec& of_server = {.common_name = "broker",
                                            .alternative_names = "DNS:broker.example.com"})
        : server(make_certificate(of_server, &authority)) {
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
    /// The context of `options`, which must be good.
    [[nodiscard]] std::shared_ptr<const transport::TlsContext> load() const {
        auto loaded = transport::TlsContext::load(options, nullptr);
        VMQ_ASSERT(loaded);
        return std::move(loaded).value();
    }

    TemporaryFolder folder;
    TestCertificate authority =
        make_certificate({.common_name = "Test CA", .is_authority = true}, nullptr);
    TestCertificate server;
    std::string cafile;
    transport::TlsOptions options;
};

}  // namespace vmq::testing
