// A plugin that has the broker do things, for tests with the real program.
//
//     SUBSCRIBE mine/...            allowed, until a message on wish/close has come; SUBACK says so
//               anything else       left to the next plugin, filter by filter
//     PUBLISH   wish/close/ID       from now on mine/... is refused, and client ID is asked for
//     again
//               wish/disconnect/ID  client ID is disconnected
//               wish/echo           its payload is published on echo, with a user property
//     a changed setting             its value is published on config/KEY
#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/native/vmq_plugin.h"

namespace {

struct Instance {
    const vmq_host* host;
    std::atomic<bool> closed{false};
};

struct Shard {
    Instance& instance;
    unsigned number;
};

std::string_view view(vmq_string string) { return {string.data, string.size}; }
vmq_string string(std::string_view text) { return vmq_string_of(text.data(), text.size()); }

/// What stands behind `prefix` in `topic`; empty: nothing, or it does not begin so.
std::string_view behind(std::string_view topic, std::string_view prefix) {
    return topic.starts_with(prefix) ? topic.substr(prefix.size()) : std::string_view();
}

void publish(const vmq_host* host, std::string_view topic, vmq_string payload) {
    const vmq_property by{VMQ_PROPERTY_USER_PROPERTY, 0, string("wishes"), string("by")};
    vmq_message message{};
    message.size = sizeof(message);
    message.mountpoint = string("");
    message.topic = string(topic);
    message.payload = payload;
    message.properties = {&by, 1};
    (void)host->publish(host, &message);
}

int32_t auth_on_subscribe(void* shard, const vmq_subscribe_context* context, vmq_call* call) {
    Instance& instance = static_cast<Shard*>(shard)->instance;
    std::vector<vmq_subscription> list(context->subscriptions,
                                       context->subscriptions + context->subscription_count);
    for (vmq_subscription& each : list) {
        if (!view(each.filter).starts_with("mine/")) {
            each.leave = 1;
        } else if (instance.closed) {
            each.reason_code = 0x97;
        }
    }
    auto answer = vmq_subscribe_answer_of(VMQ_OK);
    answer.set = VMQ_SUBSCRIBE_SUBSCRIPTIONS;
    answer.subscriptions = list.data();
    answer.subscription_count = list.size();
    answer.reason_string = string("as wished");
    return instance.host->answer_subscribe(call, &answer);
}

void on_publish(void* shard, const vmq_publish_context* context) {
    Instance& instance = static_cast<Shard*>(shard)->instance;
    const vmq_host* const host = instance.host;
    const std::string_view topic = view(context->topic);
    if (const auto id = behind(topic, "wish/close/"); !id.empty()) {
        instance.closed = true;
        (void)host->reauthorize(host, string(""), string(id));
    } else if (const auto gone = behind(topic, "wish/disconnect/"); !gone.empty()) {
        (void)host->disconnect(host, string(""), string(gone), 0);
    } else if (topic == "wish/echo") {
        publish(host, "echo", context->payload);
    }
}

void change_config(void* shard, const vmq_config_context* context) {
    const Shard& told = *static_cast<Shard*>(shard);
    if (told.number != 0 || context->at_start != 0) return;
    for (size_t i = 0; i < context->entry_count; ++i) {
        publish(told.instance.host, "config/" + std::string(view(context->entries[i].key)),
                context->entries[i].value);
    }
}

vmq_plugin describe() {
    vmq_plugin plugin{};
    plugin.abi_version = VMQ_PLUGIN_ABI_VERSION;
    plugin.size = sizeof(plugin);
    plugin.immediate = VMQ_HOOK_AUTH_ON_SUBSCRIBE;
    plugin.init = [](const vmq_host* host, void** instance) {
        *instance = new Instance{host};
        return 0;
    };
    plugin.destroy = [](void* instance) { delete static_cast<Instance*>(instance); };
    plugin.create_shard = [](void* instance, uint32_t number) -> void* {
        return new Shard{*static_cast<Instance*>(instance), number};
    };
    plugin.destroy_shard = [](void* shard) { delete static_cast<Shard*>(shard); };
    plugin.auth_on_subscribe = &auth_on_subscribe;
    plugin.on_publish = &on_publish;
    plugin.change_config = &change_config;
    return plugin;
}

}  // namespace

VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(std::uint32_t /*abi_version*/) {
    static const vmq_plugin plugin = describe();
    return &plugin;
}
