// A plugin without a shared object, for the tests of this folder.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "plugins/native/vmq_plugin.h"

namespace vmq::plugins::native::testing {

/// What the hooks of scripted_description() are called with as their shard.
struct Script {
    /// What every authorisation hook does.
    std::function<std::int32_t(vmq_call*)> answer = [](vmq_call*) { return VMQ_NEXT; };
    /// What every event does.
    std::function<void()> event = [] {};
    std::string called;  // the name of the last hook
};

/// Every hook, with a Script as its shard.
[[nodiscard]] inline vmq_plugin scripted_description() {
#define VMQ_ASK(NAME, CONTEXT)                                      \
    plugin.NAME = [](void* shard, const CONTEXT*, vmq_call* call) { \
        auto& script = *static_cast<Script*>(shard);                \
        script.called = #NAME;                                      \
        return script.answer(call);                                 \
    }
#define VMQ_TELL(NAME, CONTEXT)                      \
    plugin.NAME = [](void* shard, const CONTEXT*) {  \
        auto& script = *static_cast<Script*>(shard); \
        script.called = #NAME;                       \
        script.event();                              \
    }
    vmq_plugin plugin{};
    plugin.abi_version = VMQ_PLUGIN_ABI_VERSION;
    plugin.size = sizeof(plugin);
    VMQ_ASK(auth_on_register, vmq_register_context);
    VMQ_ASK(on_auth, vmq_auth_context);
    VMQ_ASK(auth_on_publish, vmq_publish_context);
    VMQ_ASK(auth_on_subscribe, vmq_subscribe_context);
    VMQ_ASK(on_unsubscribe, vmq_unsubscribe_context);
    VMQ_ASK(on_deliver, vmq_publish_context);
    VMQ_TELL(on_register, vmq_client_context);
    VMQ_TELL(on_publish, vmq_publish_context);
    VMQ_TELL(on_subscribe, vmq_subscribe_context);
    VMQ_TELL(on_topic_unsubscribed, vmq_unsubscribe_context);
    VMQ_TELL(on_offline_message, vmq_message_context);
    VMQ_TELL(on_message_drop, vmq_message_context);
    VMQ_TELL(on_client_wakeup, vmq_client_context);
    VMQ_TELL(on_client_offline, vmq_client_context);
    VMQ_TELL(on_client_gone, vmq_client_context);
    VMQ_TELL(on_session_expired, vmq_client_context);
    VMQ_TELL(change_config, vmq_config_context);
#undef VMQ_ASK
#undef VMQ_TELL
    return plugin;
}

}  // namespace vmq::plugins::native::testing
