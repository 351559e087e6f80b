#include "transport/stream_socket.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace vmq::transport {

StreamSocket::StreamSocket(runtime::ShardLoop& loop, int fd) : socket_(loop.io()) {
    boost::system::error_code error;
    // The family only matters for addresses, which are never asked for here.
    socket_.assign(boost::asio::generic::stream_protocol(AF_INET, IPPROTO_TCP), fd, error);
    if (error) ::close(fd);
}

ReadResult StreamSocket::read(std::span<char> into) noexcept {
    const ssize_t got = ::recv(socket_.native_handle(), into.data(), into.size(), 0);
    if (got > 0) return {IoStatus::Ok, static_cast<std::size_t>(got)};
    if (got == 0) return {IoStatus::Closed, 0};
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {IoStatus::WouldBlock, 0};
    return {IoStatus::Failed, 0};
}

IoStatus StreamSocket::write(OutputBuffer& output, std::size_t& written) {
    while (!output.empty()) {
        constexpr std::size_t kPieces = 64;
        std::array<OutputBuffer::Piece, kPieces> pieces;
        const std::size_t count = output.gather(pieces.data(), kPieces);
        ssize_t sent = 0;
        std::size_t asked = 0;
        if (count == 1) {
            asked = pieces[0].size;
            sent = ::send(socket_.native_handle(), pieces[0].data, asked, MSG_NOSIGNAL);
        } else {
            std::array<iovec, kPieces> vectors;
            for (std::size_t i = 0; i < count; ++i) {
                vectors[i] = {const_cast<char*>(pieces[i].data), pieces[i].size};
                asked += pieces[i].size;
            }
            msghdr message{};
            message.msg_iov = vectors.data();
            message.msg_iovlen = count;
            sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
        }
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) return IoStatus::WouldBlock;
            return IoStatus::Failed;
        }
        output.consume(static_cast<std::size_t>(sent));
        written += static_cast<std::size_t>(sent);
        if (static_cast<std::size_t>(sent) < asked) return IoStatus::WouldBlock;
    }
    return IoStatus::Ok;
}

void StreamSocket::shutdown_write() noexcept {
    (void)::shutdown(socket_.native_handle(), SHUT_WR);
}

void StreamSocket::close() noexcept {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

int StreamSocket::release() {
    boost::system::error_code error;
    return socket_.release(error);
}

}  // namespace vmq::transport
