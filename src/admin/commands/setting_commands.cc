// show, set, describe: the settings of vernemq.conf.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"
#include "config/setting_table.h"
#include "config/value.h"

namespace vmq::admin::commands {
namespace {

const std::vector<Flag> kNodesFlags{
    {"node", 'n', Takes::Value, "Node", "Of this node."},
    {"all", 'a', Takes::Nothing, {}, "Of all nodes of the cluster."}};

const config::Setting* setting_of(std::string_view key) {
    return config::SettingTable::instance().find(key);
}

std::string nearest_key(std::string_view key) {
    const auto known = config::SettingTable::instance().nearest(key, 1);
    const std::vector<std::string_view> candidates(known.begin(), known.end());
    const auto nearest = nearest_of(candidates, key);
    return nearest.empty() ? std::string() : "Did you mean `" + std::string(nearest) + "`?";
}

/// The nodes that the flags name, or what is wrong with them.
std::variant<Scope, Answer> scope_of(const Invocation& invocation, Node& node) {
    Scope scope{invocation.is_on("all"), invocation.value_or("node", "")};
    if (scope.all && !scope.node.empty()) {
        return refusal("Error: Cannot use --all(-a) and --node(-n) at the same time");
    }
    if (scope.node == node.snapshot().node) scope.node.clear();
    if (scope.node.empty()) return scope;
    if (scope.node.find('@') == std::string::npos) return refusal("Invalid node name");
    const auto members = node.cluster();
    const auto member = std::ranges::find(members, scope.node, &ClusterMember::name);
    if (member == members.end() || !member->running) {
        return refusal("Target node is down: " + scope.node);
    }
    return scope;
}

std::optional<Answer> unknown_keys(const std::vector<std::string>& keys) {
    std::string unknown;
    std::string hint;
    for (const std::string& key : keys) {
        if (setting_of(key) != nullptr) continue;
        if (hint.empty()) hint = nearest_key(key);
        unknown += key + " ";
    }
    if (unknown.empty()) return std::nullopt;
    return refusal("Invalid config keys: " + unknown, hint);
}

Answer show_settings(const Invocation& invocation, Node& node) {
    auto scope = scope_of(invocation, node);
    if (auto* wrong = std::get_if<Answer>(&scope)) return std::move(*wrong);
    if (auto wrong = unknown_keys(invocation.keys())) return std::move(*wrong);
    auto found = node.settings(invocation.keys(), std::get<Scope>(scope));
    if (!found) return refusal(found.error().detail);
    const bool origins = invocation.is_on("origin");
    Table result{{"node"}, {}};
    for (const std::string& key : invocation.keys()) {
        result.columns.push_back(key);
        if (origins) result.columns.push_back(key + " origin");
    }
    for (SettingsView& each : found.value().nodes) {
        auto& row = result.rows.emplace_back();
        row.emplace_back(std::move(each.node));
        for (std::size_t i = 0; i < each.values.size(); ++i) {
            row.push_back(each.values[i] ? Cell(*each.values[i]) : Cell(Undefined{}));
            if (origins) row.emplace_back(std::move(each.origins[i]));
        }
    }
    Answer answer = table(std::move(result));
    if (found.value().silent.empty()) return answer;
    std::string names;
    for (const std::string& each : found.value().silent) {
        names += (names.empty() ? "'" : ",'") + each + "'";
    }
    answer.elements.emplace_back(Text{"Failed to get config for: [" + names + "]"});
    return answer;
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
            return refusal("Unknown variable: " + change.name, nearest_key(change.name));
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

/// One line for each key; for all nodes a table.
Answer tell(const std::vector<std::string>& lines, const std::vector<NodeOutcome>& outcomes,
            bool all) {
    Answer answer;
    if (!all) {
        for (const std::string& line : lines) answer.elements.emplace_back(Text{line});
        return answer;
    }
    Table result{{"Node", "Node Down/Unreachable", "Result"}, {}};
    for (const NodeOutcome& each : outcomes) {
        for (const std::string& line : lines) {
            result.rows.push_back(
                {each.node, each.down, each.problem.empty() ? line : each.problem});
        }
    }
    answer.elements.emplace_back(Text{"Setting config across the cluster"});
    answer.elements.emplace_back(std::move(result));
    return answer;
}

Answer set(const Invocation& invocation, Node& node) {
    auto scope = scope_of(invocation, node);
    if (auto* wrong = std::get_if<Answer>(&scope)) return std::move(*wrong);
    if (auto wrong = wrong_change(invocation.assignments())) return std::move(*wrong);
    std::vector<SettingChange> changes;
    std::vector<std::string> lines;
    std::string hint;
    for (const GivenArgument& each : invocation.assignments()) {
        changes.emplace_back(each.name, each.value);
        const config::Setting& setting = *setting_of(each.name);
        const bool secret = config::is_secret(setting, each.name);
        lines.push_back(each.name + " set to \"" + (secret ? "******" : each.value) + "\"");
        if (setting.status == config::Status::Built) continue;
        hint += (hint.empty() ? "" : "\n") + each.name + " has no effect yet: nothing reads it.";
    }
    const auto changed = node.change(changes, std::get<Scope>(scope));
    if (!changed) return refusal(changed.error().detail);
    Answer answer = tell(lines, changed.value(), std::get<Scope>(scope).all);
    answer.hint = std::move(hint);
    return answer;
}

Answer unset(const Invocation& invocation, Node& node) {
    auto scope = scope_of(invocation, node);
    if (auto* wrong = std::get_if<Answer>(&scope)) return std::move(*wrong);
    if (auto wrong = unknown_keys(invocation.keys())) return std::move(*wrong);
    std::vector<std::string> lines;
    for (const std::string& key : invocation.keys()) lines.push_back(key + " unset");
    const auto changed = node.unset(invocation.keys(), std::get<Scope>(scope));
    if (!changed) return refusal(changed.error().detail);
    return tell(lines, changed.value(), std::get<Scope>(scope).all);
}

}  // namespace

void add_setting_commands(Declarations& table) {
    std::vector<Flag> shown = kNodesFlags;
    shown.push_back({"origin", 'o', Takes::Nothing, {}, "Also where the values come from."});
    table.commands.push_back({.words = "show",
                              .summary = "Shows settings as they are in force.",
                              .help = {},
                              .arguments = {},
                              .flags = std::move(shown),
                              .operands = Operands::Keys,
                              .run = show_settings});
    table.commands.push_back(
        {.words = "set",
         .summary = "Changes settings of this node until it ends, or with --all of the cluster.",
         .help =
             "vernemq.conf stays as it is. What is set with --all is kept, holds for nodes that "
             "join, and counts more than their files; it takes the place of what nodes were "
             "set to before. What a node is set to after that counts there until it ends. "
             "`describe` says which settings can be changed, and whether sessions that are "
             "there notice.",
         .arguments = {},
         .flags = kNodesFlags,
         .access = Access::Change,
         .operands = Operands::Assignments,
         .run = set});
    table.commands.push_back(
        {.words = "unset",
         .summary = "Takes back what `set` has changed, on this node or with --all in the cluster.",
         .help = "What stands below it counts again: what is set for the cluster, then "
                 "vernemq.conf.",
         .arguments = {},
         .flags = kNodesFlags,
         .access = Access::Change,
         .operands = Operands::Keys,
         .run = unset});
    table.commands.push_back({.words = "describe",
                              .summary = "Says what settings do and accept.",
                              .help = {},
                              .arguments = {},
                              .flags = {},
                              .operands = Operands::Keys,
                              .run = describe});
}

}  // namespace vmq::admin::commands
