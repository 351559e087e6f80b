#include "conformance/scripted_plugin.h"

#include <map>

namespace vmq::conformance {
namespace {

using Facts = std::map<std::string_view, std::string_view>;

const HookRule* first_match(const std::vector<HookRule>& rules, std::string_view hook,
                            const Facts& facts) {
    for (const HookRule& rule : rules) {
        if (rule.hook != hook) continue;
        bool matches = true;
        for (const Word& word : rule.match) {
            const auto fact = facts.find(word.key);
            matches = matches && fact != facts.end() && fact->second == word.value;
        }
        if (matches) return &rule;
    }
    return nullptr;
}

std::optional<std::string> text_of(const HookRule& rule, std::string_view key) {
    const Word* word = find_word(rule.changes, key);
    if (word == nullptr) return {};
    return word->value;
}

template <typename T>
std::optional<T> number_of(const HookRule& rule, std::string_view key) {
    const Word* word = find_word(rule.changes, key);
    if (word == nullptr) return {};
    return static_cast<T>(parse_number(word->value).value_or(0));
}

std::optional<bool> flag_of(const HookRule& rule, std::string_view key) {
    const auto text = text_of(rule, key);
    if (!text) return {};
    return *text == "on";
}

hooks::Refusal refusal_of(const HookRule& rule) {
    hooks::Refusal refusal;
    if (const auto reason = number_of<std::uint8_t>(rule, "reason")) {
        refusal.reason = static_cast<mqtt::ReasonCode>(*reason);
    }
    refusal.reason_string = text_of(rule, "reason_string").value_or("");
    refusal.server_reference = text_of(rule, "server_reference").value_or("");
    return refusal;
}

/// A verdict with the decision and the refusal of `rule`; Next without a rule.
template <typename Verdict>
Verdict begin_verdict(const HookRule* rule) {
    Verdict verdict;
    if (rule == nullptr) return verdict;
    verdict.decision = rule->outcome == "error" ? hooks::Decision::Error : hooks::Decision::Ok;
    verdict.refusal = refusal_of(*rule);
    return verdict;
}

}  // namespace

Result<std::unique_ptr<ScriptedPlugin>> ScriptedPlugin::make(const std::vector<HookRule>& rules) {
    static const std::map<std::string, hooks::Hook> kHooks{
        {"auth_on_register", hooks::Hook::AuthOnRegister},
        {"on_auth", hooks::Hook::OnAuth},
        {"auth_on_publish", hooks::Hook::AuthOnPublish},
        {"auth_on_subscribe", hooks::Hook::AuthOnSubscribe},
        {"on_deliver", hooks::Hook::OnDeliver},
    };
    std::unique_ptr<ScriptedPlugin> plugin(new ScriptedPlugin(rules));
    for (const HookRule& rule : rules) {
        const auto found = kHooks.find(rule.hook);
        const bool known = rule.outcome == "ok" || rule.outcome == "error" ||
                           (rule.outcome == "continue" && rule.hook == "on_auth");
        if (found == kHooks.end() || !known) {
            return Error{ErrorCode::InvalidValue, "hook " + rule.hook + " -> " + rule.outcome};
        }
        plugin->hooks_ |= hooks::hook_bit(found->second);
    }
    return plugin;
}

std::optional<hooks::RegisterVerdict> ScriptedPlugin::auth_on_register(
    const hooks::RegisterContext& context, hooks::Completion<hooks::RegisterVerdict> /*done*/) {
    const Facts facts{{"client_id", context.subscriber.client_id},
                      {"mountpoint", context.subscriber.mountpoint},
                      {"username", context.username.value_or("")},
                      {"password", context.password.value_or("")}};
    const HookRule* rule = first_match(rules_, "auth_on_register", facts);
    auto verdict = begin_verdict<hooks::RegisterVerdict>(rule);
    if (rule == nullptr) return verdict;
    auto& changes = verdict.modifiers;
    changes.client_id = text_of(*rule, "client_id");
    changes.mountpoint = text_of(*rule, "mountpoint");
    changes.username = text_of(*rule, "username");
    changes.clean_start = flag_of(*rule, "clean_start");
    changes.session_expiry_interval_s = number_of<std::uint32_t>(*rule, "session_expiry_interval");
    changes.max_message_size = number_of<std::uint32_t>(*rule, "max_message_size");
    changes.max_message_rate = number_of<std::uint32_t>(*rule, "max_message_rate");
    changes.max_inflight_messages = number_of<std::uint16_t>(*rule, "max_inflight_messages");
    changes.upgrade_qos = flag_of(*rule, "upgrade_qos");
    changes.allow_multiple_sessions = flag_of(*rule, "allow_multiple_sessions");
    changes.response_information = text_of(*rule, "response_information");
    changes.request_problem_info = flag_of(*rule, "request_problem_info");
    changes.topic_alias_max = number_of<std::uint16_t>(*rule, "topic_alias_max");
    changes.fc_receive_max_client = number_of<std::uint16_t>(*rule, "fc_receive_max_client");
    changes.fc_receive_max_broker = number_of<std::uint16_t>(*rule, "fc_receive_max_broker");
    changes.max_packet_size = number_of<std::uint32_t>(*rule, "max_packet_size");
    changes.max_qos = number_of<mqtt::QoS>(*rule, "max_qos");
    changes.retain_available = flag_of(*rule, "retain_available");
    changes.wildcard_subs_available = flag_of(*rule, "wildcard_subs_available");
    changes.sub_ids_available = flag_of(*rule, "sub_ids_available");
    changes.shared_subs_available = flag_of(*rule, "shared_subs_available");
    return verdict;
}

std::optional<hooks::AuthVerdict> ScriptedPlugin::on_auth(
    const hooks::AuthContext& context, hooks::Completion<hooks::AuthVerdict> /*done*/) {
    const Facts facts{{"method", context.method}, {"data", context.data}};
    const HookRule* rule = first_match(rules_, "on_auth", facts);
    auto verdict = begin_verdict<hooks::AuthVerdict>(rule);
    if (rule == nullptr) return verdict;
    verdict.continues = rule->outcome == "continue";
    verdict.data = text_of(*rule, "data").value_or("");
    verdict.reason_string = text_of(*rule, "reason_string").value_or("");
    return verdict;
}

std::optional<hooks::PublishVerdict> ScriptedPlugin::auth_on_publish(
    const hooks::PublishContext& context, hooks::Completion<hooks::PublishVerdict> /*done*/) {
    const Facts facts{{"client_id", context.subscriber.client_id},
                      {"topic", context.topic},
                      {"payload", context.payload}};
    const HookRule* rule = first_match(rules_, "auth_on_publish", facts);
    auto verdict = begin_verdict<hooks::PublishVerdict>(rule);
    if (rule == nullptr) return verdict;
    verdict.modifiers.topic = text_of(*rule, "topic");
    verdict.modifiers.payload = text_of(*rule, "payload");
    verdict.modifiers.retain = flag_of(*rule, "retain");
    verdict.modifiers.mountpoint = text_of(*rule, "mountpoint");
    verdict.modifiers.throttle_ms = number_of<std::uint32_t>(*rule, "throttle").value_or(0);
    if (const auto qos = number_of<std::uint8_t>(*rule, "qos")) {
        verdict.modifiers.qos = static_cast<mqtt::QoS>(*qos);
    }
    return verdict;
}

std::optional<hooks::SubscribeVerdict> ScriptedPlugin::auth_on_subscribe(
    const hooks::SubscribeContext& context, hooks::Completion<hooks::SubscribeVerdict> /*done*/) {
    // One rule per filter; a denied one is refused alone, a whole request with `whole=on`.
    hooks::SubscribeVerdict verdict;
    std::vector<hooks::SubscribeVerdict::Topic> topics;
    for (const mqtt::SubscribeEntry& entry : *context.entries) {
        const Facts facts{{"client_id", context.subscriber.client_id}, {"topic", entry.filter}};
        const HookRule* rule = first_match(rules_, "auth_on_subscribe", facts);
        hooks::SubscribeVerdict::Topic topic{std::string(entry.filter), entry.options};
        if (rule != nullptr) {
            verdict.decision = hooks::Decision::Ok;
            if (rule->outcome == "error") {
                topic.reason = refusal_of(*rule).reason.value_or(mqtt::ReasonCode::NotAuthorized);
                if (flag_of(*rule, "whole").value_or(false)) {
                    return begin_verdict<hooks::SubscribeVerdict>(rule);
                }
            }
            topic.filter = text_of(*rule, "topic").value_or(topic.filter);
            if (const auto qos = number_of<std::uint8_t>(*rule, "qos")) {
                topic.options.qos = static_cast<mqtt::QoS>(*qos);
            }
        }
        topics.push_back(std::move(topic));
    }
    if (verdict.decision == hooks::Decision::Ok) verdict.topics = std::move(topics);
    return verdict;
}

hooks::PublishVerdict ScriptedPlugin::on_deliver(const hooks::PublishContext& context) {
    const Facts facts{{"client_id", context.subscriber.client_id},
                      {"topic", context.topic},
                      {"payload", context.payload}};
    const HookRule* rule = first_match(rules_, "on_deliver", facts);
    auto verdict = begin_verdict<hooks::PublishVerdict>(rule);
    if (rule == nullptr) return verdict;
    verdict.modifiers.topic = text_of(*rule, "topic");
    verdict.modifiers.payload = text_of(*rule, "payload");
    return verdict;
}

}  // namespace vmq::conformance
