#include "conformance/simulated_settings.h"

#include <charconv>
#include <functional>
#include <map>
#include <optional>

#include "conformance/words.h"

namespace vmq::conformance {
namespace {

using Apply = std::function<bool(const std::string& value, session::Settings& settings)>;

bool read_flag(const std::string& text, bool& field) {
    if (text != "on" && text != "off") return false;
    field = text == "on";
    return true;
}

template <typename T>
bool read_number(const std::string& text, T& field) {
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, field);
    return read.ec == std::errc{} && read.ptr == end;
}

/// VerneMQ's duration: one number and one unit; m and y are months and years of weeks.
bool read_duration_s(const std::string& text, std::optional<std::uint64_t>& field) {
    if (text == "never" || text == "client") {
        field.reset();
        return true;
    }
    if (text.empty()) return false;
    const auto count = parse_number(std::string_view(text).substr(0, text.size() - 1));
    if (!count) return false;
    constexpr std::uint64_t kDay = 86'400;
    switch (text.back()) {
        case 's': field = *count; return true;
        case 'h': field = *count * 3600; return true;
        case 'd': field = *count * kDay; return true;
        case 'w': field = *count * 7 * kDay; return true;
        case 'm': field = *count * 28 * kDay; return true;
        case 'y': field = *count * 336 * kDay; return true;
        default: return false;
    }
}

template <auto Member>
bool number(const std::string& text, session::Settings& settings) {
    return read_number(text, settings.*Member);
}
template <auto Member>
bool flag(const std::string& text, session::Settings& settings) {
    return read_flag(text, settings.*Member);
}
template <auto Member>
bool duration(const std::string& text, session::Settings& settings) {
    return read_duration_s(text, settings.*Member);
}

const std::map<std::string, Apply>& session_settings() {
    using S = session::Settings;
    static const std::map<std::string, Apply> kSettings{
        {"max_client_id_size", number<&S::max_client_id_size>},
        {"max_subscriptions_per_client", number<&S::max_subscriptions_per_client>},
        {"max_message_size", number<&S::max_message_size>},
        {"max_message_rate", number<&S::max_message_rate>},
        {"retry_interval",
         [](const std::string& text, S& settings) {
             if (!read_number(text, settings.retry_interval_ms)) return false;
             settings.retry_interval_ms *= 1000;
             return true;
         }},
        {"topic_max_depth", number<&S::topic_max_depth>},
        {"mqtt_connect_timeout",
         [](const std::string& text, S& settings) {
             const auto value = parse_number(text);
             if (value) settings.mqtt_connect_timeout = Millis(*value);
             return value.has_value();
         }},
        {"receive_max_broker", number<&S::receive_max_broker>},
        {"receive_max_client", number<&S::receive_max_client>},
        {"topic_alias_max_client", number<&S::topic_alias_max_client>},
        {"topic_alias_max_broker", number<&S::topic_alias_max_broker>},
        {"max_inflight_messages", number<&S::max_inflight_messages>},
        {"upgrade_outgoing_qos", flag<&S::upgrade_outgoing_qos>},
        {"disconnect_on_unauthorized_publish_v3", flag<&S::disconnect_on_unauthorized_publish_v3>},
        {"suppress_lwt_on_session_takeover", flag<&S::suppress_lwt_on_session_takeover>},
        {"allow_multiple_sessions", flag<&S::allow_multiple_sessions>},
        {"queue_deliver_mode",
         [](const std::string& text, S& settings) {
             settings.balance_sessions = text == "balance";
             return text == "balance" || text == "fanout";
         }},
        {"queue_type",
         [](const std::string& text, S& settings) {
             settings.queue_lifo = text == "lifo";
             return text == "lifo" || text == "fifo";
         }},
        {"override_max_online_messages", flag<&S::override_max_online_messages>},
        {"max_online_messages", number<&S::max_online_messages>},
        {"max_offline_messages", number<&S::max_offline_messages>},
        {"persistent_client_expiration", duration<&S::persistent_client_expiration_s>},
        {"max_last_will_delay", duration<&S::max_last_will_delay_s>},
        {"session_expiry_cap_s", number<&S::session_expiry_cap_s>},
        {"keep_alive_cap_s", number<&S::keep_alive_cap_s>},
    };
    return kSettings;
}

Error unknown(const std::string& key, const std::string& value) {
    return {ErrorCode::InvalidValue, "the simulated broker has no setting " + key + " = " + value};
}

}  // namespace

Result<void> apply_setting(const std::string& key, const std::string& value,
                           session::Settings& settings, session::ListenerPolicy& policy) {
    if (key == "allow_anonymous") {
        if (!read_flag(value, policy.allow_anonymous)) return unknown(key, value);
        return {};
    }
    const auto& table = session_settings();
    const auto found = table.find(key);
    if (found == table.end() || !found->second(value, settings)) return unknown(key, value);
    return {};
}

Result<void> apply_listener_option(const std::string& key, const std::string& value,
                                   broker::Listener& listener) {
    session::Settings settings = *listener.settings;
    bool known = true;
    if (key == "mountpoint") {
        listener.policy.mountpoint = value;
    } else if (key == "max_connections") {
        known = read_number(value, listener.max_connections);
    } else if (key == "max_connection_lifetime") {
        known = read_number(value, settings.max_connection_lifetime_s);
    } else if (key == "allow_anonymous_override") {
        known = read_flag(value, listener.policy.allow_anonymous);
    } else if (key == "allowed_protocol_versions") {
        listener.policy.allowed_protocol_versions.clear();
        for (const std::string& level : split(value, ',')) {
            const auto parsed = parse_number(level);
            known = known && parsed.has_value();
            listener.policy.allowed_protocol_versions.push_back(
                static_cast<std::uint8_t>(parsed.value_or(0)));
        }
    } else {
        known = false;
    }
    if (!known) return unknown(key, value);
    listener.settings = std::make_shared<const session::Settings>(settings);
    return {};
}

}  // namespace vmq::conformance
