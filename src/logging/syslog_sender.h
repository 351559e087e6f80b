// Messages on their way to a syslog server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "runtime/name_lookup.h"

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

/// How long it waits for what.
struct SyslogPatience {
    Millis first_pause{1'000};     // before it looks for a server that has gone
    Millis longest_pause{30'000};  // each is twice the one before
    /// A link works when it has lasted so long, or as long as the pause after it would be.
    Millis proof{5'000};
};

/// Sends on a thread of its own. While the server is away messages wait, kMostWaiting bytes of
/// them; more are given up. What has left this machine is not sent again: a server that fails may
/// lose what was under way.
///
/// That a server takes a connection or a datagram does not mean that it is there: refusals of
/// datagrams come later, and a balancer without servers behind it closes what it has taken. After
/// such a failure messages wait until a link works, but for the one datagram that it takes to know;
/// only then is it logged that the server is back, and one that failed soon is looked for less and
/// less often.
class SyslogSender final {
public:
    static constexpr std::size_t kMostWaiting = 4 * 1024 * 1024;
    static constexpr std::size_t kLongestMessage = 8 * 1024;  // longer ones are cut

    /// An Error: the certificates cannot be read. A server that is not there is none.
    /// `resolve`: none asks the system.
    [[nodiscard]] static Result<std::unique_ptr<SyslogSender>> start(
        SyslogTarget target, SyslogPatience patience = {},
        runtime::NameLookup::Resolve resolve = {});
    /// What waits has two seconds to leave if the server is there. Waits for no name server.
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
