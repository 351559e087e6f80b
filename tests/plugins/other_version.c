// A plugin for a later version of the interface, of which only the first word is known.
#include <stdint.h>

#include "plugins/native/vmq_plugin.h"

static const _Alignas(vmq_plugin) uint32_t description[1] = {VMQ_PLUGIN_ABI_VERSION + 6};

VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(uint32_t abi_version);
VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(uint32_t abi_version) {
    (void)abi_version;
    return (const vmq_plugin*)(const void*)description;
}
