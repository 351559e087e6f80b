// A client for tests of a whole broker in this process: blocking, with bytes for packets.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "broker/broker.h"

namespace vmq::testing {

inline constexpr Millis kPatience{10'000};

/// One TCP listener, open to everybody.
inline broker::BrokerOptions on_port(std::uint16_t port, std::uint32_t shards = 2) {
    broker::BrokerOptions options;
    options.shards = shards;
    broker::ListenerOptions listener;
    listener.name = "test";
    listener.socket.address = "127.0.0.1";
    listener.socket.port = port;
    listener.settings.allow_anonymous = true;
    options.listeners.push_back(std::move(listener));
    return options;
}

/// A blocking client; what does not come within kPatience does not come.
class BlockingPeer {
public:
    explicit BlockingPeer(std::uint16_t port)
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    ~BlockingPeer() { ::close(fd_); }
    BlockingPeer(const BlockingPeer&) = delete;
    BlockingPeer& operator=(const BlockingPeer&) = delete;

    [[nodiscard]] bool connected() const noexcept { return connected_; }
    void send(std::string_view bytes) {
        (void)::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    /// Reads until `count` bytes have come or the stream has ended.
    std::string receive(std::size_t count) {
        std::string got;
        while (got.size() < count) {
            pollfd ready{fd_, POLLIN, 0};
            if (::poll(&ready, 1, static_cast<int>(kPatience.count())) <= 0) break;
            std::array<char, 4096> buffer;
            const ssize_t size =
                ::recv(fd_, buffer.data(), std::min(buffer.size(), count - got.size()), 0);
            if (size <= 0) break;
            got.append(buffer.data(), static_cast<std::size_t>(size));
        }
        return got;
    }
    /// A whole packet with a one-byte length.
    std::string receive_packet() {
        std::string header = receive(2);
        if (header.size() < 2) return header;
        return header + receive(static_cast<unsigned char>(header[1]));
    }

private:
    int fd_;
    bool connected_ = false;
};

/// An MQTT 5 CONNECT with this client id.
inline std::string connect_as(char id) {
    std::string packet(std::string_view("\x10\x0E\0\x04MQTT\x05\x02\0\0\0\0\x01", 15));
    return packet + id;
}

}  // namespace vmq::testing
