// One connected stream socket on a shard's loop.
#pragma once

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

/// Owned by a connection, used on that connection's shard. Reads and writes never block; want()
/// asks to be told of readiness. Idle sockets hold no buffer.
class StreamSocket final {
public:
    /// Takes over a connected, non-blocking `fd`. `handler` is told what want() asked for, and
    /// lives until the end of the turn in which the socket is closed.
    StreamSocket(runtime::ShardLoop& loop, int fd, runtime::ReadyHandler& handler);
    ~StreamSocket();
    StreamSocket(const StreamSocket&) = delete;
    StreamSocket& operator=(const StreamSocket&) = delete;

    /// Asks to be told, from now on and as long as it is so, when there is something to read (or
    /// the end) and when there is room to write.
    void want(bool readable, bool writable);
    [[nodiscard]] bool wants_readable() const noexcept {
        return (interest_ & runtime::ReadyHandler::kReadable) != 0;
    }

    [[nodiscard]] ReadResult read(std::span<char> into) noexcept;
    /// Writes as much of `output` as the socket takes. Ok: all of it.
    [[nodiscard]] IoStatus write(OutputBuffer& output, std::size_t& written);

    /// Whether bytes wait to be read, without reading them.
    [[nodiscard]] bool has_unread() const noexcept;

    /// No more will be written; the peer sees the end after what was.
    void shutdown_write() noexcept;
    void close() noexcept;
    /// Gives the descriptor up, for another shard. The socket is closed as far as it knows.
    [[nodiscard]] int release();

private:
    runtime::Poller& poller_;
    runtime::ReadyHandler& handler_;
    int fd_;
    std::uint8_t interest_ = 0;
    bool registered_ = false;
};

}  // namespace vmq::transport
