#include "plugins/native/native_contexts.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "mqtt/properties.h"
#include "plugins/native/native_string.h"

namespace vmq::plugins::native {
namespace {

using mqtt::Property;

vmq_string string(std::string_view text) noexcept { return native_string(text); }

vmq_string string(const std::optional<std::string_view>& text) noexcept {
    return text ? native_string(*text) : kNoString;
}

vmq_client client(const hooks::SubscriberId& subscriber,
                  const std::optional<std::string_view>& username = std::nullopt) noexcept {
    return {string(subscriber.mountpoint), string(subscriber.client_id), string(username)};
}

/// All zero but its size.
template <typename Context>
Context empty() noexcept {
    Context context;
    std::memset(&context, 0, sizeof(context));
    context.size = sizeof(context);
    return context;
}

std::uint8_t flag(bool set) noexcept { return set ? 1 : 0; }

/// Appends those of `from` that the packets have which hooks are told about.
void append(const mqtt::Properties& from, std::vector<vmq_property>& to) {
    const auto number = [&](Property property, std::uint32_t value) {
        if (!from.has(property)) return;
        to.push_back({static_cast<std::uint32_t>(property), value, kNoString, kNoString});
    };
    const auto text = [&](Property property, std::string_view value) {
        if (!from.has(property)) return;
        to.push_back({static_cast<std::uint32_t>(property), 0, string(value), kNoString});
    };
    number(Property::PayloadFormatIndicator, from.payload_format_indicator);
    number(Property::MessageExpiryInterval, from.message_expiry_interval);
    text(Property::ContentType, from.content_type);
    text(Property::ResponseTopic, from.response_topic);
    text(Property::CorrelationData, from.correlation_data);
    number(Property::SessionExpiryInterval, from.session_expiry_interval);
    text(Property::AuthenticationMethod, from.authentication_method);
    text(Property::AuthenticationData, from.authentication_data);
    number(Property::RequestProblemInformation, from.request_problem_information);
    number(Property::RequestResponseInformation, from.request_response_information);
    number(Property::ReceiveMaximum, from.receive_maximum);
    number(Property::TopicAliasMaximum, from.topic_alias_maximum);
    number(Property::MaximumPacketSize, from.maximum_packet_size);
    text(Property::AssignedClientIdentifier, from.assigned_client_identifier);
    number(Property::ServerKeepAlive, from.server_keep_alive);
    text(Property::ResponseInformation, from.response_information);
    number(Property::MaximumQoS, from.maximum_qos);
    number(Property::RetainAvailable, from.retain_available);
    number(Property::WildcardSubscriptionAvailable, from.wildcard_subscription_available);
    number(Property::SubscriptionIdentifierAvailable, from.subscription_identifier_available);
    number(Property::SharedSubscriptionAvailable, from.shared_subscription_available);
    for (const std::uint32_t identifier : from.subscription_identifiers) {
        number(Property::SubscriptionIdentifier, identifier);
    }
    for (const auto& [name, value] : from.user_properties) {
        to.push_back({VMQ_PROPERTY_USER_PROPERTY, 0, string(value), string(name)});
    }
}

}  // namespace

vmq_properties NativeContexts::list(const mqtt::Properties* properties) {
    properties_.clear();
    if (properties != nullptr) append(*properties, properties_);
    return {properties_.data(), properties_.size()};
}

vmq_properties NativeContexts::list(std::string_view encoded,
                                    std::optional<std::uint32_t> expiry_interval) {
    properties_.clear();
    if (!encoded.empty()) append(mqtt::decode_forwarded_properties(encoded), properties_);
    if (expiry_interval) {
        properties_.push_back(
            {VMQ_PROPERTY_MESSAGE_EXPIRY_INTERVAL, *expiry_interval, kNoString, kNoString});
    }
    return {properties_.data(), properties_.size()};
}

vmq_register_context NativeContexts::of(const hooks::RegisterContext& context) {
    auto told = empty<vmq_register_context>();
    told.client = client(context.subscriber, context.username);
    told.password = string(context.password);
    told.peer_address = string(context.peer.address);
    told.peer_port = context.peer.port;
    told.clean_start = flag(context.clean_start);
    told.v5 = flag(context.v5);
    told.properties = list(context.properties);
    if (const auto* from = context.metadata) {
        listener_ = empty<vmq_listener>();
        listener_.address = string(from->listener_address);
        listener_.type = string(from->listener_type);
        if (!from->client_certificate.empty()) {
            listener_.client_certificate = string(from->client_certificate);
        }
        listener_.port = from->listener_port;
        told.listener = &listener_;
    }
    return told;
}

vmq_auth_context NativeContexts::of(const hooks::AuthContext& context) {
    auto told = empty<vmq_auth_context>();
    told.client = client(context.subscriber, context.username);
    told.method = string(context.method);
    told.data = string(context.data);
    told.properties = list(context.properties);
    return told;
}

vmq_publish_context NativeContexts::of(const hooks::PublishContext& context) {
    auto told = empty<vmq_publish_context>();
    told.client = client(context.subscriber, context.username);
    told.topic = string(context.topic);
    told.payload = string(context.payload);
    told.qos = static_cast<std::uint8_t>(context.qos);
    told.retain = flag(context.retain);
    told.v5 = flag(context.v5);
    told.properties = list(context.properties, context.message_expiry_interval);
    return told;
}

vmq_subscribe_context NativeContexts::of(const hooks::SubscribeContext& context) {
    auto told = empty<vmq_subscribe_context>();
    told.client = client(context.subscriber, context.username);
    subscriptions_.clear();
    if (context.entries != nullptr) {
        for (const mqtt::SubscribeEntry& entry : *context.entries) {
            auto& to = subscriptions_.emplace_back();
            to.filter = string(entry.filter);
            to.qos = static_cast<std::uint8_t>(entry.options.qos);
            to.no_local = flag(entry.options.no_local);
            to.retain_as_published = flag(entry.options.retain_as_published);
            to.retain_handling = static_cast<std::uint8_t>(entry.options.retain_handling);
        }
    }
    told.subscriptions = subscriptions_.data();
    told.subscription_count = subscriptions_.size();
    told.v5 = flag(context.v5);
    told.properties = list(context.properties);
    return told;
}

vmq_unsubscribe_context NativeContexts::of(const hooks::UnsubscribeContext& context) {
    auto told = empty<vmq_unsubscribe_context>();
    told.client = client(context.subscriber, context.username);
    filters_.clear();
    if (context.filters != nullptr) {
        for (const std::string_view filter : *context.filters) filters_.push_back(string(filter));
    }
    told.filters = filters_.data();
    told.filter_count = filters_.size();
    told.all_filters = flag(context.filters == nullptr);
    told.v5 = flag(context.v5);
    told.properties = list(context.properties);
    return told;
}

vmq_client_context NativeContexts::of(const hooks::ClientContext& context) {
    auto told = empty<vmq_client_context>();
    told.client = client(context.subscriber, context.username);
    told.peer_address = string(context.peer.address);
    told.peer_port = context.peer.port;
    told.v5 = flag(context.v5);
    told.properties = list(context.properties);
    return told;
}

vmq_message_context NativeContexts::of(const hooks::MessageContext& context) {
    auto told = empty<vmq_message_context>();
    told.client = client(context.subscriber);
    told.topic = string(context.topic);
    told.payload = string(context.payload);
    told.qos = static_cast<std::uint8_t>(context.qos);
    told.retain = flag(context.retain);
    told.drop_reason = static_cast<std::uint8_t>(context.reason);
    told.properties = list(context.properties, context.message_expiry_interval);
    return told;
}

vmq_config_context NativeContexts::of(const hooks::ConfigContext& context) {
    auto told = empty<vmq_config_context>();
    entries_.clear();
    if (context.entries != nullptr) {
        for (const auto& entry : *context.entries) {
            entries_.push_back({native_string(entry.key),
                                entry.value.empty() ? kNoString : native_string(entry.value)});
        }
    }
    told.entries = entries_.data();
    told.entry_count = entries_.size();
    told.at_start = flag(context.at_start);
    return told;
}

static_assert(VMQ_DROP_QUEUE_FULL == static_cast<int>(hooks::DropReason::QueueFull));
static_assert(VMQ_DROP_EXPIRED == static_cast<int>(hooks::DropReason::Expired));
static_assert(VMQ_DROP_MAX_PACKET_SIZE_EXCEEDED ==
              static_cast<int>(hooks::DropReason::MaxPacketSizeExceeded));

}  // namespace vmq::plugins::native
