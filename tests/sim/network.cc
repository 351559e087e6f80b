#include "sim/network.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/assert.h"

namespace vmq::sim {
namespace {

constexpr Millis kFullSocket{2};

std::array<int, 2> make_pair() {
    std::array<int, 2> pair{};
    VMQ_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) ==
               0);
    return pair;
}

}  // namespace

Network::Network(World& world, std::size_t hosts)
    : world_(world), hosts_(hosts), cut_(hosts * hosts, false) {}

Network::~Network() {
    for (auto& [number, wire] : wires_) {
        for (int side = 0; side < 2; ++side) close(wire, side);
    }
}

int Network::open(std::size_t from, const std::string& address) {
    std::size_t to = 0;
    while (to < hosts_.size() && address_of(to) != address) ++to;
    if (to == hosts_.size()) {
        errno = EHOSTUNREACH;
        return -1;
    }
    const auto pair = make_pair();
    const std::uint64_t number = ++last_wire_;
    Wire& wire = wires_[number];
    wire.host[0] = from;
    wire.host[1] = to;
    wire.fd[0] = pair[0];
    put(number, wire, 0, {}, false);  // asks to be let in
    world_.note("dial", from, to);
    return pair[1];
}

void Network::put(std::uint64_t number, Wire& wire, int side, std::string bytes, bool end) {
    Way& way = wire.way[side];
    if (way.end_taken) return;
    way.end_taken = end;
    const Millis delay = world_.between(least_delay_.count(), most_delay_.count());
    way.last = std::max(way.last, world_.now + delay);
    way.pieces.push_back({way.last, std::move(bytes), end});
    plan(number, side, way.last - world_.now);
}

void Network::plan(std::uint64_t number, int side, Millis wait) {
    world_.after(wait, [this, number, side] { deliver(number, side); });
}

bool Network::carry(std::size_t host) {
    std::array<char, 65'536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    bool moved = false;
    for (auto& [number, wire] : wires_) {
        for (int side = 0; side < 2; ++side) {
            if (wire.host[side] != host || wire.fd[side] < 0) continue;
            while (!wire.way[side].end_taken) {
                const ssize_t size = ::recv(wire.fd[side], buffer.data(), buffer.size(), 0);
                if (size < 0 && errno == EAGAIN) break;
                moved = true;
                const bool end = size <= 0;
                std::string bytes(buffer.data(), end ? 0 : static_cast<std::size_t>(size));
                world_.note("from", host, number);
                world_.digest.add(bytes);
                bytes_ += bytes.size();
                put(number, wire, side, std::move(bytes), end);
            }
        }
    }
    return moved;
}

void Network::deliver(std::uint64_t number, int side) {
    const auto at = wires_.find(number);
    if (at == wires_.end()) return;
    Wire& wire = at->second;
    Way& way = wire.way[side];
    const std::size_t from = wire.host[side];
    const std::size_t to = wire.host[1 - side];
    while (!way.pieces.empty() && way.pieces.front().at <= world_.now) {
        if (is_cut(from, to)) return;  // set_cut() goes on
        if (side == 0 && !wire.accepted) {
            if (!hosts_[to].accept) {
                way.pieces.clear();
                way.end_taken = way.end_given = true;
                put(number, wire, 1, {}, true);
                return;
            }
            const auto pair = make_pair();
            wire.fd[1] = pair[0];
            wire.accepted = true;
            hosts_[to].accept(pair[1], {address_of(from), 50'000});
        }
        if (!give(wire, side, way.pieces.front())) return plan(number, side, kFullSocket);
        way.pieces.pop_front();
        if (hosts_[to].touch) hosts_[to].touch();
    }
    drop_if_over(number);
}

bool Network::give(Wire& wire, int side, Piece& piece) {
    const int to = wire.fd[1 - side];
    if (to < 0) {
        if (piece.end) wire.way[side].end_given = true;
        return true;
    }
    while (!piece.bytes.empty()) {
        const ssize_t size = ::send(to, piece.bytes.data(), piece.bytes.size(), MSG_NOSIGNAL);
        if (size < 0 && errno == EAGAIN) return false;
        if (size < 0) break;  // it has closed; carry() sees that
        piece.bytes.erase(0, static_cast<std::size_t>(size));
    }
    if (piece.end) {
        wire.way[side].end_given = true;
        (void)::shutdown(to, SHUT_WR);
    }
    return true;
}

void Network::close(Wire& wire, int side) {
    if (wire.fd[side] < 0) return;
    ::close(std::exchange(wire.fd[side], -1));
    if (hosts_[wire.host[side]].touch) hosts_[wire.host[side]].touch();
}

void Network::drop_if_over(std::uint64_t number) {
    Wire& wire = wires_.at(number);
    if (!wire.way[0].end_given || !wire.way[1].end_given) return;
    for (int side = 0; side < 2; ++side) close(wire, side);
    wires_.erase(number);
}

void Network::set_cut(std::size_t from, std::size_t to, bool cut) {
    if (is_cut(from, to) == cut) return;
    cut_[from * hosts_.size() + to] = cut;
    world_.note(cut ? "cut" : "whole", from, to);
    if (cut) return;
    for (auto& [number, wire] : wires_) {
        for (int side = 0; side < 2; ++side) {
            if (wire.host[side] != from || wire.host[1 - side] != to) continue;
            if (wire.way[side].pieces.empty()) continue;
            plan(number, side, world_.between(least_delay_.count(), most_delay_.count()));
        }
    }
}

void Network::reset(std::size_t one, std::size_t other, std::uint32_t one_in) {
    std::vector<std::uint64_t> gone;
    for (auto& [number, wire] : wires_) {
        const bool between = (wire.host[0] == one && wire.host[1] == other) ||
                             (wire.host[0] == other && wire.host[1] == one);
        if (between && world_.chance(one_in)) gone.push_back(number);
    }
    for (const std::uint64_t number : gone) {
        world_.note("reset", one, number);
        for (int side = 0; side < 2; ++side) close(wires_.at(number), side);
        wires_.erase(number);
    }
}

void Network::kill(std::size_t host) {
    world_.note("kill", host);
    for (auto& [number, wire] : wires_) {
        for (int side = 0; side < 2; ++side) {
            if (wire.host[side] != host) continue;
            if (wire.fd[side] >= 0) ::close(std::exchange(wire.fd[side], -1));
            put(number, wire, side, {}, true);
            wire.way[1 - side].pieces.clear();
            wire.way[1 - side].end_taken = wire.way[1 - side].end_given = true;
        }
    }
}

}  // namespace vmq::sim
