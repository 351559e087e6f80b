// SUBSCRIBE and UNSUBSCRIBE.
#include <utility>

#include "mqtt/encoder.h"
#include "mqtt/topic.h"
#include "session/refusal.h"
#include "session/session.h"

namespace vmq::session {

using mqtt::PacketType;
using mqtt::ReasonCode;

void Session::on_subscribe(const mqtt::Frame& frame) {
    mqtt::Subscribe packet;
    const auto status = mqtt::decode_subscribe(frame, version_, packet);
    if (!status.ok()) return fail(status.reason, status.what);
    // [v5 3.2.2.3.11, 3.2.2.3.12, 3.2.2.3.13]
    const Capabilities& may = plan_.capabilities;
    if (!may.subscription_identifiers &&
        packet.properties.has(mqtt::Property::SubscriptionIdentifier)) {
        return fail(ReasonCode::SubscriptionIdentifiersNotSupported,
                    "a subscription identifier although they are not available");
    }
    for (mqtt::SubscribeEntry& entry : packet.entries) {
        if (!may.shared_subscriptions && entry.filter.starts_with("$share/")) {
            return fail(ReasonCode::SharedSubscriptionsNotSupported,
                        "a shared subscription although they are not available");
        }
        if (!may.wildcard_subscriptions &&
            entry.filter.find_first_of("+#") != std::string_view::npos) {
            return fail(ReasonCode::WildcardSubscriptionsNotSupported,
                        "a filter with wildcards although they are not available");
        }
        if (mqtt::level_count(entry.filter) > plan_.settings->topic_max_depth) {
            return fail(ReasonCode::TopicFilterInvalid,
                        "topic filter has more levels than topic_max_depth");
        }
        if (plan_.bridge) {
            entry.options.retain_as_published = true;
            entry.options.no_local = !entry.filter.starts_with("$share/");
        }
    }
    const std::size_t asked = packet.entries.size();
    SubscribeIntent intent;
    intent.entries = std::move(packet.entries);
    intent.properties = &packet.properties;
    if (packet.properties.has(mqtt::Property::SubscriptionIdentifier)) {
        intent.subscription_id = packet.properties.subscription_identifiers.front();
    }
    mqtt::Suback reply;
    reply.id = packet.id;
    Denial denial;
    switch (host_.authorize_subscribe(intent, denial)) {
        case Answer::Pending:
            return park(frame);
        case Answer::Denied:
            reply.reasons.assign(intent.entries.size(),
                                 refusal_in(PacketType::Suback, denial.reason));
            intent.refusals = reply.reasons;
            break;
        case Answer::Allowed:
            for (std::size_t i = 0; i < intent.entries.size(); ++i) {
                const bool refused =
                    i < intent.refusals.size() && mqtt::is_error(intent.refusals[i]);
                const ReasonCode reason =
                    refused ? intent.refusals[i]
                            : host_.subscribe(intent.entries[i], intent.subscription_id);
                reply.reasons.push_back(
                    mqtt::is_error(reason) ? refusal_in(PacketType::Suback, reason) : reason);
            }
            break;
    }
    // One reason per filter that the client sent, in order [v5 MQTT-3.8.4-6] [v3.1.1 MQTT-3.8.4-5],
    // however many a hook put in their place.
    const std::vector<ReasonCode> reasons = reply.reasons;
    reply.reasons.resize(asked, ReasonCode::NotAuthorized);
    if (!denial.reason_string.empty()) intent.details.reason_string = denial.reason_string;
    add_details(intent.details, reply.properties);
    std::string bytes;
    mqtt::encode_suback(reply, version_, bytes);  // [v5 MQTT-3.8.4-1]
    if (!fits(bytes.size()) && !reply.properties.empty()) {
        bytes.clear();
        reply.properties = {};  // [v5 MQTT-3.9.2-1, -2]
        mqtt::encode_suback(reply, version_, bytes);
    }
    if (!answer_if_fits(PacketType::Suback, std::move(bytes))) return fail_to_answer();
    host_.subscribed(intent, reasons);
}

void Session::add_details(const mqtt::AckDetails& details, mqtt::Properties& to) const {
    if (!plan_.request_problem_information) return;  // [v5 MQTT-3.1.2-29]
    set_text(to, mqtt::Property::ReasonString, to.reason_string, details.reason_string);
    for (const auto& [name, value] : details.user_properties) {
        add_user_property(to, name, value);
    }
}

void Session::on_unsubscribe(const mqtt::Frame& frame) {
    mqtt::Unsubscribe packet;
    const auto status = mqtt::decode_unsubscribe(frame, version_, packet);
    if (!status.ok()) return fail(status.reason, status.what);
    UnsubscribeIntent intent;
    intent.filters = packet.filters;
    intent.properties = &packet.properties;
    host_.authorize_unsubscribe(intent);
    const auto& filters = intent.filters;
    mqtt::Unsuback reply;
    reply.id = packet.id;
    if (intent.not_ready) {
        // In MQTT 3 an UNSUBACK would say that it was done: the client tries again.
        if (!v5()) return;
        reply.reasons.assign(packet.filters.size(), ReasonCode::ImplementationSpecificError);
        (void)send_unsuback(reply, intent.details);  // [v5 MQTT-3.10.4-5]
        return;
    }
    std::vector<bool> existed;
    for (const std::string_view filter : filters) existed.push_back(host_.unsubscribe(filter));
    for (std::size_t i = 0; i < packet.filters.size(); ++i) {
        // A hook may have put other filters in place: then the client's own are gone as asked.
        const bool known = filters.size() != packet.filters.size() || existed[i];
        reply.reasons.push_back(known ? ReasonCode::Success : ReasonCode::NoSubscriptionExisted);
    }
    if (send_unsuback(reply, intent.details)) host_.unsubscribed(intent);
}

bool Session::send_unsuback(mqtt::Unsuback& reply, const mqtt::AckDetails& details) {
    add_details(details, reply.properties);
    std::string bytes;
    mqtt::encode_unsuback(reply, version_, bytes);  // [v5 MQTT-3.10.4-4, -5]
    if (!fits(bytes.size()) && !reply.properties.empty()) {
        bytes.clear();
        reply.properties = {};  // [v5 MQTT-3.11.2-1, -2]
        mqtt::encode_unsuback(reply, version_, bytes);
    }
    if (answer_if_fits(PacketType::Unsuback, std::move(bytes))) return true;
    fail_to_answer();
    return false;
}

}  // namespace vmq::session
