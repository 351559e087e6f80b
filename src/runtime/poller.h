// Readiness of many sockets at the cost of one: an epoll set inside the shard's Asio loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>

namespace vmq::runtime {

/// Told when its descriptor can be read or written, or is beyond use.
class ReadyHandler {
public:
    enum Events : std::uint8_t { kNone = 0, kReadable = 1, kWritable = 2, kBroken = 4 };

    virtual void on_ready(std::uint8_t events) = 0;

protected:
    ~ReadyHandler() = default;
};

/// Asio re-arms, allocates and locks for every readiness it reports; with one packet per connection
/// that is a good part of what the packet costs (docs/adr/0007-poller.md). Here a descriptor is
/// registered once and reported as long as it is ready. Asio sees one descriptor: the set itself.
///
/// Owned by a ShardLoop and used on its thread. A handler stays alive until the end of the turn in
/// which it was removed.
class Poller final {
public:
    explicit Poller(boost::asio::io_context& io);
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    /// `interest`: kReadable and kWritable; kBroken is always reported. False: the system refused.
    [[nodiscard]] bool add(int fd, ReadyHandler& handler, std::uint8_t interest);
    void change(int fd, ReadyHandler& handler, std::uint8_t interest);
    void remove(int fd);

    /// Reports what is ready now without waiting; returns how many descriptors that were.
    int dispatch();
    /// Makes the Asio loop wake up when something becomes ready.
    void arm();

private:
    const int epoll_;
    boost::asio::posix::stream_descriptor descriptor_;
    bool armed_ = false;
};

}  // namespace vmq::runtime
