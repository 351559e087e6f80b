// A plugin whose description ends before its hooks begin.
#include "plugins/native/vmq_plugin.h"

VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(uint32_t abi_version);
VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(uint32_t abi_version) {
    static vmq_plugin plugin;
    plugin.abi_version = abi_version;
    plugin.size = 24;
    return &plugin;
}
