#include "admin/commands/table.h"

#include <utility>
#include <variant>

#include "admin/commands/completion.h"
#include "admin/commands/handlers.h"
#include "admin/commands/parser.h"

namespace vmq::admin::commands {
namespace {

CommandTable make_table() {
    Declarations all;
    add_node_commands(all);
    add_cluster_commands(all);
    add_session_commands(all);
    add_query_commands(all);
    add_acl_commands(all);
    add_plugin_commands(all);
    add_retain_commands(all);
    add_listener_commands(all);
    add_metrics_commands(all);
    add_api_key_commands(all);
    add_tls_commands(all);
    add_log_commands(all);
    add_trace_commands(all);
    add_top_commands(all);
    add_setting_commands(all);
    add_completion_commands(all);
    return {std::move(all.groups), std::move(all.commands)};
}

Printed printed(const Answer& answer, const Parsed& parsed, bool terminal) {
    Printed result = print(answer, parsed.format, terminal);
    result.stream = answer.stream;
    if (!parsed.notice.empty()) result.err += parsed.notice + "\n";
    return result;
}

}  // namespace

const CommandTable& command_table() {
    static const CommandTable table = make_table();
    return table;
}

Printed execute(std::span<const std::string> line, bool terminal, Node& node) {
    const Parsed parsed = parse(command_table(), line);
    if (const Answer* answer = std::get_if<Answer>(&parsed.what)) {
        return printed(*answer, parsed, terminal);
    }
    const auto& invocation = std::get<Invocation>(parsed.what);
    return printed(invocation.command().run(invocation, node), parsed, terminal);
}

std::optional<Asked> asked_by(std::span<const std::string> line) {
    Parsed parsed = parse(command_table(), line);
    auto* invocation = std::get_if<Invocation>(&parsed.what);
    if (invocation == nullptr) return std::nullopt;
    return Asked{std::move(*invocation), parsed.format};
}

std::optional<Printed> execute_without_node(std::span<const std::string> line, bool terminal) {
    const Parsed parsed = parse(command_table(), line);
    if (const Answer* answer = std::get_if<Answer>(&parsed.what)) {
        return printed(*answer, parsed, terminal);
    }
    const Command& command = std::get<Invocation>(parsed.what).command();
    if (const auto script = completion_script(command_table(), command.words)) {
        return printed(text(*script), parsed, terminal);
    }
    return std::nullopt;
}

}  // namespace vmq::admin::commands
