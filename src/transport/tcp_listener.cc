#include "transport/tcp_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace vmq::transport {
namespace {

/// Most connections taken in one turn, so that those already there are served in between.
constexpr int kAcceptsPerTurn = 64;
constexpr Millis kRetryAfter{200};

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

Error system_error(const TcpListenOptions& options, const char* what, int error) {
    const auto code = error == EADDRINUSE ? ErrorCode::AddressInUse : ErrorCode::SystemError;
    std::string hint;
    if (error == EADDRINUSE)
        hint = ": another process listens there; stop it or choose another port";
    if (error == EACCES) hint = ": ports below 1024 need root or CAP_NET_BIND_SERVICE";
    if (error == EADDRNOTAVAIL) hint = ": no interface of this machine has that address";
    return {code, fmt::format("cannot {} {}:{}: {}{}", what, options.address, options.port,
                              std::strerror(error), hint)};
}

Result<SocketAddress> parse(const TcpListenOptions& options) {
    SocketAddress result;
    sockaddr_in v4{};
    if (inet_pton(AF_INET, options.address.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(options.port);
        std::memcpy(&result.storage, &v4, sizeof v4);
        result.size = sizeof v4;
        return result;
    }
    sockaddr_in6 v6{};
    if (inet_pton(AF_INET6, options.address.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(options.port);
        std::memcpy(&result.storage, &v6, sizeof v6);
        result.size = sizeof v6;
        return result;
    }
    return Error{ErrorCode::InvalidValue, "not an IPv4 or IPv6 address: " + options.address};
}

void set_option(int fd, int level, int name, int value) {
    (void)::setsockopt(fd, level, name, &value, sizeof value);
}

std::uint16_t bound_port(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
    const in_port_t port = storage.ss_family == AF_INET6
                               ? reinterpret_cast<const sockaddr_in6&>(storage).sin6_port
                               : reinterpret_cast<const sockaddr_in&>(storage).sin_port;
    return ntohs(port);
}

/// One socket, bound. Without `shared` it conflicts with any other listener of the address.
Result<int> bind_socket(const TcpListenOptions& options, bool shared) {
    auto address = parse(options);
    if (!address) return address.error();
    const auto& target = address.value();
    const int fd =
        ::socket(target.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return system_error(options, "open a socket for", errno);
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (shared) set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (target.storage.ss_family == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    // Accepted sockets inherit these.
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, options.no_delay ? 1 : 0);
    if (options.send_buffer) set_option(fd, SOL_SOCKET, SO_SNDBUF, *options.send_buffer);
    if (options.receive_buffer) set_option(fd, SOL_SOCKET, SO_RCVBUF, *options.receive_buffer);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&target.storage), target.size) != 0) {
        const int error = errno;
        ::close(fd);
        return system_error(options, "listen on", error);
    }
    return fd;
}

PeerAddress peer_of(const sockaddr_storage& storage) {
    char text[INET6_ADDRSTRLEN] = "";
    if (storage.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        return {text, ntohs(v6.sin6_port)};
    }
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    (void)inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return {text, ntohs(v4.sin_port)};
}

}  // namespace

Result<std::vector<int>> open_tcp_listeners(TcpListenOptions& options, std::uint32_t shards) {
    // Sockets that share a port never conflict with each other, so ask first without sharing.
    auto probe = bind_socket(options, false);
    if (!probe) return probe.error();
    if (::listen(probe.value(), 1) != 0) {
        const int error = errno;
        ::close(probe.value());
        return system_error(options, "listen on", error);
    }
    if (options.port == 0) options.port = bound_port(probe.value());
    ::close(probe.value());

    std::vector<int> fds;
    for (std::uint32_t shard = 0; shard < shards; ++shard) {
        auto fd = bind_socket(options, true);
        if (fd && ::listen(fd.value(), options.backlog) != 0) {
            const int error = errno;
            ::close(fd.value());
            fd = system_error(options, "listen on", error);
        }
        if (!fd) {
            for (const int opened : fds) ::close(opened);
            return fd.error();
        }
        fds.push_back(fd.value());
    }
    return fds;
}

TcpAcceptor::TcpAcceptor(runtime::ShardLoop& loop, int listening_fd, OnAccept on_accept)
    : loop_(loop),
      descriptor_(loop.io(), listening_fd),
      on_accept_(std::move(on_accept)),
      retry_(this, [](void* self, TimePoint) { static_cast<TcpAcceptor*>(self)->wait(); }) {
    wait();
}

TcpAcceptor::~TcpAcceptor() { close(); }

void TcpAcceptor::close() {
    *alive_ = false;
    retry_.stop();
    boost::system::error_code ignored;
    descriptor_.close(ignored);
}

void TcpAcceptor::wait() {
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [this, alive = alive_](const boost::system::error_code& error) {
                               if (!error && *alive) accept_ready();
                           });
}

void TcpAcceptor::accept_ready() {
    const auto alive = alive_;  // whoever is handed a connection may destroy us
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        const int fd = ::accept4(descriptor_.native_handle(), reinterpret_cast<sockaddr*>(&storage),
                                 &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            on_accept_(fd, peer_of(storage));
            if (!*alive) return;
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        // Out of descriptors or memory: those that are connected go on, new ones wait a moment.
        log::error("cannot accept a connection: {}; raise the limit of open files (ulimit -n)",
                   std::strerror(errno));
        loop_.timers().start(retry_, loop_.now() + kRetryAfter);
        return;
    }
    wait();
}

}  // namespace vmq::transport
