// Messages on their way to a syslog server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace vmq::logging {

struct SyslogTarget {
    enum class Protocol : std::uint8_t { Local, Udp, Tcp, Tls };
    Protocol protocol = Protocol::Local;
    std::string host;  // of Local the path of a socket
    std::uint16_t port = 514;
    std::string cafile;  // of Tls: who vouches for the server, which must have the name `host`
    /// Messages of a stream are counted (RFC 6587 3.4.1), not ended by a line end.
    bool counted = true;
};

/// Sends on a thread of its own. While the server is away messages wait, kMostWaiting bytes of
/// them; more are given up. It is looked for again after 1 s, then at longer intervals up to 30 s.
/// What has left this machine is not sent again: a server that fails may lose what was under way.
class SyslogSender final {
public:
    static constexpr std::size_t kMostWaiting = 4 * 1024 * 1024;
    static constexpr std::size_t kLongestMessage = 8 * 1024;  // longer ones are cut

    /// An Error: the certificates cannot be read. A server that is not there is none.
    [[nodiscard]] static Result<std::unique_ptr<SyslogSender>> start(SyslogTarget target);
    /// What waits has two seconds to leave if the server is there.
    ~SyslogSender();
    SyslogSender(const SyslogSender&) = delete;
    SyslogSender& operator=(const SyslogSender&) = delete;

    /// Never waits. One thread. False: given up.
    bool send(std::string message);

    /// Messages that were accepted and then given up, so far: datagrams that nobody took. Any
    /// thread.
    [[nodiscard]] std::uint64_t lost() const noexcept;

private:
    class Impl;
    explicit SyslogSender(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vmq::logging
