#include "transport/stream_listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
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

Error system_error(const ListenOptions& options, const char* what, int error) {
    const auto code = error == EADDRINUSE ? ErrorCode::AddressInUse : ErrorCode::SystemError;
    std::string hint;
    if (error == EADDRINUSE)
        hint = ": another process listens there; stop it or choose another port";
    if (error == EACCES) hint = ": ports below 1024 need root or CAP_NET_BIND_SERVICE";
    if (error == EADDRNOTAVAIL) hint = ": no interface of this machine has that address";
    const std::string where = options.unix_path.empty()
                                  ? fmt::format("{}:{}", options.address, options.port)
                                  : options.unix_path;
    return {code, fmt::format("cannot {} {}: {}{}", what, where, std::strerror(error), hint)};
}

Result<SocketAddress> parse(const ListenOptions& options) {
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

void set_buffers(int fd, const ListenOptions& options) {
    if (options.send_buffer) set_option(fd, SOL_SOCKET, SO_SNDBUF, *options.send_buffer);
    if (options.receive_buffer) set_option(fd, SOL_SOCKET, SO_RCVBUF, *options.receive_buffer);
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
Result<int> bind_socket(const ListenOptions& options, bool shared) {
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
    set_buffers(fd, options);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&target.storage), target.size) != 0) {
        const int error = errno;
        ::close(fd);
        return system_error(options, "listen on", error);
    }
    return fd;
}

Result<sockaddr_un> unix_address(const ListenOptions& options) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (options.unix_path.size() >= sizeof address.sun_path) {
        return Error{ErrorCode::InvalidValue,
                     fmt::format("the path of a Unix socket has at most {} bytes: {}",
                                 sizeof address.sun_path - 1, options.unix_path)};
    }
    std::memcpy(address.sun_path, options.unix_path.data(), options.unix_path.size());
    return address;
}

/// A number, or what `find` makes of a name.
template <typename Find>
Result<std::uint32_t> id_of(const std::string& name, const char* kind, Find find) {
    std::uint32_t number = 0;
    const char* const end = name.data() + name.size();
    if (std::from_chars(name.data(), end, number).ptr == end) return number;
    if (const auto found = find()) return *found;
    return Error{ErrorCode::InvalidValue,
                 fmt::format("this machine has no {} named {}", kind, name)};
}

Result<void> give_to_owner(const ListenOptions& options) {
    constexpr auto kUnchanged = ~std::uint32_t{0};
    std::uint32_t owner = kUnchanged;
    std::uint32_t its_group = kUnchanged;
    std::array<char, 4096> text{};
    if (!options.unix_owner.empty()) {
        auto id = id_of(options.unix_owner, "user", [&]() -> std::optional<std::uint32_t> {
            passwd entry{};
            passwd* found = nullptr;
            (void)getpwnam_r(options.unix_owner.c_str(), &entry, text.data(), text.size(), &found);
            return found != nullptr ? std::optional(found->pw_uid) : std::nullopt;
        });
        if (!id) return id.error();
        owner = id.value();
    }
    if (!options.unix_group.empty()) {
        auto id = id_of(options.unix_group, "group", [&]() -> std::optional<std::uint32_t> {
            struct group entry{};
            struct group* found = nullptr;
            (void)getgrnam_r(options.unix_group.c_str(), &entry, text.data(), text.size(), &found);
            return found != nullptr ? std::optional(found->gr_gid) : std::nullopt;
        });
        if (!id) return id.error();
        its_group = id.value();
    }
    if (owner == kUnchanged && its_group == kUnchanged) return {};
    if (::lchown(options.unix_path.c_str(), owner, its_group) == 0) return {};
    return system_error(options, "change the owner of", errno);
}

/// Takes away what a process that is dead left behind. An error if anything else is there.
Result<void> clear_path(const ListenOptions& options, const sockaddr_un& address) {
    struct stat found{};
    if (::lstat(options.unix_path.c_str(), &found) != 0) return {};
    if (!S_ISSOCK(found.st_mode)) {
        return Error{
            ErrorCode::AddressInUse,
            options.unix_path + " exists and is no socket; remove it or choose another path"};
    }
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int status = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int error = errno;
    ::close(fd);
    if (status == 0 || error != ECONNREFUSED) return system_error(options, "listen on", EADDRINUSE);
    (void)::unlink(options.unix_path.c_str());
    return {};
}

Result<int> open_unix_socket(const ListenOptions& options) {
    auto address = unix_address(options);
    if (!address) return address.error();
    if (auto cleared = clear_path(options, address.value()); !cleared) return cleared.error();
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return system_error(options, "open a socket for", errno);
    set_buffers(fd, options);
    // Nobody gets in before the file has its owner: the mode of the socket is that of the file.
    (void)::fchmod(fd, 0600);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address.value()), sizeof(sockaddr_un)) != 0) {
        const int error = errno;
        ::close(fd);
        return system_error(options, "listen on", error);
    }
    Result<void> ready = give_to_owner(options);
    if (ready && ::chmod(options.unix_path.c_str(), options.unix_mode) != 0) {
        ready = system_error(options, "set the permissions of", errno);
    }
    if (ready && ::listen(fd, options.backlog) != 0) {
        ready = system_error(options, "listen on", errno);
    }
    if (ready) return fd;
    ::close(fd);
    (void)::unlink(options.unix_path.c_str());
    return ready.error();
}

/// All shards accept from one queue.
Result<std::vector<int>> open_unix_listeners(const ListenOptions& options, std::uint32_t shards) {
    auto first = open_unix_socket(options);
    if (!first) return first.error();
    std::vector<int> fds{first.value()};
    while (fds.size() < shards) {
        const int copy = ::fcntl(first.value(), F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            const int error = errno;
            for (const int fd : fds) ::close(fd);
            return system_error(options, "open a socket for", error);
        }
        fds.push_back(copy);
    }
    return fds;
}

PeerAddress peer_of(const sockaddr_storage& storage) {
    char text[INET6_ADDRSTRLEN] = "";
    if (storage.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        return {text, ntohs(v6.sin6_port)};
    }
    if (storage.ss_family == AF_UNIX) return {"local", 0};  // the connecting end has no name
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    (void)inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return {text, ntohs(v4.sin_port)};
}

}  // namespace

Result<std::vector<int>> open_listeners(ListenOptions& options, std::uint32_t shards) {
    if (!options.unix_path.empty()) return open_unix_listeners(options, shards);
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

void remove_socket_file(const ListenOptions& options) noexcept {
    if (!options.unix_path.empty()) (void)::unlink(options.unix_path.c_str());
}

Acceptor::Acceptor(runtime::ShardLoop& loop, int listening_fd, OnAccept on_accept, Hold hold)
    : loop_(loop),
      descriptor_(loop.io(), listening_fd),
      on_accept_(std::move(on_accept)),
      hold_(std::move(hold)),
      retry_(this, [](void* self, TimePoint) { static_cast<Acceptor*>(self)->wait(); }) {
    wait();
}

Acceptor::~Acceptor() { close(); }

void Acceptor::close() {
    *alive_ = false;
    retry_.stop();
    boost::system::error_code ignored;
    descriptor_.close(ignored);
}

void Acceptor::wait() {
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [this, alive = alive_](const boost::system::error_code& error) {
                               if (!error && *alive) accept_ready();
                           });
}

void Acceptor::accept_ready() {
    const auto alive = alive_;  // whoever is handed a connection may destroy us
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        if (const Millis pause = hold_(); pause > Millis::zero()) {
            loop_.timers().start(retry_, loop_.now() + pause);
            return;
        }
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
