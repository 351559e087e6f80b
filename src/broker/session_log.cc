#include "broker/session_log.h"

#include <fmt/format.h>

#include <boost/container/static_vector.hpp>
#include <chrono>
#include <iterator>
#include <string>
#include <utility>

#include "base/log.h"
#include "broker/limits.h"
#include "mqtt/types.h"

namespace vmq::broker {
namespace {

using log::Level;
using session::CloseCause;
using Who = SessionLog::Who;

/// Of this module, whatever the folder of the source file is.
log::Place here(const std::source_location& where = std::source_location::current()) {
    return {where, log::Module::Session};
}

bool enabled(Level level) noexcept { return log::enabled(level, log::Module::Session); }

/// What a client chose, so that it does not end the quotes around it: whatever it writes, nobody
/// takes it for the address or the reason of a line.
std::string escaped(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    for (const char each : text) {
        if (each == '"' || each == '\\') safe += '\\';
        safe += each;
    }
    return safe;
}

/// As VerneMQ writes who somebody is: `{[],<<"client">>}`, `{"mountpoint",<<"client">>}`.
std::string subscriber(const Who& who) {
    const std::string id = escaped(who.client_id);
    return who.mountpoint.empty()
               ? fmt::format("{{[],<<\"{}\">>}}", id)
               : fmt::format("{{\"{}\",<<\"{}\">>}}", escaped(who.mountpoint), id);
}

std::string quoted_id(std::string_view client_id) {
    return client_id.empty() ? "(no id)" : fmt::format("\"{}\"", escaped(client_id));
}

std::string peer_of(const Who& who) {
    return fmt::format("{}:{}", who.peer.address, who.peer.port);
}

/// As our own lines write it.
std::string client(const Who& who) {
    const std::string id = quoted_id(who.client_id);
    if (who.mountpoint.empty()) return fmt::format("client {} from {}", id, peer_of(who));
    return fmt::format("client {} of mountpoint {} from {}", id, who.mountpoint, peer_of(who));
}

std::string user(const Who& who) { return escaped(who.username.value_or("undefined")); }

/// For the field `reason`; stable, programs compare it.
std::string_view word_of(CloseCause cause) noexcept {
    switch (cause) {
        case CloseCause::ClientDisconnect:
            return "client_disconnect";
        case CloseCause::ClientDisconnectWithWill:
            return "client_disconnect_with_will";
        case CloseCause::Refused:
            return "refused";
        case CloseCause::ProtocolError:
            return "protocol_error";
        case CloseCause::KeepAliveTimeout:
            return "keepalive_expired";
        case CloseCause::TakenOver:
            return "taken_over";
        case CloseCause::NotAuthorized:
            return "not_authorized";
        case CloseCause::PacketTooLarge:
            return "packet_too_large";
        case CloseCause::ServerShutdown:
            return "server_shutdown";
        case CloseCause::AdministrativeAction:
            return "administrative_action";
        case CloseCause::MaxLifetime:
            return "max_connection_lifetime";
        case CloseCause::PeerClosed:
            return "connection_closed_by_peer";
        case CloseCause::ConnectTimeout:
            return "connect_timeout";
    }
    return {};
}

std::string_view version_of(mqtt::ProtocolVersion version) noexcept {
    switch (version) {
        case mqtt::ProtocolVersion::V31:
            return "3.1";
        case mqtt::ProtocolVersion::V311:
            return "3.1.1";
        case mqtt::ProtocolVersion::V5:
            return "5";
    }
    return {};
}

/// What every line says of its client, and what more there is to say. Made where it is written,
/// because the fields point into it.
class Facts final {
public:
    Facts(std::string_view event, const Who& who)
        : peer_(peer_of(who)),
          listener_(fmt::format("{}.{}", broker::word_of(who.listener.kind), who.listener.name)),
          fields_{log::Field("event", event),
                  {"client_id", who.client_id},
                  {"mountpoint", who.mountpoint},
                  {"user", who.username.value_or("")},
                  {"peer", peer_},
                  {"listener", listener_}} {}
    Facts(const Facts&) = delete;
    Facts& operator=(const Facts&) = delete;

    template <typename Value>
    Facts& add(std::string_view name, Value value) {
        fields_.emplace_back(name, value);
        return *this;
    }
    [[nodiscard]] log::Fields fields() const noexcept { return {fields_.data(), fields_.size()}; }
    [[nodiscard]] std::string_view listener() const noexcept { return listener_; }
    [[nodiscard]] std::string_view peer() const noexcept { return peer_; }

private:
    const std::string peer_;
    const std::string listener_;
    boost::container::static_vector<log::Field, 12> fields_;
};

/// A line about what was not allowed.
void refuse(Level level, const log::Place& place, std::string_view event, const Who& who,
            std::string_view reason, std::string_view text) {
    Facts facts(event, who);
    log::write({level, place, text, facts.add("reason", reason).fields()});
}

}  // namespace

bool SessionLog::PerSecond::may(TimePoint now, std::uint32_t most) {
    const auto current = std::chrono::floor<Seconds>(now);
    if (current != second) {
        second = current;
        lines = 0;
    }
    if (++lines <= most) return true;
    ++left_out;
    return false;
}

bool SessionLog::wants_connections() const noexcept {
    return enabled(Level::Info) && settings_.connections.load(std::memory_order_relaxed);
}

void SessionLog::connected(const Who& who, const session::ConnectPlan& plan, bool session_present,
                           TimePoint now) {
    if (!wants_connections() || !connections_.may(now, kConnectionLogsPerSecond)) return;
    Facts facts("connected", who);
    facts.add("version", version_of(plan.version))
        .add("clean_start", plan.clean_start)
        .add("session_present", session_present)
        .add("keep_alive", plan.keep_alive_s)
        .add("session_expiry", plan.session_expiry_s);
    fmt::memory_buffer text;
    const auto end = std::back_inserter(text);
    fmt::format_to(end, "client {} connected from {} as {}, MQTT {} on {}, {}{}, keep alive ",
                   quoted_id(who.client_id), facts.peer(), escaped(who.username.value_or("nobody")),
                   version_of(plan.version), facts.listener(),
                   session_present ? "session present" : "new session",
                   plan.clean_start ? ", clean start" : "");
    if (plan.keep_alive_s == 0) {
        fmt::format_to(end, "off");
    } else {
        fmt::format_to(end, "{} s", plan.keep_alive_s);
    }
    if (!who.mountpoint.empty()) fmt::format_to(end, ", mountpoint {}", who.mountpoint);
    log::write({Level::Info, here(), {text.data(), text.size()}, facts.fields()});
}

void SessionLog::closed(const Who& who, const End& end, TimePoint now) {
    switch (end.cause) {
        case CloseCause::ClientDisconnect:
        case CloseCause::ClientDisconnectWithWill:
        case CloseCause::PeerClosed:
        case CloseCause::ServerShutdown:
        case CloseCause::TakenOver:
            return ended(who, end, now);
        default:
            return ended_by_broker(who, end, now);
    }
}

void SessionLog::ended(const Who& who, const End& end, TimePoint now) {
    // Who goes without having said anything is of no interest: ports are looked at all the time.
    const Level level = end.had_session ? Level::Info : Level::Debug;
    if (!enabled(level)) return;
    if (level == Level::Info &&
        (!wants_connections() || !connections_.may(now, kConnectionLogsPerSecond))) {
        return;
    }
    const bool taken_over = end.cause == CloseCause::TakenOver;
    const std::string text = taken_over ? client(who) + " taken over by a new connection"
                                        : fmt::format("{} closed: {}", client(who), end.detail);
    Facts facts(taken_over ? "taken_over" : "disconnected", who);
    facts.add("reason", word_of(end.cause))
        .add("detail", end.detail)
        .add("connected_ms", static_cast<std::uint64_t>(end.lasted.count()));
    log::write({level, here(), text, facts.fields()});
}

void SessionLog::ended_by_broker(const Who& who, const End& end, TimePoint now) {
    const bool silent = end.cause == CloseCause::KeepAliveTimeout;
    const bool quiet = silent && !settings_.keepalive_as_warning.load(std::memory_order_relaxed);
    const Level level = quiet ? Level::Info : Level::Warning;
    if (!enabled(level) || !closings_.may(now, kCloseLogsPerSecond)) return;
    const std::string text =
        silent ? fmt::format("client {} with username {} stopped due to keepalive expired, peer {}",
                             subscriber(who), user(who), peer_of(who))
               : fmt::format("{} closed by the broker: {}", client(who), end.detail);
    Facts facts(end.had_session ? "disconnected" : "refused", who);
    facts.add("reason", word_of(end.cause)).add("detail", end.detail);
    log::write({level, here(), text, facts.fields()});
}

void SessionLog::login_refused(const Who& who, std::string_view reason) {
    // Nobody to ask is the operator's mistake.
    const bool nobody = reason == "no_matching_hook_found";
    const Level level = nobody ? Level::Error : Level::Warning;
    if (!enabled(level) || !logins_.may(who.peer.address)) return;
    refuse(level, here(), "refused", who, reason,
           fmt::format("can't authenticate client {} from {} due to {}", subscriber(who),
                       peer_of(who), reason));
}

void SessionLog::will_refused(const Who& who, std::string_view reason) {
    if (!enabled(Level::Warning) || !logins_.may(who.peer.address)) return;
    refuse(Level::Warning, here(), "refused", who, reason,
           fmt::format("can't authenticate last will from {} for client {} due to {}", peer_of(who),
                       subscriber(who), reason));
}

void SessionLog::enhanced_auth_refused(const Who& who, std::string_view reason) {
    if (!enabled(Level::Warning) || !logins_.may(who.peer.address)) return;
    refuse(Level::Warning, here(), "refused", who, reason,
           fmt::format("can't continue enhanced auth with client {} from {} due to {}",
                       subscriber(who), peer_of(who), reason));
}

void SessionLog::publish_refused(const Who& who, std::string_view topic, std::string_view reason) {
    if (!enabled(Level::Error) || !rights_.may(who.client_id)) return;
    refuse(Level::Error, here(), "publish_refused", who, reason,
           fmt::format("can't auth publish for client {} (user {}) on topic {} due to {}",
                       subscriber(who), user(who), escaped(topic), reason));
}

void SessionLog::subscribe_refused(const Who& who, std::string_view filter, bool v5,
                                   std::string_view reason) {
    if (!enabled(Level::Error) || !rights_.may(who.client_id)) return;
    refuse(Level::Error, here(), "subscribe_refused", who, reason,
           fmt::format(
               "can't authorize SUBSCRIBE from v{} client {} on topic \"{}\" from {} due to {}",
               v5 ? 5 : 3, subscriber(who), escaped(filter), peer_of(who), reason));
}

bool SessionLog::active() const noexcept {
    return connections_.left_out > 0 || closings_.left_out > 0 || logins_.active() ||
           rights_.active();
}

void SessionLog::report(TimePoint now) {
    const auto line = [](Level level, std::string_view text, std::uint64_t count) {
        log::event(level, here(), {}, "{} {}", count, text);
    };
    if (const auto count = std::exchange(connections_.left_out, 0)) {
        line(Level::Info, "more connections began or ended", count);
    }
    if (const auto count = std::exchange(closings_.left_out, 0)) {
        line(Level::Warning, "more connections were closed by the broker", count);
    }
    if (now - reported_at_ < kReportInterval) return;
    reported_at_ = now;
    for (const auto& [address, count] : logins_.take_due()) {
        log::event(Level::Warning, here(), {}, "{} more clients at {} were refused", count,
                   address.empty() ? "other addresses" : std::string_view(address));
    }
    for (const auto& [client_id, count] : rights_.take_due()) {
        log::event(Level::Error, here(), {},
                   "{} more messages or subscriptions of {}{} were not allowed", count,
                   client_id.empty() ? "other clients" : "client ",
                   client_id.empty() ? std::string() : quoted_id(client_id));
    }
}

}  // namespace vmq::broker
