// A will as plugins and other nodes are told of it.
#pragma once

#include <algorithm>
#include <memory>

#include "broker/client.h"
#include "cluster/will_codec.h"
#include "hooks/contexts.h"
#include "session/connect_plan.h"

namespace vmq::broker {

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
    last.mountpoint = will.mountpoint;
    last.topic = will.topic;
    last.payload = will.payload;
    last.properties = will.properties;
    last.message_expiry_s = will.message_expiry_s;
    const std::uint64_t most = client.settings
                                   ? client.settings->max_last_will_delay_s.value_or(will.delay_s)
                                   : will.delay_s;
    last.delay_s = static_cast<std::uint32_t>(
        std::min<std::uint64_t>({will.delay_s, client.session_expiry_s, most}));
    last.qos = will.qos;
    last.retain = will.retain;
    return last;
}

[[nodiscard]] inline std::unique_ptr<session::StoredWill> will_from(const cluster::LastWill& last,
                                                                    bool v5) {
    auto will = std::make_unique<session::StoredWill>();
    will->mountpoint = last.mountpoint;
    will->topic = last.topic;
    will->payload = last.payload;
    will->properties = last.properties;
    will->message_expiry_s = last.message_expiry_s;
    will->delay_s = last.delay_s;
    will->qos = last.qos;
    will->retain = last.retain;
    will->v5 = v5;
    return will;
}

}  // namespace vmq::broker
