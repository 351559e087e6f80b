// A TLS client without sockets, built on OpenSSL alone: the other end of a TlsSession in tests.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "support/tls/test_certificates.h"

namespace vmq::testing {

using TlsResumption = std::unique_ptr<SSL_SESSION, transport::ReleaseWith<&SSL_SESSION_free>>;

struct TlsClientOptions {
    const TestCertificate* trusted = nullptr;  // null: the server's certificate is not checked
    const TestCertificate* certificate = nullptr;
    const TestCertificate* intermediate = nullptr;  // sent along with `certificate`
    int version = 0;                                // the only one; 0: any
    std::string ciphers{};                          // up to TLS 1.2
    std::string tls13_ciphers{};
    std::string groups{};
    std::string server_name{};
    std::string psk_identity{};
    std::string psk_key{};
    SSL_SESSION* resume = nullptr;
};

/// Used by one test, on its thread.
class TlsClient final {
public:
    explicit TlsClient(const TlsClientOptions& options);
    ~TlsClient();
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;

    /// What it wants to have written to the server; the first call gives its hello.
    [[nodiscard]] std::string output();
    /// Takes bytes of the server; what they say goes to plain().
    void receive(std::string_view wire);
    /// Requires open(). What goes to the wire is in output().
    void send(std::string_view text);
    void close();
    void update_key();

    [[nodiscard]] std::string& plain() noexcept { return plain_; }
    [[nodiscard]] bool open() const;
    [[nodiscard]] bool peer_closed() const noexcept { return peer_closed_; }
    [[nodiscard]] bool failed() const noexcept { return !error_.empty(); }
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    [[nodiscard]] bool resumed() const;
    [[nodiscard]] std::string server_common_name() const;
    [[nodiscard]] int server_key_kind() const;
    /// The newest session the server offered to resume; gives it away.
    [[nodiscard]] TlsResumption take_resumption() { return std::move(resumption_); }

private:
    static int keep_session(SSL* ssl, SSL_SESSION* session);
    static unsigned int give_psk(SSL* ssl, const char* hint, char* identity,
                                 unsigned int identity_most, unsigned char* key,
                                 unsigned int key_most);
    void advance();
    void note_result(int result);

    TlsClientOptions options_;
    transport::SslContextPtr context_;
    transport::SslPtr ssl_;
    std::string plain_;
    std::string error_;
    bool peer_closed_ = false;
    TlsResumption resumption_;
};

}  // namespace vmq::testing
