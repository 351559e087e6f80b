// MQTT 5 properties of one packet, decoded as views into the packet [v5 2.2.2].
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mqtt/types.h"

namespace vmq::mqtt {

/// Property identifiers [v5 2.2.2.2]. All are below 64, so a set of them fits one word.
enum class Property : std::uint8_t {
    PayloadFormatIndicator = 0x01,
    MessageExpiryInterval = 0x02,
    ContentType = 0x03,
    ResponseTopic = 0x08,
    CorrelationData = 0x09,
    SubscriptionIdentifier = 0x0B,
    SessionExpiryInterval = 0x11,
    AssignedClientIdentifier = 0x12,
    ServerKeepAlive = 0x13,
    AuthenticationMethod = 0x15,
    AuthenticationData = 0x16,
    RequestProblemInformation = 0x17,
    WillDelayInterval = 0x18,
    RequestResponseInformation = 0x19,
    ResponseInformation = 0x1A,
    ServerReference = 0x1C,
    ReasonString = 0x1F,
    ReceiveMaximum = 0x21,
    TopicAliasMaximum = 0x22,
    TopicAlias = 0x23,
    MaximumQoS = 0x24,
    RetainAvailable = 0x25,
    UserProperty = 0x26,
    MaximumPacketSize = 0x27,
    WildcardSubscriptionAvailable = 0x28,
    SubscriptionIdentifierAvailable = 0x29,
    SharedSubscriptionAvailable = 0x2A,
};

using UserProperties = std::vector<std::pair<std::string_view, std::string_view>>;

/// What an acknowledgement says besides its codes, with memory of its own. Left out for clients
/// that asked for no problem information [v5 MQTT-3.1.2-29].
struct AckDetails {
    std::string reason_string;  // empty: none
    std::vector<std::pair<std::string, std::string>> user_properties;
};

/// A field is meaningful only if has(its property). Views point into the decoded packet (or, for
/// packets we make ourselves, to memory that outlives the call to encode).
class Properties final {
public:
    [[nodiscard]] bool has(Property property) const noexcept {
        return (present_ >> static_cast<unsigned>(property) & 1U) != 0;
    }
    [[nodiscard]] bool empty() const noexcept { return present_ == 0; }
    void set(Property property) noexcept { present_ |= 1ULL << static_cast<unsigned>(property); }
    void clear(Property property) noexcept {
        present_ &= ~(1ULL << static_cast<unsigned>(property));
    }

    std::uint32_t session_expiry_interval = 0;  // seconds; 0xFFFFFFFF: never
    std::uint32_t message_expiry_interval = 0;  // seconds
    std::uint32_t will_delay_interval = 0;      // seconds
    std::uint32_t maximum_packet_size = 0;
    std::uint16_t server_keep_alive = 0;  // seconds
    std::uint16_t receive_maximum = 0;
    std::uint16_t topic_alias_maximum = 0;
    std::uint16_t topic_alias = 0;
    std::uint8_t payload_format_indicator = 0;
    std::uint8_t request_problem_information = 1;
    std::uint8_t request_response_information = 0;
    std::uint8_t maximum_qos = 2;
    std::uint8_t retain_available = 1;
    std::uint8_t wildcard_subscription_available = 1;
    std::uint8_t subscription_identifier_available = 1;
    std::uint8_t shared_subscription_available = 1;
    std::string_view content_type;
    std::string_view response_topic;
    std::string_view correlation_data;
    std::string_view assigned_client_identifier;
    std::string_view authentication_method;
    std::string_view authentication_data;
    std::string_view response_information;
    std::string_view server_reference;
    std::string_view reason_string;
    std::vector<std::uint32_t> subscription_identifiers;
    UserProperties user_properties;  // in packet order

private:
    std::uint64_t present_ = 0;
};

/// Appends, still encoded and in their order, those properties of the encoded section `raw` that a
/// server passes on unaltered with a PUBLISH: payload format, content type, response topic,
/// correlation data and user properties [v5 MQTT-3.3.2-4, -15, -16, -17, -18, -20].
/// Requires `raw` to have been decoded without error.
void append_forwarded_properties(std::string_view raw, std::string& out);

/// Decodes what append_forwarded_properties() wrote (for hooks and for tests).
[[nodiscard]] Properties decode_forwarded_properties(std::string_view encoded);

/// Whether bytes that claim to be what append_forwarded_properties() wrote are it.
[[nodiscard]] bool are_valid_forwarded_properties(std::string_view encoded) noexcept;

/// Encodes the set properties without their length. User properties keep their order.
void append_properties(const Properties& properties, std::string& out);

}  // namespace vmq::mqtt
