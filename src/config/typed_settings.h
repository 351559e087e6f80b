// From checked assignments to the structs of settings.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/assignment.h"
#include "config/listener_options.h"
#include "config/settings.h"

namespace vmq::config {

// They require that every setting with a default is among the assignments.
[[nodiscard]] MqttSettings make_mqtt_settings(const Assignments& assignments);
[[nodiscard]] NodeSettings make_node_settings(const Assignments& assignments);
[[nodiscard]] PluginSettings make_plugin_settings(const Assignments& assignments);
[[nodiscard]] LogSettings make_log_settings(const Assignments& assignments);

/// One listener for each address, in the order of the files. Of two with the same address the last
/// one stays; the other is named in `warnings`.
[[nodiscard]] std::vector<ListenerSettings> make_listeners(const Assignments& assignments,
                                                           std::vector<Diagnostic>& warnings);

/// What decides `option` for a listener: the listener, its protocol, or all listeners; null if
/// unset.
[[nodiscard]] const Assignment* resolve_option(const Assignments& assignments, ListenerKind kind,
                                               std::string_view name, const ListenerOption& option);

/// `listener.KIND.NAME`, with dots in the name escaped.
[[nodiscard]] std::string listener_key(ListenerKind kind, std::string_view name);

}  // namespace vmq::config
