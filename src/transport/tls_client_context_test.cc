#include "transport/tls_client_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "support/tls/tls_fixture.h"
#include "transport/tls_session.h"

namespace vmq::transport {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using vmq::testing::make_certificate;
using vmq::testing::make_crl;
using vmq::testing::take_all;
using vmq::testing::TestCertificate;
using Status = TlsSession::Status;

/// A server and a client, both ours, tied together.
struct TwoSessions {
    TwoSessions(std::shared_ptr<const TlsContext> of_server,
                std::shared_ptr<const TlsClientContext> of_client, const std::string& host)
        : server(std::move(of_server)), client(std::move(of_client), host, from_client) {}

    void run(std::size_t most = std::string::npos) {
        while (true) {
            const std::string to_server = take_all(from_client);
            for (std::size_t at = 0; at < to_server.size(); at += std::min(most, to_server.size()))
                (void)server.receive(std::string_view(to_server).substr(at, most), at_server,
                                     from_server);
            const std::string to_client = take_all(from_server);
            for (std::size_t at = 0; at < to_client.size(); at += std::min(most, to_client.size()))
                (void)client.receive(std::string_view(to_client).substr(at, most), at_client,
                                     from_client);
            if (to_server.empty() && to_client.empty()) return;
        }
    }

    OutputBuffer from_client;
    OutputBuffer from_server;
    TlsSession server;
    TlsSession client;
    std::string at_server;
    std::string at_client;
};

class TlsClientContextTest : public vmq::testing::TlsTest {
protected:
    TlsClientContextTest() { client_options.cafile = cafile; }

    std::shared_ptr<const TlsClientContext> client_context() {
        auto loaded = TlsClientContext::load(client_options);
        EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().detail);
        return loaded ? std::move(loaded).value() : nullptr;
    }
    std::string client_load_error() {
        const auto loaded = TlsClientContext::load(client_options);
        return loaded ? "" : loaded.error().detail;
    }
    void serve_with(const TestCertificate& certificate) {
        options.certificate = write_pair("other", certificate);
    }
    /// Why the client does not open; "": it does.
    std::string client_error(const std::string& host) {
        TwoSessions two(context(), client_context(), host);
        two.run();
        EXPECT_NE(two.client.status(), Status::Handshaking);
        return two.client.error();
    }

    TlsClientOptions client_options;
};

TEST_F(TlsClientContextTest, BytesGoBothWays) {
    for (const std::string version : {"tlsv1.2", "tlsv1.3"}) {
        client_options.tls_version = {version};
        TwoSessions two(context(), client_context(), "broker.example.com");
        two.run(1);
        ASSERT_EQ(two.client.status(), Status::Open) << two.client.error();
        ASSERT_EQ(two.server.status(), Status::Open) << two.server.error();
        EXPECT_EQ(two.client.protocol(), version == "tlsv1.3" ? "TLSv1.3" : "TLSv1.2");
        EXPECT_EQ(two.server.server_name(), "broker.example.com");
        OutputBuffer question;
        question.bytes() = std::string(100'000, 'q');
        OutputBuffer answer;
        answer.bytes() = "answer";
        ASSERT_TRUE(two.client.send(question, two.from_client));
        ASSERT_TRUE(two.server.send(answer, two.from_server));
        two.run(7001);
        EXPECT_EQ(two.at_server, std::string(100'000, 'q'));
        EXPECT_EQ(two.at_client, "answer");
        two.client.close(two.from_client);
        two.run();
        EXPECT_EQ(two.server.status(), Status::PeerClosed);
    }
}

TEST_F(TlsClientContextTest, OnlyTheTwoEndsOfOneConnectionShareAChannelBinding) {
    for (const std::string version : {"tlsv1.2", "tlsv1.3"}) {
        client_options.tls_version = {version};
        TwoSessions one(context(), client_context(), "broker.example.com");
        TwoSessions other(context(), client_context(), "broker.example.com");
        one.run();
        other.run();
        EXPECT_EQ(one.client.channel_binding().size(), 32U);
        EXPECT_EQ(one.client.channel_binding(), one.server.channel_binding());
        EXPECT_NE(one.client.channel_binding(), other.client.channel_binding());
    }
}

TEST_F(TlsClientContextTest, TheCertificateHasToNameTheHost) {
    EXPECT_EQ(client_error("broker.example.com"), "");
    EXPECT_THAT(client_error("other.example.com"),
                AllOf(HasSubstr("the server's certificate (CN=broker, serial "),
                      HasSubstr("does not name other.example.com: it needs that among its "
                                "alternative names")));
    EXPECT_THAT(client_error("127.0.0.1"), HasSubstr("does not name 127.0.0.1"));
}

TEST_F(TlsClientContextTest, AnAddressIsANameToo) {
    serve_with(make_certificate({.common_name = "node", .alternative_names = "IP:127.0.0.1,IP:::1"},
                                &authority));
    EXPECT_EQ(client_error("127.0.0.1"), "");
    EXPECT_EQ(client_error("::1"), "");
    EXPECT_THAT(client_error("127.0.0.2"), HasSubstr("does not name 127.0.0.2"));
}

TEST_F(TlsClientContextTest, AServerThatNobodyVouchesForIsRefusedAndHearsOfIt) {
    serve_with(make_certificate(
        {.common_name = "self", .alternative_names = "DNS:broker.example.com"}, nullptr));
    TwoSessions two(context(), client_context(), "broker.example.com");
    two.run();
    EXPECT_EQ(two.client.status(), Status::Failed);
    EXPECT_THAT(two.client.error(), HasSubstr("is self-signed, not issued by an authority"));
    EXPECT_THAT(two.server.error(), HasSubstr("the client does not trust"));
}

TEST_F(TlsClientContextTest, AnExpiredServerIsRefused) {
    serve_with(make_certificate({.common_name = "old",
                                 .alternative_names = "DNS:broker.example.com",
                                 .begins_in_days = -9,
                                 .ends_in_days = -2},
                                &authority));
    EXPECT_THAT(client_error("broker.example.com"), HasSubstr("expired on 20"));
}

TEST_F(TlsClientContextTest, ARevokedServerIsRefused) {
    client_options.crlfile = write("crl.pem", make_crl(authority, {}));
    EXPECT_EQ(client_error("broker.example.com"), "");
    client_options.crlfile = write("crl.pem", make_crl(authority, {&server}));
    EXPECT_THAT(client_error("broker.example.com"), HasSubstr("is revoked"));
}

TEST_F(TlsClientContextTest, ShowsItsCertificateToAServerThatAsks) {
    require_certificate();
    for (const std::string version : {"tlsv1.2", "tlsv1.3"}) {
        client_options.tls_version = {version};
        client_options.certificate = {};
        // A client of TLS 1.3 is open before the server has seen its certificate.
        EXPECT_THAT(client_error("broker.example.com"), HasSubstr("asks for a certificate"));
        client_options.certificate =
            write_pair("client", make_certificate({.common_name = "node"}, &authority));
        TwoSessions two(context(), client_context(), "broker.example.com");
        two.run();
        EXPECT_EQ(two.client.status(), Status::Open) << two.client.error();
        EXPECT_EQ(two.server.status(), Status::Open) << two.server.error();
        EXPECT_FALSE(two.server.peer_certificate().empty());
    }
}

TEST_F(TlsClientContextTest, WithoutAVersionInCommonBothSaySo) {
    options.tls_version = {"tlsv1.2"};
    client_options.tls_version = {"tlsv1.3"};
    TwoSessions two(context(), client_context(), "broker.example.com");
    two.run();
    EXPECT_THAT(two.client.error(), HasSubstr("no version or suite in common"));
    EXPECT_EQ(two.server.status(), Status::Failed);
}

TEST_F(TlsClientContextTest, AServerWithoutTlsIsNamedAsSuch) {
    OutputBuffer out;
    TlsSession client(client_context(), "broker.example.com", out);
    std::string plain;
    EXPECT_EQ(client.receive("HTTP/1.1 400 Bad Request\r\n", plain, out), Status::Failed);
    EXPECT_THAT(client.error(), HasSubstr("not TLS: what the server sent is no record of it"));
}

TEST_F(TlsClientContextTest, WhatCannotBeLoadedIsNamed) {
    client_options.cafile = "";
    EXPECT_THAT(client_load_error(), HasSubstr("cafile is not set"));
    client_options.cafile = folder.path() + "/none.pem";
    EXPECT_THAT(client_load_error(), HasSubstr("none.pem"));
    client_options.cafile = cafile;
    client_options.tls_version = {"tlsv1.1"};
    EXPECT_THAT(client_load_error(), HasSubstr("neither TLS 1.2 nor 1.3"));
    client_options.tls_version = {"tlsv1.3"};
    client_options.ciphers = "NONSENSE";
    EXPECT_NE(client_load_error(), "");
    client_options.ciphers = "";
    client_options.certificate.certfile = cafile;
    EXPECT_NE(client_load_error(), "") << "no key";
}

TEST_F(TlsClientContextTest, NoticesThatAFileHasChanged) {
    const auto loaded = client_context();
    EXPECT_FALSE(loaded->files_changed());
    write("ca.pem", authority.pem() + "\n");
    EXPECT_TRUE(loaded->files_changed());
}

}  // namespace
}  // namespace vmq::transport
