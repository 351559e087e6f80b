// A plugin that does not know the broker's version of the interface.
#include "plugins/native/vmq_plugin.h"

VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(uint32_t abi_version);
VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(uint32_t abi_version) {
    (void)abi_version;
    return NULL;
}
