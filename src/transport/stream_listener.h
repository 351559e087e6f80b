// Listening sockets, TCP and Unix domain, and accepting from them.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/shard_loop.h"
#include "runtime/timer_wheel.h"
#include "transport/peer_address.h"

namespace vmq::transport {

/// Where to listen. Sizes in bytes; nothing: the system's default.
struct ListenOptions {
    std::string address;  // literal IPv4 or IPv6 address; or unix_path
    std::uint16_t port = 0;
    std::string unix_path;      // absolute or from the working directory
    unsigned unix_mode = 0660;  // who may connect: its permissions
    std::string unix_owner;     // name or number; empty: as it is made
    std::string unix_group;
    int backlog = 1024;  // connections that wait for accept
    std::optional<int> send_buffer;
    std::optional<int> receive_buffer;
    bool no_delay = true;

    friend bool operator==(const ListenOptions&, const ListenOptions&) = default;
};

/// Opens one descriptor per shard for the same address, so that the kernel spreads connections: TCP
/// sockets of their own (SO_REUSEPORT), or duplicates of one Unix socket. Fails with AddressInUse
/// if anybody else listens there; a socket file that a dead process left behind is replaced. Port
/// 0: the system chooses, the same for all; `options.port` then tells which.
[[nodiscard]] Result<std::vector<int>> open_listeners(ListenOptions& options, std::uint32_t shards);

/// Takes a Unix socket's file away; nothing for TCP.
void remove_socket_file(const ListenOptions& options) noexcept;

/// Accepts on one shard. Owned by the shard, used on its thread.
class Acceptor final {
public:
    /// Receives an accepted, non-blocking descriptor and owns it.
    using OnAccept = std::function<void(int fd, PeerAddress peer)>;
    /// Asked before each connection how long all of them have to wait in the backlog of the system;
    /// zero: not at all.
    using Hold = std::function<Millis()>;

    /// Takes `listening_fd` over.
    Acceptor(runtime::ShardLoop& loop, int listening_fd, OnAccept on_accept, Hold hold);
    ~Acceptor();
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    void close();

private:
    void wait();
    void accept_ready();

    runtime::ShardLoop& loop_;
    boost::asio::posix::stream_descriptor descriptor_;
    OnAccept on_accept_;
    Hold hold_;
    runtime::Timer retry_;  // after a pause, and after running out of descriptors
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace vmq::transport
