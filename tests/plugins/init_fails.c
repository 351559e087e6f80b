// A plugin that cannot start, and says why if it is told what to say.
#include "plugins/native/vmq_plugin.h"

static int32_t init(const vmq_host* host, void** instance) {
    const vmq_string why = host->setting(host, vmq_string_of("why", 3));
    (void)instance;
    return why.data != NULL ? host->fail(host, why) : 7;
}

static void destroy(void* instance) {
    (void)instance;
    __builtin_trap();  // not called for what has not begun
}

VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(uint32_t abi_version);
VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(uint32_t abi_version) {
    static vmq_plugin plugin;
    plugin.abi_version = abi_version;
    plugin.size = sizeof(plugin);
    plugin.init = &init;
    plugin.destroy = &destroy;
    return &plugin;
}
