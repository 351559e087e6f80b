// show, set, describe: the settings of vernemq.conf.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"
#include "config/setting_table.h"
#include "config/value.h"

namespace vmq::admin::commands {
namespace {

const std::vector<Flag> kScope{{"node", 'n', Takes::Value, "Node", "Of this node."},
                               {"all", 'a', Takes::Nothing, {}, "Of all nodes of the cluster."}};

const config::Setting* setting_of(std::string_view key) {
    return config::SettingTable::instance().find(key);
}

std::string did_you_mean(std::string_view key) {
    const auto known = config::SettingTable::instance().nearest(key, 1);
    const std::vector<std::string_view> candidates(known.begin(), known.end());
    const auto nearest = nearest_of(candidates, key);
    return nearest.empty() ? std::string() : "Did you mean `" + std::string(nearest) + "`?";
}

/// Nothing: the flags name this node, alone or as all there are.
std::optional<Answer> wrong_scope(const Invocation& invocation, Node& node) {
    const bool all = invocation.is_on("all");
    const auto wanted = invocation.value("node");
    if (all && wanted) {
        return refusal("Error: Cannot use --all(-a) and --node(-n) at the same time");
    }
    if (!wanted || *wanted == node.snapshot().node) return std::nullopt;
    if (wanted->find('@') == std::string::npos) return refusal("Invalid node name");
    return refusal("Target node is down: " + *wanted);
}

std::optional<Answer> unknown_keys(const std::vector<std::string>& keys) {
    std::string unknown;
    std::string hint;
    for (const std::string& key : keys) {
        if (setting_of(key) != nullptr) continue;
        if (hint.empty()) hint = did_you_mean(key);
        unknown += key + " ";
    }
    if (unknown.empty()) return std::nullopt;
    return refusal("Invalid config keys: " + unknown, hint);
}

Answer show(const Invocation& invocation, Node& node) {
    if (auto wrong = wrong_scope(invocation, node)) return std::move(*wrong);
    if (auto wrong = unknown_keys(invocation.keys())) return std::move(*wrong);
    const auto config = node.config();
    Table result{{"node"}, {{node.snapshot().node}}};
    for (const std::string& key : invocation.keys()) {
        const auto value = config->text(key);
        result.columns.push_back(key);
        result.rows[0].push_back(value ? Cell(value.value()) : Cell(Undefined{}));
    }
    return table(std::move(result));
}

Answer describe(const Invocation& invocation, Node& node) {
    if (auto wrong = unknown_keys(invocation.keys())) return std::move(*wrong);
    const auto config = node.config();
    std::string pages;
    for (const std::string& key : invocation.keys()) {
        pages += key + ":\n";
        const std::string page = config->describe(key).value();
        for (const std::string_view line : config::split(page, '\n')) {
            if (!line.empty()) pages += "  " + std::string(line) + "\n";
        }
        pages += '\n';
    }
    pages.pop_back();  // printing adds one
    return text(std::move(pages));
}

/// Nothing: each key may be set and has a value of its type.
std::optional<Answer> wrong_change(const std::vector<GivenArgument>& changes) {
    std::string fixed;
    for (const GivenArgument& change : changes) {
        const config::Setting* setting = setting_of(change.name);
        if (setting == nullptr) {
            return refusal("Unknown variable: " + change.name, did_you_mean(change.name));
        }
        if (setting->settable != config::Settable::No) continue;
        fixed += (fixed.empty() ? "\"" : ",\"") + change.name + "\"";
    }
    if (!fixed.empty()) {
        return refusal("The following config keys are not settable: [" + fixed + "]",
                       "Change vernemq.conf and restart the broker.");
    }
    for (const GivenArgument& change : changes) {
        const config::Setting& setting = *setting_of(change.name);
        if (const auto value = config::parse_value(setting, change.value); !value) {
            return refusal("Error transforming datatype for: " + change.name + "\n\"" +
                           change.value + "\" is not " + config::expectation(setting));
        }
    }
    return std::nullopt;
}

Answer set(const Invocation& invocation, Node& node) {
    if (auto wrong = wrong_scope(invocation, node)) return std::move(*wrong);
    if (auto wrong = wrong_change(invocation.assignments())) return std::move(*wrong);
    std::vector<SettingChange> changes;
    Answer answer;
    for (const GivenArgument& each : invocation.assignments()) {
        changes.emplace_back(each.name, each.value);
        const config::Setting& setting = *setting_of(each.name);
        const bool secret = config::is_secret(setting, each.name);
        answer.elements.emplace_back(
            Text{each.name + " set to \"" + (secret ? "******" : each.value) + "\""});
        if (setting.status == config::Status::Built) continue;
        answer.hint +=
            (answer.hint.empty() ? "" : "\n") + each.name + " has no effect yet: nothing reads it.";
    }
    if (const auto changed = node.change(changes); !changed) return refusal(changed.error().detail);
    if (invocation.is_on("all")) {
        answer.elements = {Text{"Setting config across the cluster"},
                           Table{{"Node", "Node Down/Unreachable", "Result"}, {}}};
        auto& rows = std::get<Table>(answer.elements[1]).rows;
        for (const SettingChange& change : changes) {
            rows.push_back(
                {node.snapshot().node, false, change.first + " set to \"" + change.second + "\""});
        }
    }
    return answer;
}

}  // namespace

void add_setting_commands(Declarations& table) {
    table.commands.push_back({.words = "show",
                              .summary = "Shows settings as they are in force.",
                              .help = {},
                              .arguments = {},
                              .flags = kScope,
                              .operands = Operands::Keys,
                              .run = show});
    table.commands.push_back(
        {.words = "set",
         .summary = "Changes settings until the node ends.",
         .help = "vernemq.conf stays as it is. `describe` says which settings can be changed, and "
                 "whether sessions that are there notice.",
         .arguments = {},
         .flags = kScope,
         .access = Access::Change,
         .operands = Operands::Assignments,
         .run = set});
    table.commands.push_back({.words = "describe",
                              .summary = "Says what settings do and accept.",
                              .help = {},
                              .arguments = {},
                              .flags = {},
                              .operands = Operands::Keys,
                              .run = describe});
}

}  // namespace vmq::admin::commands
