// What the log says of clients: who comes, who goes and why, who is refused. One place for these
// lines, so that they look alike and none of them can flood the log.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "broker/listener.h"
#include "broker/repeated_lines.h"
#include "session/connect_plan.h"
#include "session/host.h"
#include "transport/peer_address.h"

namespace vmq::broker {

/// Shared by the shards, changed while they run.
struct SessionLogSettings {
    std::atomic<bool> connections{true};           // log.connections
    std::atomic<bool> keepalive_as_warning{true};  // logging.keepalive_as_warning
};

/// Owned by a shard. Lines are of the module session. What is left out because there is too much of
/// it is summed up by report().
class SessionLog final {
public:
    explicit SessionLog(const SessionLogSettings& settings) : settings_(settings) {}
    SessionLog(const SessionLog&) = delete;
    SessionLog& operator=(const SessionLog&) = delete;

    struct Who {
        std::string_view mountpoint;
        std::string_view client_id;
        std::optional<std::string_view> username;  // never a password
        const transport::PeerAddress& peer;
        const Listener& listener;
    };

    void connected(const Who& who, const session::ConnectPlan& plan, bool session_present,
                   TimePoint now);

    struct End {
        session::CloseCause cause;
        std::string_view detail;
        bool had_session = false;  // CONNECT was accepted
        Millis lasted{0};
    };
    void closed(const Who& who, const End& end, TimePoint now);

    // What a plugin did not allow. `reason` is a word of VerneMQ's.
    void login_refused(const Who& who, std::string_view reason);
    void will_refused(const Who& who, std::string_view reason);
    void enhanced_auth_refused(const Who& who, std::string_view reason);
    void publish_refused(const Who& who, std::string_view topic, std::string_view reason);
    void subscribe_refused(const Who& who, std::string_view filter, bool v5,
                           std::string_view reason);

    /// To be called about every second while active(), and then says what was left out.
    void report(TimePoint now);
    [[nodiscard]] bool active() const noexcept;

private:
    /// Lines of one kind in one second.
    struct PerSecond {
        TimePoint second{};
        std::uint32_t lines = 0;
        std::uint64_t left_out = 0;

        bool may(TimePoint now, std::uint32_t most);
    };

    [[nodiscard]] bool wants_connections() const noexcept;
    void ended(const Who& who, const End& end, TimePoint now);
    void ended_by_broker(const Who& who, const End& end, TimePoint now);

    const SessionLogSettings& settings_;
    PerSecond connections_;  // who came and went
    PerSecond closings_;     // by the broker
    RepeatedLines logins_;   // refused, by address
    RepeatedLines rights_;   // refused, by client
    TimePoint reported_at_{};
};

}  // namespace vmq::broker
