// One TLS connection, of either side: bytes in, bytes out, no sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/output_buffer.h"
#include "transport/tls_client_context.h"
#include "transport/tls_context.h"

namespace vmq::transport {

struct HandshakeNotes;

/// TLS 1.0 to 1.3 as the context allows, for one connection: mostly as the server, whose peer is
/// called client here; as the client of another node the peer is the server.
///
/// Owned by that connection and used by one thread at a time; an idle one may move to another shard
/// with its connection. Reads no clock (OpenSSL does, for certificates and tickets) and no socket.
/// A server holds no OpenSSL object before the client has sent its first whole record, no buffers
/// while nothing is under way, and never more of the client's bytes than one record and one
/// handshake message.
class TlsSession final {
public:
    enum class Status : std::uint8_t {
        Handshaking,
        Open,
        PeerClosed,  // the client will send no more; it may still read
        Failed,      // error() says why; write what is in the output (an alert), then close
    };

    /// AES-GCM keeps its promise for 2^24.5 full records with one key [RFC 8446, 5.5].
    static constexpr std::uint32_t kRecordsPerKey = 1U << 24U;

    /// With TLS 1.3 the key changes after some `records_per_key` records sent.
    explicit TlsSession(std::shared_ptr<const TlsContext> context,
                        std::uint32_t records_per_key = kRecordsPerKey);
    /// As a client of `host` (a name or an address), whose certificate has to name it. Appends what
    /// has to be written first to `out`.
    TlsSession(std::shared_ptr<const TlsClientContext> context, const std::string& host,
               OutputBuffer& out, std::uint32_t records_per_key = kRecordsPerKey);
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    /// Takes what came from the wire, all of it; appends to `plain` what it says and to `out` what
    /// must be written. `wire` is not needed afterwards. A client that just ends the connection
    /// without PeerClosed may have lost its last bytes to somebody in between.
    [[nodiscard]] Status receive(std::string_view wire, std::string& plain, OutputBuffer& out);

    /// Takes all of `plain` and appends it, encrypted, to `out`. Small pieces share a record, large
    /// ones are encrypted from where they are. False, and `plain` is left as it is: the handshake
    /// is not over, or the session failed or was closed.
    [[nodiscard]] bool send(OutputBuffer& plain, OutputBuffer& out);

    /// Says to the client that nothing more will be sent.
    void close(OutputBuffer& out);

    [[nodiscard]] Status status() const noexcept { return status_; }
    /// Why it failed, a sentence for the operator; empty unless Failed.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

    /// The client is who it says, and what is below is known. Stays so when the session closes or
    /// fails, which may happen within the same receive(): ask this, not for Open, before believing
    /// what came out of it.
    [[nodiscard]] bool handshake_done() const noexcept { return handshake_done_; }

    // From here on: known once the handshake is done.

    /// What use_identity_as_username takes as the username: see identity_of(). None: that option is
    /// off, or the client showed no certificate or one without a name.
    [[nodiscard]] const std::optional<std::string>& identity() const noexcept { return identity_; }
    /// Of a client that used a pre-shared key; empty: none, or the session was resumed.
    [[nodiscard]] const std::string& psk_identity() const noexcept { return psk_identity_; }
    /// The client's certificate in DER, for hooks; empty: none.
    [[nodiscard]] std::string peer_certificate() const;
    /// "TLSv1.3", "TLS_AES_128_GCM_SHA256", the host name asked for or "": for logs.
    [[nodiscard]] std::string_view protocol() const;
    [[nodiscard]] std::string_view cipher() const;
    [[nodiscard]] std::string_view server_name() const;
    [[nodiscard]] bool resumed() const;
    /// 32 bytes that only the two ends of this connection know (RFC 9266, tls-exporter). Requires
    /// handshake_done() and that it has not failed.
    [[nodiscard]] std::string channel_binding() const;

    /// Memory held, in bytes: what is ours exactly, OpenSSL's objects as measured (tls_bench.cc).
    [[nodiscard]] std::size_t memory() const noexcept;

private:
    struct Release {
        void operator()(ssl_st* ssl) const noexcept;
    };
    /// What the BIO reads from and writes to; set only during a call.
    struct Wire {
        std::string_view in;
        OutputBuffer* out = nullptr;
    };
    friend struct TlsWire;  // the BIO

    [[nodiscard]] bool begin(std::string_view first_record);
    [[nodiscard]] bool hold(std::string_view& wire);
    void feed(std::string_view records, std::string& plain);
    void attach_wire();
    [[nodiscard]] bool is_client() const noexcept { return client_context_ != nullptr; }
    void advance_handshake();
    void finish_handshake();
    void read(std::string& plain, std::size_t most);
    [[nodiscard]] bool write(const char* data, std::size_t size);
    void fail();
    void fail(std::string why);

    const std::shared_ptr<const TlsContext> context_;  // null: a client
    const std::shared_ptr<const TlsClientContext> client_context_;
    std::unique_ptr<ssl_st, Release> ssl_;
    std::unique_ptr<HandshakeNotes> notes_;  // during the handshake
    Wire wire_;
    std::string held_;  // the beginning of a record
    std::string error_;
    std::optional<std::string> identity_;
    std::string psk_identity_;
    const std::uint32_t records_per_key_;
    std::uint32_t records_sent_ = 0;  // with the current key
    Status status_ = Status::Handshaking;
    bool handshake_done_ = false;
    bool closed_ = false;  // by us
};

}  // namespace vmq::transport
