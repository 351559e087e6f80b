// log: where the log goes and how much of it.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

struct NamedLevel {
    std::string_view name;
    config::LogLevel level;
};
constexpr NamedLevel kLevels[] = {
    {"debug", config::LogLevel::Debug},   {"info", config::LogLevel::Info},
    {"notice", config::LogLevel::Notice}, {"warning", config::LogLevel::Warning},
    {"error", config::LogLevel::Error},   {"critical", config::LogLevel::Critical},
    {"alert", config::LogLevel::Alert},   {"emergency", config::LogLevel::Emergency},
};

Answer show_config(const Invocation& /*invocation*/, Node& node) {
    Table result{{"logger", "level", "type", "file"}, {}};
    for (const LogOutput& output : node.log_outputs()) {
        result.rows.push_back({output.logger, output.level, output.type,
                               output.file.empty() ? std::string("-") : output.file});
    }
    return table(std::move(result));
}

Answer set_level(const Invocation& invocation, Node& node) {
    const std::string logger = invocation.argument("logger").value_or("");
    const std::string level = invocation.argument("level").value_or("");
    std::string known;
    bool found = false;
    for (const LogOutput& output : node.log_outputs()) {
        found = found || output.logger == logger;
        known += (known.empty() ? "" : ", ") + output.logger;
    }
    if (!found) {
        return refusal("Invalid arguments: logger=" + logger + " ",
                       known.empty() ? "The log is off." : "There is: " + known);
    }
    for (const NamedLevel& each : kLevels) {
        if (each.name != level) continue;
        node.set_log_level(each.level);
        return done();
    }
    return refusal("Invalid arguments: level=" + level + " ",
                   "debug, info, notice, warning, error, critical, alert or emergency");
}

}  // namespace

void add_log_commands(Declarations& table) {
    table.groups.push_back({"log", "Manage the log."});
    table.groups.push_back({"log show", "Show how the log is set up."});
    table.commands.push_back({.words = "log show config",
                              .summary = "Shows where the log goes, and from which level on.",
                              .help = {},
                              .arguments = {},
                              .flags = {},
                              .run = show_config});
    table.commands.push_back(
        {.words = "log level",
         .summary = "Changes from which level on lines are written, until the node ends.",
         .help = "All outputs have the same level: changing one changes the others.",
         .arguments = {{"logger", "Logger", "One that `log show config` lists.", true},
                       {"level", "Level", "debug, info, notice, warning, error, critical.", true}},
         .flags = {},
         .access = Access::Change,
         .run = set_level});
}

}  // namespace vmq::admin::commands
