// Network: the connections between simulated nodes, and what can happen to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/world.h"
#include "transport/peer_address.h"

namespace vmq::sim {

/// Between two hosts there are connections as TCP makes them: what is written arrives once and in
/// order, or the connection ends. Each is two pairs of sockets, whose inner ends are here; a host
/// does not see that the other end is not the other host's.
///
/// Bytes take a time by chance, so those of two connections overtake each other. Where a direction
/// is cut they wait (TCP sends them again) until it is whole, or the connection ends.
class Network final {
public:
    struct Host {
        /// A connection has come in; takes `fd` over. Empty: nobody listens.
        std::function<void(int fd, transport::PeerAddress from)> accept;
        /// Something has arrived.
        std::function<void()> touch;
    };

    Network(World& world, std::size_t hosts);
    ~Network();
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;

    [[nodiscard]] Host& host(std::size_t number) { return hosts_[number]; }
    [[nodiscard]] static std::string address_of(std::size_t host) {
        return "10.0.0." + std::to_string(host + 1);
    }

    /// Dials: the end of `from`, connected as far as it can see.
    [[nodiscard]] int open(std::size_t from, const std::string& address);
    /// Takes what `host` has written. True: there was something.
    bool carry(std::size_t host);

    /// Nothing passes in this direction until it is whole again.
    void set_cut(std::size_t from, std::size_t to, bool cut);
    [[nodiscard]] bool is_cut(std::size_t from, std::size_t to) const {
        return cut_[from * hosts_.size() + to];
    }
    /// Connections between the two end for both; each of them with a chance of one in `one_in`.
    void reset(std::size_t one, std::size_t other, std::uint32_t one_in);
    /// The host is no more: its connections end for the others, when they get to hear of it.
    void kill(std::size_t host);
    /// How long bytes take, from the shortest to the longest.
    void set_delay(Millis least, Millis most) {
        least_delay_ = least;
        most_delay_ = most;
    }

    [[nodiscard]] std::size_t connections() const noexcept { return wires_.size(); }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

private:
    struct Piece {
        TimePoint at;
        std::string bytes;
        bool end = false;
    };
    /// From side i of a wire to the other one.
    struct Way {
        std::deque<Piece> pieces;
        TimePoint last{};
        bool end_taken = false;
        bool end_given = false;
    };
    struct Wire {
        std::size_t host[2];   // the one that dialled first
        int fd[2] = {-1, -1};  // the ends here
        Way way[2];
        bool accepted = false;
    };

    void put(std::uint64_t number, Wire& wire, int side, std::string bytes, bool end);
    void deliver(std::uint64_t number, int side);
    /// False: not all of it, yet.
    [[nodiscard]] bool give(Wire& wire, int side, Piece& piece);
    void close(Wire& wire, int side);
    void drop_if_over(std::uint64_t number);
    void plan(std::uint64_t number, int side, Millis wait);

    World& world_;
    std::vector<Host> hosts_;
    std::vector<bool> cut_;  // from * hosts + to
    std::map<std::uint64_t, Wire> wires_;
    std::uint64_t last_wire_ = 0;
    std::uint64_t bytes_ = 0;
    Millis least_delay_{1};
    Millis most_delay_{5};
};

}  // namespace vmq::sim
