// From host names to addresses, without holding up a loop.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "runtime/shard_loop.h"
#include "transport/peer_address.h"

namespace vmq::transport {

/// Where to connect to, of either family.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    [[nodiscard]] PeerAddress peer() const;
};

/// Asks the system's resolver (hosts file, DNS) on threads of its own. Owned beside a loop and used
/// on its thread; does not wait for a name server when it goes.
class HostResolver final {
public:
    /// Lookups under way at a time; others wait for their turn.
    static constexpr std::size_t kMostLookups = 4;

    /// Never empty.
    using Addresses = std::vector<SocketAddress>;
    using Done = std::function<void(Result<Addresses>)>;

    explicit HostResolver(runtime::ShardLoop& loop);
    ~HostResolver();
    HostResolver(const HostResolver&) = delete;
    HostResolver& operator=(const HostResolver&) = delete;

    /// `host`: a name or an address, without brackets. `done` is called once on the loop's thread,
    /// not before this returns. The number is for forget().
    std::uint64_t resolve(std::string host, std::uint16_t port, Done done);
    /// `done` will not be called any more.
    void forget(std::uint64_t number);

    [[nodiscard]] std::size_t under_way() const noexcept { return under_way_; }

private:
    struct Lookup {
        std::uint64_t number = 0;
        std::string host;
        std::uint16_t port = 0;
    };
    struct Home;

    void start(const Lookup& lookup);
    static void bring(const std::shared_ptr<Home>& home, std::uint64_t number,
                      Result<Addresses> answer);
    void finish(std::uint64_t number, Result<Addresses> answer);
    void start_waiting();

    runtime::ShardLoop& loop_;
    const std::shared_ptr<Home> home_;  // where the threads bring what they have found
    std::unordered_map<std::uint64_t, Done> asked_;
    std::deque<Lookup> waiting_;
    std::uint64_t last_ = 0;
    std::size_t under_way_ = 0;
};

}  // namespace vmq::transport
