#include "hooks/plugin.h"

#include <array>

namespace vmq::hooks {

std::string_view name_of(Hook hook) noexcept {
    static constexpr std::array<std::string_view, static_cast<std::size_t>(Hook::Count)> kNames{
        "auth_on_register",   "on_auth",
        "auth_on_publish",    "auth_on_subscribe",
        "on_unsubscribe",     "on_deliver",
        "on_register",        "on_publish",
        "on_subscribe",       "on_topic_unsubscribed",
        "on_offline_message", "on_message_drop",
        "on_client_wakeup",   "on_client_offline",
        "on_client_gone",     "on_session_expired",
        "change_config"};
    return kNames[static_cast<std::size_t>(hook)];
}

}  // namespace vmq::hooks
