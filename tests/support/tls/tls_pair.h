// A TlsSession and a TlsClient tied together by strings.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/output_buffer.h"
#include "support/tls/tls_client.h"
#include "transport/tls_session.h"

namespace vmq::testing {

/// The bytes in `buffer`, which is empty afterwards.
[[nodiscard]] inline std::string take_all(OutputBuffer& buffer) {
    std::string bytes;
    OutputBuffer::Piece piece{};
    while (buffer.gather(&piece, 1) == 1) {
        bytes.append(piece.data, piece.size);
        buffer.consume(piece.size);
    }
    return bytes;
}

struct TlsPair {
    explicit TlsPair(std::shared_ptr<const transport::TlsContext> context,
                     const TlsClientOptions& options = {})
        : session(std::move(context)), client(options) {}

    /// Carries bytes both ways until nobody has any; pieces of at most `most` for the server.
    void run(std::size_t most = std::string::npos) {
        while (true) {
            const std::string from_client = client.output();
            give(from_client, most);
            const std::string from_server = take_all(out);
            if (from_client.empty() && from_server.empty()) return;
            if (!from_server.empty()) client.receive(from_server);
        }
    }

    void give(std::string_view wire, std::size_t most = std::string::npos) {
        while (!wire.empty()) {
            const std::size_t size = std::min(most, wire.size());
            status = session.receive(wire.substr(0, size), plain, out);
            wire.remove_prefix(size);
        }
    }

    /// Both sides are open.
    [[nodiscard]] bool open() const {
        return session.status() == transport::TlsSession::Status::Open && client.open() &&
               !client.failed();
    }

    transport::TlsSession session;
    TlsClient client;
    std::string plain;  // what the client said
    OutputBuffer out;   // what is to be written to the client
    transport::TlsSession::Status status = transport::TlsSession::Status::Handshaking;
};

}  // namespace vmq::testing
