#include "transport/stream_socket.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace vmq::transport {

StreamSocket::StreamSocket(runtime::ShardLoop& loop, int fd, runtime::ReadyHandler& handler)
    : poller_(loop.poller()), handler_(handler), fd_(fd) {}

StreamSocket::~StreamSocket() { close(); }

void StreamSocket::want(bool readable, bool writable) {
    if (fd_ < 0) return;
    const auto interest =
        static_cast<std::uint8_t>((readable ? runtime::ReadyHandler::kReadable : 0) |
                                  (writable ? runtime::ReadyHandler::kWritable : 0));
    if (registered_) {
        if (interest != interest_) poller_.change(fd_, handler_, interest);
    } else {
        registered_ = poller_.add(fd_, handler_, interest);
    }
    interest_ = interest;
}

ReadResult StreamSocket::read(std::span<char> into) noexcept {
    const ssize_t got = ::recv(fd_, into.data(), into.size(), 0);
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
            sent = ::send(fd_, pieces[0].data, asked, MSG_NOSIGNAL);
        } else {
            std::array<iovec, kPieces> vectors;
            for (std::size_t i = 0; i < count; ++i) {
                vectors[i] = {const_cast<char*>(pieces[i].data), pieces[i].size};
                asked += pieces[i].size;
            }
            msghdr message{};
            message.msg_iov = vectors.data();
            message.msg_iovlen = count;
            sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
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

bool StreamSocket::has_unread() const noexcept {
    int bytes = 0;
    return ::ioctl(fd_, FIONREAD, &bytes) == 0 && bytes > 0;
}

void StreamSocket::shutdown_write() noexcept { (void)::shutdown(fd_, SHUT_WR); }

void StreamSocket::close() noexcept {
    if (fd_ < 0) return;
    ::close(fd_);  // leaves the epoll set by itself
    fd_ = -1;
}

int StreamSocket::release() {
    if (registered_) poller_.remove(fd_);
    registered_ = false;
    return std::exchange(fd_, -1);
}

}  // namespace vmq::transport
