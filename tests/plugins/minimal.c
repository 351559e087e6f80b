// As little as a plugin can be, built against a header that had one hook only.
#include <stddef.h>

#include "plugins/native/vmq_plugin.h"

static int32_t auth_on_register(void* shard, const vmq_register_context* context, vmq_call* call) {
    (void)call;
    if (shard != NULL || !VMQ_HAS(context, listener)) return VMQ_ERROR;
    return context->password.data != NULL ? VMQ_OK : VMQ_NEXT;
}

VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(uint32_t abi_version);
VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(uint32_t abi_version) {
    static vmq_plugin plugin;
    plugin.abi_version = abi_version;
    plugin.size = offsetof(vmq_plugin, on_auth);
    plugin.auth_on_register = &auth_on_register;
    return &plugin;
}
