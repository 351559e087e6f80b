// A will as the store, plugins and other nodes have it.
#pragma once

#include <algorithm>
#include <memory>

#include "broker/client.h"
#include "cluster/will_codec.h"
#include "hooks/contexts.h"
#include "session/connect_plan.h"
#include "session/host.h"

namespace vmq::broker {

/// What the forms of a will have in common: session::StoredWill, store::StoredWill,
/// cluster::LastWill.
template <typename From, typename To>
void copy_will(const From& from, To& to) {
    to.mountpoint = from.mountpoint;
    to.topic = from.topic;
    to.payload = from.payload;
    to.properties = from.properties;
    to.message_expiry_s = from.message_expiry_s;
    to.delay_s = from.delay_s;
    to.qos = from.qos;
    to.retain = from.retain;
}

/// Its message; views into any of them.
template <typename Will>
[[nodiscard]] session::PublishIntent intent_of(const Will& will) {
    session::PublishIntent intent;
    intent.mountpoint = will.mountpoint;
    intent.topic = will.topic;
    intent.payload = will.payload;
    intent.properties = will.properties;
    intent.message_expiry_s = will.message_expiry_s;
    intent.qos = will.qos;
    intent.retain = will.retain;  // [v5 MQTT-3.1.2-14, -15]
    return intent;
}

/// What the client asked for, as far as max_last_will_delay allows.
[[nodiscard]] inline std::uint32_t will_delay_s(std::uint32_t asked,
                                                const session::Settings& settings) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(asked, settings.max_last_will_delay_s.value_or(asked)));
}

/// Views into both.
[[nodiscard]] inline hooks::PublishContext will_context(const Client& client,
                                                        const session::StoredWill& will) {
    hooks::PublishContext context;
    context.subscriber = {client.mountpoint, client.client_id};
    if (will.username) context.username = *will.username;
    context.v5 = will.v5;
    context.qos = will.qos;
    context.topic = will.topic;
    context.payload = will.payload;
    context.retain = will.retain;
    context.properties = will.properties;
    context.message_expiry_interval = will.message_expiry_s;
    return context;
}

/// Its delay as far as max_last_will_delay and the session's expiry allow.
[[nodiscard]] inline cluster::LastWill last_will_of(const Client& client,
                                                    const session::StoredWill& will) {
    cluster::LastWill last;
    last.key = {client.mountpoint, client.client_id};
    copy_will(will, last);
    if (client.settings) last.delay_s = will_delay_s(will.delay_s, *client.settings);
    last.delay_s = std::min(last.delay_s, client.session_expiry_s);
    return last;
}

[[nodiscard]] inline std::unique_ptr<session::StoredWill> will_from(const cluster::LastWill& last,
                                                                    bool v5) {
    auto will = std::make_unique<session::StoredWill>();
    copy_will(last, *will);
    will->v5 = v5;
    return will;
}

}  // namespace vmq::broker
