// What the protocol asks of its surroundings: the broker implements it, tests script it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/output_buffer.h"
#include "mqtt/packets.h"
#include "mqtt/types.h"
#include "session/connect_plan.h"

namespace vmq::session {

/// Pending: the host calls the matching resume function later, and no packet is handed in before.
enum class Answer : std::uint8_t { Allowed, Denied, Pending };

/// Why something was denied; the views live as long as the call.
struct Denial {
    mqtt::ReasonCode reason = mqtt::ReasonCode::NotAuthorized;
    std::string reason_string;
    std::string server_reference;
};

/// A PUBLISH on its way to the router. authorize_publish() may point the views elsewhere (to memory
/// that stays valid until route() returns) and change the rest.
struct PublishIntent {
    std::string_view mountpoint;
    std::string_view topic;
    std::string_view payload;
    std::string_view properties;  // encoded, those forwarded unaltered
    std::optional<std::uint32_t> message_expiry_s;
    mqtt::QoS qos = mqtt::QoS::AtMostOnce;
    bool retain = false;
    std::uint32_t throttle_ms = 0;  // out: pause this client's reads
    // Out, of wills: which plugin has allowed it, and by the how manieth rules, see StoredWill.
    std::uint8_t allowed_by = kNotAuthenticated;
    std::uint64_t rules = 0;
};

/// Names an acknowledgement that has to wait until its message is safe.
using AckTicket = std::uint32_t;

struct Routed {
    bool matched = false;  // somebody subscribes
    /// How often the host will call Session::on_safe(ticket) before the message is safe; 0: it is.
    std::uint32_t waits = 0;
    /// Not Success: the message was refused (quota, disk full); nobody got it.
    mqtt::ReasonCode reason = mqtt::ReasonCode::Success;
    /// It was refused because the cluster is not complete; the code is a matter of the packet.
    bool not_ready = false;
    /// For the client, of what was refused; a literal.
    std::string_view refusal = "the message could not be stored";
};

struct SubscribeIntent {
    std::vector<mqtt::SubscribeEntry> entries;  // authorisation may replace them
    std::vector<mqtt::ReasonCode> refusals;     // by entry; Success: not refused
    const mqtt::Properties* properties = nullptr;
    std::uint32_t subscription_id = 0;
    mqtt::AckDetails details;  // out: for the SUBACK
};

struct UnsubscribeIntent {
    std::vector<std::string_view> filters;  // authorisation may replace them
    const mqtt::Properties* properties = nullptr;
    mqtt::AckDetails details;  // out: for the UNSUBACK
    bool not_ready = false;    // out: nothing is taken away, the cluster is not complete
};

enum class CloseCause : std::uint8_t {
    ClientDisconnect,          // DISCONNECT 0x00: no will
    ClientDisconnectWithWill,  // DISCONNECT with any other code
    Refused,                   // CONNECT refused
    ProtocolError,
    KeepAliveTimeout,
    TakenOver,
    NotAuthorized,
    PacketTooLarge,
    ServerShutdown,
    AdministrativeAction,
    MaxLifetime,
    PeerClosed,
    ConnectTimeout,
};

/// What a Session may ask for. All calls come from the session's shard, during a call into it.
class Host {
public:
    virtual ~Host() = default;

    /// Where packets for the client go; written at the end of the turn.
    [[nodiscard]] virtual OutputBuffer& output() = 0;
    /// Ends the connection after what is in output() was written. Called at most once.
    virtual void close(CloseCause cause, std::string_view detail) = 0;

    // Publishing.
    virtual Answer authorize_publish(PublishIntent& intent, Denial& denial) = 0;
    virtual Routed route(const PublishIntent& intent, AckTicket ticket) = 0;
    [[nodiscard]] virtual bool qos2_remembered(mqtt::PacketId id) = 0;
    /// Like route(): how often the host will call Session::on_safe(ticket) before it is remembered
    /// for good.
    [[nodiscard]] virtual std::uint32_t qos2_remember(mqtt::PacketId id, AckTicket ticket) = 0;
    virtual bool qos2_forget(mqtt::PacketId id) = 0;
    /// How often the host will call Session::on_safe(ticket) before everything that this client has
    /// published, on earlier connections too, is safe.
    [[nodiscard]] virtual std::uint32_t await_published(AckTicket ticket) = 0;

    // Acknowledgements from the client. False, with the reason: the id is not in flight.
    virtual bool on_puback(mqtt::PacketId id) = 0;
    enum class PubrecAnswer : std::uint8_t { SendPubrel, Nothing, Unknown };
    virtual PubrecAnswer on_pubrec(mqtt::PacketId id, mqtt::ReasonCode reason) = 0;
    virtual bool on_pubcomp(mqtt::PacketId id) = 0;

    // Subscribing.
    virtual Answer authorize_subscribe(SubscribeIntent& intent, Denial& denial) = 0;
    /// Subscribes one valid, authorised entry and arranges for its retained messages after the
    /// SUBACK. The reason is Granted QoS 0 to 2 or an error.
    virtual mqtt::ReasonCode subscribe(const mqtt::SubscribeEntry& entry,
                                       std::uint32_t subscription_id) = 0;
    /// Called once per SUBSCRIBE after its SUBACK was encoded.
    virtual void subscribed(const SubscribeIntent& intent,
                            const std::vector<mqtt::ReasonCode>& reasons) = 0;
    /// The hook may change what is removed.
    virtual void authorize_unsubscribe(UnsubscribeIntent& intent) = 0;
    virtual bool unsubscribe(std::string_view filter) = 0;
    virtual void unsubscribed(const UnsubscribeIntent& intent) = 0;

    // Answers to what must survive a crash.
    /// Something that this client has changed is not safe yet: answers go through send_when_safe().
    [[nodiscard]] virtual bool unsafe() const noexcept = 0;
    virtual void send_when_safe(mqtt::PacketType type, mqtt::ReasonCode reason,
                                std::string packet) = 0;

    // Ending.
    virtual void set_session_expiry(std::uint32_t seconds) = 0;
    virtual void discard_will() = 0;

    /// Enhanced authentication on a running connection [v5 4.12.1].
    struct AuthAnswer {
        Answer answer = Answer::Denied;
        bool continues = false;
        std::string data;
        std::string reason_string;
        Denial denial;
    };
    /// `properties` are those of the AUTH.
    virtual AuthAnswer reauthenticate(std::string_view method, std::string_view data,
                                      const mqtt::Properties& properties) = 0;

    // Counting. `reason` of packets that have none is Success.
    virtual void count_received(mqtt::ProtocolVersion version, mqtt::PacketType type,
                                mqtt::ReasonCode reason) = 0;
    virtual void count_sent(mqtt::ProtocolVersion version, mqtt::PacketType type,
                            mqtt::ReasonCode reason) = 0;
};

}  // namespace vmq::session
