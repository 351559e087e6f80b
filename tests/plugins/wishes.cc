// A plugin that has the broker do things, for tests with the real program.
//
//     SUBSCRIBE mine/...            allowed, until a message on wish/close has come; SUBACK says so
//               anything else       left to the next plugin, filter by filter
//     PUBLISH   wish/close/ID       from now on mine/... is refused, and client ID is asked for
//     again
//               wish/disconnect/ID  client ID is disconnected
//               wish/echo           its payload is published on echo, with a user property
//               wish/flood          as many messages of 1 MB as are taken are published on flood,
//                                   100 at most, and their number on flooded
//     a changed setting             its value is published on config/KEY
//     all settings, told late       their number is published on config
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

bool publish(const vmq_host* host, std::string_view topic, vmq_string payload) {
    const vmq_property by{VMQ_PROPERTY_USER_PROPERTY, 0, string("wishes"), string("by")};
    vmq_message message{};
    message.size = sizeof(message);
    message.mountpoint = string("");
    message.topic = string(topic);
    message.payload = payload;
    message.properties = {&by, 1};
    return host->publish(host, &message) != 0;
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
        (void)publish(host, "echo", context->payload);
    } else if (topic == "wish/flood") {
        const std::string large(std::size_t{1} << 20U, 'x');
        int taken = 0;
        for (int i = 0; i < 100; ++i) taken += publish(host, "flood", string(large)) ? 1 : 0;
        (void)publish(host, "flooded", string(std::to_string(taken)));
    }
}

void change_config(void* shard, const vmq_config_context* context) {
    const Shard& told = *static_cast<Shard*>(shard);
    if (told.number != 0) return;
    if (context->at_start != 0) {  // before the first client nothing can be published
        (void)publish(told.instance.host, "config", string(std::to_string(context->entry_count)));
        return;
    }
    for (size_t i = 0; i < context->entry_count; ++i) {
        (void)publish(told.instance.host, "config/" + std::string(view(context->entries[i].key)),
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
