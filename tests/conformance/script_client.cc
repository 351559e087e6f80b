#include "conformance/script_client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace vmq::conformance {

void ScriptClient::open(int fd) {
    fd_ = fd;
    ended = false;
    stream_.clear();
    packets.clear();
}

void ScriptClient::drop() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    ended = false;
    unsent_.clear();
    stream_.clear();
    packets.clear();
}

bool ScriptClient::exchange() {
    if (fd_ < 0) return false;
    bool moved = false;
    while (!unsent_.empty()) {
        const ssize_t sent = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            // The broker closed and wants no more: what it sent before can still be read.
            if (errno == EPIPE || errno == ECONNRESET) unsent_.clear();
            break;
        }
        unsent_.erase(0, static_cast<std::size_t>(sent));
        moved = true;
    }
    while (reading && !ended) {
        std::array<char, 65'536> buffer;
        const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) break;
        moved = true;
        if (got > 0) {
            stream_.append(buffer.data(), static_cast<std::size_t>(got));
        } else {
            ended = true;
        }
    }
    while (auto packet = take_packet(stream_, version)) packets.push_back(std::move(*packet));
    return moved;
}

}  // namespace vmq::conformance
