// Handshake: from the first byte of a connection to an accepted or refused CONNECT
// (VerneMQ: vmq_mqtt_pre_init and the first half of its session).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/output_buffer.h"
#include "mqtt/decoder.h"
#include "mqtt/packets.h"
#include "session/connect_plan.h"
#include "session/host.h"

namespace vmq::session {

/// What the listener decides before the client says anything. Outlives the handshakes.
struct ListenerPolicy {
    std::string mountpoint;
    std::vector<std::uint8_t> allowed_protocol_versions{3, 4, 5, 131};
};

struct RegisterRequest {
    std::string_view mountpoint;
    std::string_view client_id;
    std::optional<std::string_view> username;
    std::optional<std::string_view> password;
    bool clean_start = true;
    bool v5 = false;
    bool anonymous_allowed = false;
    const mqtt::Properties* properties = nullptr;
};

/// What a hook changed; unset fields stay as asked for.
struct RegisterGrant {
    std::uint8_t authenticated_by = kNotAuthenticated;
    std::uint64_t accepted_at = 0;
    std::optional<std::string> client_id;
    std::optional<std::string> mountpoint;
    std::optional<std::string> username;
    std::optional<bool> clean_start;
    std::optional<std::uint32_t> session_expiry_s;
    std::string response_information;
    // MQTT 5 only.
    std::optional<bool> request_problem_information;
    std::uint32_t maximum_packet_size = 0;  // upper bound of the client's, 0: none
    Capabilities capabilities;
    std::shared_ptr<const Settings> settings;  // null: the listener's
};

/// Implemented by the connection on the accepting shard. A pending answer is asked for again, with
/// the same request, after the host called Handshake::resume(): it must then know it. What was
/// answered is not asked for again.
class HandshakeHost {
public:
    virtual ~HandshakeHost() = default;
    [[nodiscard]] virtual OutputBuffer& output() = 0;
    virtual Answer authorize_register(const RegisterRequest& request, RegisterGrant& grant,
                                      Denial& denial) = 0;
    /// `properties` are those of the CONNECT, also when an AUTH is answered.
    virtual Host::AuthAnswer authenticate(std::string_view mountpoint, std::string_view client_id,
                                          std::optional<std::string_view> username,
                                          std::string_view method, std::string_view data,
                                          const mqtt::Properties& properties) = 0;
    virtual Answer authorize_will(const ConnectPlan& plan, PublishIntent& intent,
                                  Denial& denial) = 0;
    /// A client id for a client that brought none; never the same twice.
    [[nodiscard]] virtual std::string new_client_id(std::string_view mountpoint) = 0;
    // Like those of Host.
    virtual void count_received(mqtt::ProtocolVersion version, mqtt::PacketType type,
                                mqtt::ReasonCode reason) = 0;
    virtual void count_sent(mqtt::ProtocolVersion version, mqtt::PacketType type,
                            mqtt::ReasonCode reason) = 0;
};

/// Owned by a connection until it is accepted; then the plan moves to the home shard. Sends
/// refusals itself, acceptance is the Session's. Does no I/O and reads no clock.
class Handshake final {
public:
    Handshake(HandshakeHost& host, const ListenerPolicy& policy,
              std::shared_ptr<const Settings> settings);

    enum class State : std::uint8_t {
        AwaitConnect,
        AwaitAuth,  // AUTH sent, the client's is to come
        Parked,
        Accepted,  // take plan()
        Refused,   // what there was to say is in the output: close
    };
    [[nodiscard]] State state() const noexcept { return state_; }

    /// Proven by what the connection runs through (a certificate); takes the place of the user name
    /// in CONNECT. Before the first packet.
    void set_username(std::string username) { proven_username_ = std::move(username); }

    /// Requires AwaitConnect or AwaitAuth.
    State on_frame(const mqtt::Frame& frame);
    /// A packet that is malformed or too large. Refused, unless it takes more of a CONNECT to know
    /// how: then the state stays, and the packet comes again with more of it.
    State on_bad_frame(const mqtt::Frame& frame);
    /// Requires Parked.
    State resume();
    /// Refuses what was accepted, for a reason that is not the client's. Requires Accepted and that
    /// the plan is still there.
    State turn_away(mqtt::ReasonCode reason, std::string_view why);

    /// Requires Accepted.
    [[nodiscard]] ConnectPlan& plan() noexcept { return plan_; }
    /// For the log: why a client was refused, and who it said it was.
    [[nodiscard]] std::string_view refusal() const noexcept { return refusal_; }
    [[nodiscard]] std::string_view client_id() const noexcept { return plan_.client_id; }
    [[nodiscard]] mqtt::ReasonCode refusal_reason() const noexcept { return refusal_reason_; }

private:
    State on_connect();
    /// Goes on with the CONNECT from the step that is not done yet.
    State go_on();
    State go_on(const mqtt::Connect& packet);
    State on_auth(const mqtt::Frame& frame);
    bool check_version(const mqtt::Connect& packet);
    bool choose_client_id(const mqtt::Connect& packet);
    bool authenticate(const mqtt::Connect& packet);
    bool apply_auth_answer(const Host::AuthAnswer& answer);
    bool authorize(const mqtt::Connect& packet);
    bool authorize_will(const mqtt::Connect& packet);
    void apply_limits(const mqtt::Connect& packet);
    void store_will(const mqtt::Will& will);
    [[nodiscard]] ConnackExtras& extras();
    State refuse(mqtt::ReasonCode reason, std::string_view why, const Denial* denial = nullptr);
    /// Without a packet that says so.
    State refuse_silently(mqtt::ReasonCode reason, std::string_view why);

    HandshakeHost& host_;
    const ListenerPolicy& policy_;
    State state_ = State::AwaitConnect;
    enum class Step : std::uint8_t { Authenticate, Register, Will };
    Step step_ = Step::Authenticate;  // what is not yet done with the CONNECT at hand
    mqtt::ProtocolVersion version_ = mqtt::ProtocolVersion::V311;
    mqtt::ReasonCode refusal_reason_ = mqtt::ReasonCode::Success;
    std::string connect_body_;  // kept: hooks may answer later and AUTH may come between
    std::optional<std::string> auth_data_;  // of the client's last AUTH
    std::optional<std::string> proven_username_;
    std::string refusal_;
    ConnectPlan plan_;
};

}  // namespace vmq::session
