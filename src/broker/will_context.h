// A will as plugins are told of it.
#pragma once

#include "broker/client.h"
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

}  // namespace vmq::broker
