// Connector: dials another node until a connection is there, and again when it has ended.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/connector_plan.h"
#include "runtime/name_lookup.h"
#include "runtime/shard_loop.h"
#include "runtime/timer_wheel.h"
#include "transport/peer_address.h"

namespace vmq::cluster {

class Connector;

/// Told by a Connector, on its loop's thread; outlives it. May call anything of it, but not destroy
/// it.
class ConnectorHandler {
public:
    /// A connection is there; takes `fd` over, which does not block. Nothing more is dialled before
    /// connection_ended() or dial().
    virtual void on_connected(Connector& connector, int fd, transport::PeerAddress address) = 0;
    /// An attempt has failed, another one follows after a pause. `why`: a sentence for the log that
    /// says what to do.
    virtual void on_dial_failed(Connector& connector, const std::string& why) = 0;

protected:
    ~ConnectorHandler() = default;
};

/// Owned beside a loop and used on its thread.
class Connector final {
public:
    /// A socket that does not block, on its way to there and writable when it is connected. -1:
    /// errno says why not.
    using OpenSocket = std::function<int(const boost::asio::ip::tcp::endpoint& to)>;

    /// `loop` and `handler` outlive it. `seed`: of the chance in its pauses. `resolve`, `open`:
    /// none asks the system.
    Connector(runtime::ShardLoop& loop, ConnectorHandler& handler, DialSettings settings,
              std::uint64_t seed, runtime::NameLookup::Resolve resolve = {}, OpenSocket open = {});
    ~Connector();
    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;

    /// Begins to dial after `wait`, whatever it did before. `host`: a name or an address, without
    /// brackets.
    void dial(std::string host, std::uint16_t port, Millis wait = Millis(0));
    /// Dials no more. A connection that was given is not touched.
    void stop();
    /// A connection is there, whoever dialled: nothing more is dialled before it has ended.
    void take_link();
    /// The connection given or taken last has ended, see ConnectorPlan::ended().
    void connection_ended(bool was_good);

    [[nodiscard]] const std::string& host() const noexcept { return host_; }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] ConnectorPlan::Stage stage() const noexcept { return plan_.stage(); }

private:
    // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final
    class Attempt;

    void obey(ConnectorPlan::Do next);
    void resolve();
    void on_resolved(boost::system::error_code error, const runtime::NameLookup::Addresses& found);
    void connect();
    void on_socket_ready();
    void on_connect_failed(int error);
    void on_timer(TimePoint now);
    void give_away();
    void note(const std::string& why);
    void tell_failure();
    void forget_attempt();
    void give_up_attempt();
    [[nodiscard]] transport::PeerAddress address() const;

    runtime::ShardLoop& loop_;
    ConnectorHandler& handler_;
    ConnectorPlan plan_;
    std::string host_;
    std::uint16_t port_ = 0;
    const runtime::NameLookup::Resolve resolve_;
    const OpenSocket open_;
    /// One that has not answered in time goes on, so that a name server that does not answer costs
    /// one thread.
    std::unique_ptr<runtime::NameLookup> lookup_;
    std::vector<boost::asio::ip::tcp::endpoint> addresses_;
    std::shared_ptr<Attempt> attempt_;
    std::string why_;  // of this attempt, so far
    runtime::Timer timer_;
};

}  // namespace vmq::cluster
