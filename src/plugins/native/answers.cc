#include "plugins/native/answers.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mqtt/properties.h"
#include "mqtt/topic.h"
#include "plugins/native/native_string.h"
#include "plugins/native/sized.h"

namespace vmq::plugins::native {
namespace {

using hooks::Decision;
using mqtt::Property;
using mqtt::QoS;
using mqtt::ReasonCode;

constexpr std::size_t kMaxText = 65'535;  // what two bytes of length can say

Error invalid(std::string detail) { return {ErrorCode::InvalidValue, std::move(detail)}; }

/// Turns the fields of one answer into those of a verdict, and keeps the first thing that is wrong.
/// Fields that a smaller answer does not have are zero by then, which is "not set".
class Fields final {
public:
    explicit Fields(std::uint64_t set = 0) noexcept : set_(set) {}

    void decision(std::int32_t from, Decision& to) {
        switch (from) {
            case VMQ_NEXT:
                to = Decision::Next;
                return;
            case VMQ_OK:
                to = Decision::Ok;
                return;
            case VMQ_ERROR:
                to = Decision::Error;
                return;
            default:
                wrong("{} is no decision", from);
        }
    }

    void refusal(const vmq_refusal& from, hooks::Refusal& to) {
        if (from.reason_code != 0) to.reason = error_code(from.reason_code);
        to.reason_string = text(from.reason_string, "reason string");
        to.server_reference = text(from.server_reference, "server reference");
    }

    [[nodiscard]] ReasonCode error_code(std::uint32_t code) {
        const auto reason = static_cast<ReasonCode>(code);
        if (code <= 0xFF && mqtt::is_error(reason) && mqtt::reason_name(reason) != "unknown") {
            return reason;
        }
        wrong("{:#04x} is no reason code of an error", code);
        return ReasonCode::UnspecifiedError;
    }

    [[nodiscard]] std::string text(const vmq_string& from, std::string_view what) {
        const std::string_view bytes = view(from);
        if (bytes.size() > kMaxText) {
            wrong("the {} has {} bytes, at most {} are possible", what, bytes.size(), kMaxText);
            return {};
        }
        if (!mqtt::is_valid_utf8(bytes)) wrong("the {} is not UTF-8", what);
        return std::string(bytes);
    }

    void text(const vmq_string& from, std::optional<std::string>& to, std::string_view what) {
        if (from.data != nullptr) to = text(from, what);
    }

    void topic(const vmq_string& from, std::optional<std::string>& to) {
        if (from.data == nullptr) return;
        to = std::string(view(from));
        if (!mqtt::is_valid_topic_name(*to)) wrong("the topic cannot be published to");
    }

    [[nodiscard]] QoS qos(std::uint8_t from) {
        if (from > 2) wrong("there is no QoS {}", from);
        return from > 2 ? QoS::AtMostOnce : static_cast<QoS>(from);
    }

    void qos(std::uint64_t flag, std::uint8_t from, std::optional<QoS>& to) {
        if (has(flag)) to = qos(from);
    }

    template <typename From, typename To>
    void number(std::uint64_t flag, From from, std::optional<To>& to) const {
        if (!has(flag)) return;
        if constexpr (std::is_same_v<To, bool>) {
            to = from != 0;
        } else {
            static_assert(std::is_same_v<From, To>);
            to = from;
        }
    }

    [[nodiscard]] bool has(std::uint64_t flag) const noexcept { return (set_ & flag) != 0; }

    template <typename... Args>
    void wrong(fmt::format_string<Args...> format, Args&&... args) {
        if (!wrong_) wrong_ = fmt::format(format, static_cast<Args&&>(args)...);
    }

    template <typename Verdict>
    [[nodiscard]] Result<Verdict> result(Verdict verdict) {
        if (wrong_) return invalid(std::move(*wrong_));
        return verdict;
    }

private:
    const std::uint64_t set_;
    std::optional<std::string> wrong_;
};

/// Without one there is nothing to go by.
template <typename Answer>
bool has_decision(const Answer* answer) noexcept {
    return answer != nullptr && VMQ_HAS(answer, decision);
}

Error no_answer() { return invalid("the answer is missing or too short to hold a decision"); }

void set_limit(Fields& fields, std::uint64_t flag, std::int64_t from,
               std::optional<std::int64_t>& to, std::string_view what) {
    fields.number(flag, from, to);
    if (to.value_or(0) < -1) fields.wrong("{} is {}, and only -1 means no limit", what, *to);
}

void set_receive_maximum(Fields& fields, std::uint64_t flag, std::uint16_t from,
                         std::optional<std::uint16_t>& to) {
    fields.number(flag, from, to);
    if (to == 0) fields.wrong("a receive maximum is 1 or more");  // [v5 3.2.2.3.3]
}

/// Appends one property of a message in the form of `properties`, which keeps views of it.
void set_property(Fields& fields, const vmq_property& from, mqtt::Properties& properties,
                  hooks::PublishModifiers& modifiers) {
    const std::string_view text = view(from.text);
    const std::string_view name = view(from.name);
    if (text.size() > kMaxText || name.size() > kMaxText) {
        fields.wrong("property {:#04x} has more than {} bytes", from.id, kMaxText);
        return;
    }
    // Correlation data is the only one that is not text.
    if (from.id != VMQ_PROPERTY_CORRELATION_DATA &&
        (!mqtt::is_valid_utf8(text) || !mqtt::is_valid_utf8(name))) {
        fields.wrong("property {:#04x} is not UTF-8", from.id);
    }
    switch (from.id) {
        case VMQ_PROPERTY_MESSAGE_EXPIRY_INTERVAL:
            modifiers.message_expiry_interval = from.number;
            return;
        case VMQ_PROPERTY_PAYLOAD_FORMAT_INDICATOR:
            if (from.number > 1) fields.wrong("a payload format indicator is 0 or 1");
            properties.payload_format_indicator = static_cast<std::uint8_t>(from.number);
            break;
        case VMQ_PROPERTY_CONTENT_TYPE:
            properties.content_type = text;
            break;
        case VMQ_PROPERTY_RESPONSE_TOPIC:
            if (!mqtt::is_valid_topic_name(text)) {
                fields.wrong("the response topic cannot be published to");
            }
            properties.response_topic = text;
            break;
        case VMQ_PROPERTY_CORRELATION_DATA:
            properties.correlation_data = text;
            break;
        case VMQ_PROPERTY_USER_PROPERTY:
            properties.user_properties.emplace_back(name, text);
            break;
        default:
            fields.wrong("property {:#04x} is none of a message", from.id);
            return;
    }
    properties.set(static_cast<Property>(from.id));
}

/// What an acknowledgement says besides its codes.
void set_details(Fields& fields, const vmq_string& reason, const vmq_properties& from,
                 mqtt::AckDetails& to) {
    to.reason_string = fields.text(reason, "reason string");
    for (std::size_t i = 0; i < from.count; ++i) {
        const vmq_property& each = from.items[i];
        if (each.id != VMQ_PROPERTY_USER_PROPERTY) {
            fields.wrong("property {:#04x} is none of an acknowledgement", each.id);
            continue;
        }
        to.user_properties.emplace_back(fields.text(each.name, "user property"),
                                        fields.text(each.text, "user property"));
    }
}

void set_properties(Fields& fields, const vmq_properties& from,
                    hooks::PublishModifiers& modifiers) {
    if (!fields.has(VMQ_PUBLISH_PROPERTIES)) {
        if (from.count != 0) fields.wrong("properties are given, but not flagged");
        return;
    }
    mqtt::Properties properties;
    for (std::size_t i = 0; i < from.count; ++i) {
        set_property(fields, from.items[i], properties, modifiers);
    }
    mqtt::append_properties(properties, modifiers.properties.emplace());
}

}  // namespace

Result<hooks::RegisterVerdict> to_verdict(const vmq_register_answer* given) {
    if (!has_decision(given)) return no_answer();
    const vmq_register_answer answer = sized_copy(*given);
    Fields fields(answer.set);
    hooks::RegisterVerdict verdict;
    hooks::RegisterModifiers& to = verdict.modifiers;
    fields.decision(answer.decision, verdict.decision);
    fields.refusal(answer.refusal, verdict.refusal);
    fields.text(answer.client_id, to.client_id, "client id");
    fields.text(answer.mountpoint, to.mountpoint, "mountpoint");
    fields.text(answer.username, to.username, "user name");
    fields.text(answer.response_information, to.response_information, "response information");
    fields.number(VMQ_REGISTER_CLEAN_START, answer.clean_start, to.clean_start);
    fields.number(VMQ_REGISTER_SESSION_EXPIRY_INTERVAL, answer.session_expiry_interval_s,
                  to.session_expiry_interval_s);
    fields.number(VMQ_REGISTER_MAX_MESSAGE_SIZE, answer.max_message_size, to.max_message_size);
    fields.number(VMQ_REGISTER_MAX_MESSAGE_RATE, answer.max_message_rate, to.max_message_rate);
    fields.number(VMQ_REGISTER_MAX_INFLIGHT_MESSAGES, answer.max_inflight_messages,
                  to.max_inflight_messages);
    fields.number(VMQ_REGISTER_RETRY_INTERVAL, answer.retry_interval_ms, to.retry_interval_ms);
    fields.number(VMQ_REGISTER_UPGRADE_QOS, answer.upgrade_qos, to.upgrade_qos);
    fields.number(VMQ_REGISTER_ALLOW_MULTIPLE_SESSIONS, answer.allow_multiple_sessions,
                  to.allow_multiple_sessions);
    set_limit(fields, VMQ_REGISTER_MAX_ONLINE_MESSAGES, answer.max_online_messages,
              to.max_online_messages, "max_online_messages");
    set_limit(fields, VMQ_REGISTER_MAX_OFFLINE_MESSAGES, answer.max_offline_messages,
              to.max_offline_messages, "max_offline_messages");
    fields.number(VMQ_REGISTER_QUEUE_LIFO, answer.queue_lifo, to.queue_lifo);
    fields.number(VMQ_REGISTER_MAX_CONNECTION_LIFETIME, answer.max_connection_lifetime_s,
                  to.max_connection_lifetime_s);
    fields.number(VMQ_REGISTER_REQUEST_PROBLEM_INFO, answer.request_problem_info,
                  to.request_problem_info);
    fields.number(VMQ_REGISTER_TOPIC_ALIAS_MAX, answer.topic_alias_max, to.topic_alias_max);
    set_receive_maximum(fields, VMQ_REGISTER_RECEIVE_MAX_CLIENT, answer.receive_max_client,
                        to.fc_receive_max_client);
    set_receive_maximum(fields, VMQ_REGISTER_RECEIVE_MAX_BROKER, answer.receive_max_broker,
                        to.fc_receive_max_broker);
    fields.number(VMQ_REGISTER_MAX_PACKET_SIZE, answer.max_packet_size, to.max_packet_size);
    fields.qos(VMQ_REGISTER_MAX_QOS, answer.max_qos, to.max_qos);
    fields.number(VMQ_REGISTER_RETAIN_AVAILABLE, answer.retain_available, to.retain_available);
    fields.number(VMQ_REGISTER_WILDCARD_SUBS_AVAILABLE, answer.wildcard_subs_available,
                  to.wildcard_subs_available);
    fields.number(VMQ_REGISTER_SUB_IDS_AVAILABLE, answer.sub_ids_available, to.sub_ids_available);
    fields.number(VMQ_REGISTER_SHARED_SUBS_AVAILABLE, answer.shared_subs_available,
                  to.shared_subs_available);
    return fields.result(std::move(verdict));
}

Result<hooks::AuthVerdict> to_verdict(const vmq_auth_answer* given) {
    if (!has_decision(given)) return no_answer();
    const vmq_auth_answer answer = sized_copy(*given);
    Fields fields;
    hooks::AuthVerdict verdict;
    fields.decision(answer.decision, verdict.decision);
    fields.refusal(answer.refusal, verdict.refusal);
    verdict.continues = answer.continues != 0;
    verdict.data = view(answer.data);
    if (verdict.data.size() > kMaxText) fields.wrong("the data has more than {} bytes", kMaxText);
    verdict.reason_string = fields.text(answer.reason_string, "reason string");
    return fields.result(std::move(verdict));
}

Result<hooks::PublishVerdict> to_verdict(const vmq_publish_answer* given) {
    if (!has_decision(given)) return no_answer();
    const vmq_publish_answer answer = sized_copy(*given);
    Fields fields(answer.set);
    hooks::PublishVerdict verdict;
    hooks::PublishModifiers& to = verdict.modifiers;
    fields.decision(answer.decision, verdict.decision);
    fields.refusal(answer.refusal, verdict.refusal);
    fields.topic(answer.topic, to.topic);
    if (answer.payload.data != nullptr) to.payload = view(answer.payload);
    fields.text(answer.mountpoint, to.mountpoint, "mountpoint");
    fields.qos(VMQ_PUBLISH_QOS, answer.qos, to.qos);
    fields.number(VMQ_PUBLISH_RETAIN, answer.retain, to.retain);
    if (fields.has(VMQ_PUBLISH_THROTTLE)) to.throttle_ms = answer.throttle_ms;
    set_properties(fields, answer.properties, to);
    return fields.result(std::move(verdict));
}

Result<broker::Publication> to_publication(const vmq_message* given) {
    if (given == nullptr || !VMQ_HAS(given, topic)) return invalid("the message has no topic");
    const vmq_message message = sized_copy(*given);
    Fields fields;
    broker::Publication publication;
    publication.mountpoint = fields.text(message.mountpoint, "mountpoint");
    std::optional<std::string> topic;
    fields.topic(native_string(view(message.topic)), topic);
    publication.topic = std::move(*topic);
    publication.payload = view(message.payload);
    publication.qos = fields.qos(message.qos);
    publication.retain = message.retain != 0;
    mqtt::Properties properties;
    hooks::PublishModifiers modifiers;
    for (std::size_t i = 0; i < message.properties.count; ++i) {
        set_property(fields, message.properties.items[i], properties, modifiers);
    }
    mqtt::append_properties(properties, publication.properties);
    publication.message_expiry_interval = modifiers.message_expiry_interval;
    return fields.result(std::move(publication));
}

Result<hooks::SubscribeVerdict> to_verdict(const vmq_subscribe_answer* given) {
    if (!has_decision(given)) return no_answer();
    const vmq_subscribe_answer answer = sized_copy(*given);
    Fields fields(answer.set);
    hooks::SubscribeVerdict verdict;
    fields.decision(answer.decision, verdict.decision);
    fields.refusal(answer.refusal, verdict.refusal);
    set_details(fields, answer.reason_string, answer.properties, verdict.details);
    if (!fields.has(VMQ_SUBSCRIBE_SUBSCRIPTIONS)) {
        if (answer.subscription_count != 0) {
            fields.wrong("subscriptions are given, but not flagged");
        }
        return fields.result(std::move(verdict));
    }
    auto& topics = verdict.topics.emplace();
    for (std::size_t i = 0; i < answer.subscription_count; ++i) {
        const vmq_subscription& from = answer.subscriptions[i];
        auto& to = topics.emplace_back();
        to.filter = fields.text(from.filter, "filter");
        to.options.qos = fields.qos(from.qos);
        to.options.no_local = from.no_local != 0;
        to.options.retain_as_published = from.retain_as_published != 0;
        if (from.retain_handling > 2) fields.wrong("retain handling is 0, 1 or 2");
        to.options.retain_handling = static_cast<mqtt::RetainHandling>(from.retain_handling & 3);
        if (from.reason_code != 0) to.reason = fields.error_code(from.reason_code);
        to.left_to_next = from.leave != 0;
    }
    return fields.result(std::move(verdict));
}

Result<hooks::UnsubscribeVerdict> to_verdict(const vmq_unsubscribe_answer* given) {
    if (!has_decision(given)) return no_answer();
    const vmq_unsubscribe_answer answer = sized_copy(*given);
    Fields fields(answer.set);
    hooks::UnsubscribeVerdict verdict;
    fields.decision(answer.decision, verdict.decision);
    set_details(fields, answer.reason_string, answer.properties, verdict.details);
    if (!fields.has(VMQ_UNSUBSCRIBE_FILTERS)) {
        if (answer.filter_count != 0) fields.wrong("filters are given, but not flagged");
        return fields.result(std::move(verdict));
    }
    auto& filters = verdict.filters.emplace();
    for (std::size_t i = 0; i < answer.filter_count; ++i) {
        filters.push_back(fields.text(answer.filters[i], "filter"));
    }
    return fields.result(std::move(verdict));
}

}  // namespace vmq::plugins::native
