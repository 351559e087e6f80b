// log: where the log goes and how much of it.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"
#include "base/log.h"

namespace vmq::admin::commands {
namespace {

Answer show_config(const Invocation& /*invocation*/, Node& node) {
    Table result{{"logger", "level", "type", "file"}, {}};
    for (const LogOutput& output : node.log_outputs()) {
        result.rows.push_back({output.logger, output.level, output.type,
                               output.file.empty() ? std::string("-") : output.file});
    }
    return table(std::move(result));
}

Answer show_modules(const Invocation& /*invocation*/, Node& node) {
    Table result{{"module", "level"}, {}};
    for (const LogModule& module : node.log_modules()) {
        result.rows.push_back({module.name, module.level});
    }
    return table(std::move(result));
}

Answer no_such_level(const std::string& word, std::string_view more) {
    return refusal(
        "Invalid arguments: level=" + word + " ",
        "debug, info, notice, warning, error, critical, alert or emergency" + std::string(more));
}

/// The names of what there is, if `name` is none of them.
template <typename Named>
std::optional<std::string> others_than(const std::string& name, const std::vector<Named>& all,
                                       std::string Named::* its_name) {
    std::string known;
    for (const Named& each : all) {
        if (each.*its_name == name) return std::nullopt;
        known += (known.empty() ? "" : ", ") + each.*its_name;
    }
    return known;
}

Answer set_module_level(const std::string& module, const std::string& word, Node& node) {
    if (const auto known = others_than(module, node.log_modules(), &LogModule::name)) {
        return refusal("Invalid arguments: module=" + module + " ", "There is: " + *known);
    }
    const auto level = log::level_named(word);
    if (!level && word != "default") {
        return no_such_level(word, "; default: as the loggers have it");
    }
    node.set_module_log_level(module, level);
    return done();
}

Answer set_level(const Invocation& invocation, Node& node) {
    const std::string word = invocation.argument("level").value_or("");
    const auto module = invocation.argument("module");
    const auto logger = invocation.argument("logger");
    if (module && !logger) return set_module_level(*module, word, node);
    if (!logger || module) {
        return refusal("Invalid arguments: " + (module ? "module=" + *module + " " : std::string()),
                       "Name one of logger=LOGGER and module=MODULE.");
    }
    if (const auto known = others_than(*logger, node.log_outputs(), &LogOutput::logger)) {
        return refusal("Invalid arguments: logger=" + *logger + " ",
                       known->empty() ? "The log is off." : "There is: " + *known);
    }
    const auto level = log::level_named(word);
    if (!level) return no_such_level(word, "");
    node.set_log_level(*logger, *level);
    return done();
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
        {.words = "log show modules",
         .summary = "Shows which parts of the broker have a level of their own.",
         .help = "default: as the outputs of `log show config` have it.",
         .arguments = {},
         .flags = {},
         .run = show_modules});
    table.commands.push_back(
        {.words = "log level",
         .summary = "Changes from which level on lines are written, until the node ends.",
         .help = "Of one logger, or of the lines of one module in all loggers but the file of "
                 "errors; level=default takes a module's own level away.",
         .arguments = {{"logger", "Logger", "One that `log show config` lists.", false},
                       {"module", "Module", "One that `log show modules` lists.", false},
                       {"level", "Level", "debug, info, notice, warning, error, critical.", true}},
         .flags = {},
         .access = Access::Change,
         .run = set_level});
}

}  // namespace vmq::admin::commands
