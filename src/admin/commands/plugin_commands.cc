// plugin: who is asked and told, and switching plugins on and off.
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

/// How many arguments VerneMQ's functions have, which its output shows; 0: there is none.
struct Arity {
    std::string_view hook;
    int mqtt3;
    int mqtt5;
};
constexpr std::array<Arity, 17> kArities{{{"auth_on_register", 5, 6},
                                          {"on_auth", 0, 3},
                                          {"auth_on_publish", 6, 7},
                                          {"auth_on_subscribe", 3, 4},
                                          {"on_unsubscribe", 3, 4},
                                          {"on_deliver", 7, 7},
                                          {"on_register", 3, 4},
                                          {"on_publish", 6, 7},
                                          {"on_subscribe", 3, 4},
                                          {"on_topic_unsubscribed", 2, 0},
                                          {"on_offline_message", 5, 0},
                                          {"on_message_drop", 3, 0},
                                          {"on_client_wakeup", 1, 0},
                                          {"on_client_offline", 1, 0},
                                          {"on_client_gone", 1, 0},
                                          {"on_session_expired", 1, 0},
                                          {"change_config", 1, 0}}};

/// A hook as VerneMQ names it, which has two for most of ours.
using Function = std::pair<std::string, int>;

std::vector<Function> functions_of(const Node::PluginView& plugin) {
    std::vector<Function> mqtt3;
    std::vector<Function> mqtt5;
    for (const std::string& hook : plugin.hooks) {
        for (const Arity& each : kArities) {
            if (each.hook != hook) continue;
            if (each.mqtt3 != 0) mqtt3.emplace_back(hook, each.mqtt3);
            if (each.mqtt5 != 0) mqtt5.emplace_back(hook + "_m5", each.mqtt5);
        }
    }
    mqtt3.insert(mqtt3.end(), mqtt5.begin(), mqtt5.end());
    return mqtt3;
}

Answer show_plugins(const Invocation& invocation, Node& node) {
    const auto only = invocation.value("plugin");
    const auto hook = invocation.value("hook");
    Table shown{{"Plugin", "Type", "Hook(s)", "M:F/A"}, {}};
    for (const Node::PluginView& plugin : node.plugins()) {
        if (only && *only != plugin.name) continue;
        const std::string where = plugin.file.empty() ? plugin.name : plugin.file;
        std::string hooks;
        std::string functions;
        for (const auto& [name, arity] : functions_of(plugin)) {
            if (hook && *hook != name) continue;
            hooks += name + "\n";
            functions += where + ":" + name + "/" + std::to_string(arity) + "\n";
        }
        if (hook && hooks.empty()) continue;
        shown.rows.push_back({plugin.name, "application", std::move(hooks), std::move(functions)});
    }
    return table(std::move(shown));
}

Answer enable(const Invocation& invocation, Node& node) {
    const auto name = invocation.value("name");
    if (!name) return alert("Incomplete plugin specification");
    const auto enabled = node.enable_plugin(*name, invocation.value_or("path", ""));
    if (enabled) return done();
    return alert("Can't enable plugin: " + *name + " due to " + enabled.error().detail);
}

Answer disable(const Invocation& invocation, Node& node) {
    const auto name = invocation.value("name");
    if (!name) return alert("Incomplete plugin specification");
    const auto disabled = node.disable_plugin(*name);
    if (disabled) return done();
    return alert("Can't disable plugin: " + *name + " due to " + disabled.error().detail);
}

}  // namespace

void add_plugin_commands(Declarations& table) {
    constexpr std::string_view kUntilRestart =
        "At the next start plugins.NAME of the configuration file decides again.";
    table.groups.push_back({"plugin", "Show plugins, switch them on and off."});
    table.commands.push_back(
        {.words = "plugin show",
         .summary = "Shows the plugins that are on and their hooks, in the order they are asked.",
         .help = {},
         .arguments = {},
         .flags = {{"plugin", 0, Takes::Value, "Plugin", "Only this one."},
                   {"hook", 0, Takes::Value, "Hook", "Only those with this hook, and only it."},
                   {"internal", 0, Takes::Nothing, {}, "Understood; there are no others."}},
         .run = show_plugins});
    table.commands.push_back(
        {.words = "plugin enable",
         .summary = "Switches a plugin on.",
         .help = kUntilRestart,
         .arguments = {},
         .flags = {{"name", 'n', Takes::Value, "Plugin", "vmq_acl, vmq_passwd or another name."},
                   {.name = "path",
                    .letter = 'p',
                    .takes = Takes::Value,
                    .value = "Path",
                    .help = "Of a shared object or its folder; it is asked after all others.",
                    .local = true}},
         .access = Access::Change,
         .run = enable});
    table.commands.push_back({.words = "plugin disable",
                              .summary = "Switches a plugin off: it is neither asked nor told.",
                              .help = kUntilRestart,
                              .arguments = {},
                              .flags = {{"name", 'n', Takes::Value, "Plugin", "The plugin."}},
                              .access = Access::Change,
                              .run = disable});
}

}  // namespace vmq::admin::commands
