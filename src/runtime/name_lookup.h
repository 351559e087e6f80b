// The addresses of a host, without anybody waiting for a name server that does not answer.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace vmq::runtime {

/// One question. It is asked on a thread of its own, for the system's function cannot be
/// interrupted: destroying this returns at once, and the thread ends when that function does, or
/// with the process. Owned by the thread that runs `io`, or destroyed once that runs no more; `io`
/// outlives it.
class NameLookup final {
public:
    using Addresses = boost::asio::ip::tcp::resolver::results_type;
    using Done = std::function<void(boost::system::error_code error, const Addresses& found)>;
    /// Any thread, also after this is gone.
    using Resolve = std::function<Addresses(const std::string& host, std::uint16_t port,
                                            boost::system::error_code& error)>;

    /// `done` is called later on io's thread, unless this has been destroyed by then; it may
    /// destroy it. `resolve`: none asks the system.
    NameLookup(boost::asio::io_context& io, std::string host, std::uint16_t port, Done done,
               Resolve resolve = {});
    ~NameLookup();
    NameLookup(const NameLookup&) = delete;
    NameLookup& operator=(const NameLookup&) = delete;

private:
    struct State;
    const std::shared_ptr<State> state_;
};

}  // namespace vmq::runtime
