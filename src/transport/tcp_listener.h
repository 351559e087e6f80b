// Listening TCP sockets: one per shard and address, so that the kernel spreads connections.
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
struct TcpListenOptions {
    std::string address;  // literal IPv4 or IPv6 address
    std::uint16_t port = 0;
    int backlog = 1024;  // connections that wait for accept
    std::optional<int> send_buffer;
    std::optional<int> receive_buffer;
    bool no_delay = true;
};

/// Opens one listening socket per shard for the same address (SO_REUSEPORT). Fails with
/// AddressInUse if anybody else listens there. Port 0: the system chooses, the same for all;
/// `options.port` then tells which.
[[nodiscard]] Result<std::vector<int>> open_tcp_listeners(TcpListenOptions& options,
                                                          std::uint32_t shards);

/// Accepts on one shard. Owned by the shard, used on its thread.
class TcpAcceptor final {
public:
    /// Receives an accepted, non-blocking descriptor and owns it.
    using OnAccept = std::function<void(int fd, PeerAddress peer)>;

    /// Takes `listening_fd` over.
    TcpAcceptor(runtime::ShardLoop& loop, int listening_fd, OnAccept on_accept);
    ~TcpAcceptor();
    TcpAcceptor(const TcpAcceptor&) = delete;
    TcpAcceptor& operator=(const TcpAcceptor&) = delete;

    void close();

private:
    void wait();
    void accept_ready();

    runtime::ShardLoop& loop_;
    boost::asio::posix::stream_descriptor descriptor_;
    OnAccept on_accept_;
    runtime::Timer retry_;  // after running out of descriptors
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace vmq::transport
