// One connected stream socket on a shard's loop.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/output_buffer.h"
#include "runtime/shard_loop.h"

namespace vmq::transport {

enum class IoStatus : std::uint8_t {
    Ok,
    WouldBlock,
    Closed,  // the peer ended the stream
    Failed,  // reset or another error
};

struct ReadResult {
    IoStatus status;
    std::size_t size;
};

/// Owned by a connection, used on that connection's shard. Reads and writes never block; readiness
/// is asked for with async_wait on the socket. Idle sockets hold no buffer.
class StreamSocket final {
public:
    /// Takes over a connected, non-blocking `fd`.
    StreamSocket(runtime::ShardLoop& loop, int fd);
    StreamSocket(const StreamSocket&) = delete;
    StreamSocket& operator=(const StreamSocket&) = delete;

    /// Calls `handler(error)` once when there is something to read (or the end).
    template <typename Handler>
    void wait_readable(Handler&& handler) {
        socket_.async_wait(Socket::wait_read, static_cast<Handler&&>(handler));
    }
    template <typename Handler>
    void wait_writable(Handler&& handler) {
        socket_.async_wait(Socket::wait_write, static_cast<Handler&&>(handler));
    }

    [[nodiscard]] ReadResult read(std::span<char> into) noexcept;
    /// Writes as much of `output` as the socket takes. Ok: all of it.
    [[nodiscard]] IoStatus write(OutputBuffer& output, std::size_t& written);

    /// No more will be written; the peer sees the end after what was.
    void shutdown_write() noexcept;
    void close() noexcept;
    /// Gives the descriptor up, for another shard. The socket is closed as far as it knows.
    [[nodiscard]] int release();

private:
    // The loop's own executor type: a type-erased one would cost memory in every idle connection.
    using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                                    boost::asio::io_context::executor_type>;
    Socket socket_;
};

}  // namespace vmq::transport
