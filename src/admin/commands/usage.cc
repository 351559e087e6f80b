#include "admin/commands/usage.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace vmq::admin::commands {
namespace {

constexpr std::size_t kLineLength = 80;

struct Line {
    std::string left;
    std::string_view right;
};

/// `text` in lines of words that begin at `indent`; the first one goes on where it is.
std::string wrapped(std::string_view text, std::size_t indent) {
    std::string out;
    std::size_t column = indent;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
        const std::string_view word = text.substr(0, end);
        const bool forced = end < text.size() && text[end] == '\n';
        if (column > indent && column + 1 + word.size() > kLineLength) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
        }
        if (column > indent) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
        text.remove_prefix(std::min(end + 1, text.size()));
        if (forced) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
        }
    }
    return out;
}

std::string columns(const std::vector<Line>& lines, std::size_t indent) {
    std::size_t width = 0;
    for (const Line& line : lines) width = std::max(width, line.left.size());
    std::string out;
    for (const Line& line : lines) {
        const std::size_t start = indent + width + 2;
        out += std::string(indent, ' ') + line.left;
        if (!line.right.empty()) {
            out += std::string(start - indent - line.left.size(), ' ') + wrapped(line.right, start);
        }
        out += '\n';
    }
    return out;
}

std::string in_brackets(std::string_view name) { return "<" + std::string(name) + ">"; }

std::string flag_left(const Flag& flag) {
    std::string left;
    if (flag.letter != 0) left += std::string("-") + flag.letter + ", ";
    left += "--" + std::string(flag.name);
    if (flag.takes == Takes::Value) left += "=" + in_brackets(flag.value);
    if (flag.takes == Takes::Optional) left += "[=" + in_brackets(flag.value) + "]";
    return left;
}

std::string sub_commands(const CommandTable& table, std::string_view words) {
    std::vector<Line> lines;
    for (const auto& child : table.children(words)) {
        lines.push_back({std::string(child.word), child.summary});
    }
    return "  Sub-commands:\n" + columns(lines, 4);
}

std::string command_usage(const CommandTable& table, const Command& command) {
    std::string out = "Usage: vmq-admin " + std::string(command.words);
    for (const Argument& argument : command.arguments) {
        const std::string each = std::string(argument.name) + "=" + in_brackets(argument.value);
        out += argument.required ? " " + each : " [" + each + "]";
    }
    if (command.operands == Operands::Keys) out += " <key> ...";
    if (command.operands == Operands::Assignments) out += " <key>=<value> ...";
    if (!command.flags.empty()) out += " [options]";
    out += "\n\n  " + wrapped(command.summary, 2) + "\n";
    if (!command.help.empty()) out += "\n  " + wrapped(command.help, 2) + "\n";
    if (!command.arguments.empty()) {
        std::vector<Line> lines;
        for (const Argument& argument : command.arguments) {
            lines.push_back(
                {std::string(argument.name) + "=" + in_brackets(argument.value), argument.help});
        }
        out += "\nArguments\n\n" + columns(lines, 2);
    }
    if (!command.flags.empty()) {
        std::vector<Line> lines;
        for (const Flag& flag : command.flags) lines.push_back({flag_left(flag), flag.help});
        out += "\nOptions\n\n" + columns(lines, 2);
    }
    if (!table.children(command.words).empty()) out += "\n" + sub_commands(table, command.words);
    return out;
}

}  // namespace

std::string usage(const CommandTable& table, std::string_view words) {
    if (const Command* command = table.find_command(words)) return command_usage(table, *command);
    const Group* group = table.find_group(words);
    std::string out = "Usage: vmq-admin ";
    if (!words.empty()) out += std::string(words) + " ";
    out += "<sub-command>\n\n";
    out += group != nullptr && !words.empty() ? "  " + wrapped(group->summary, 2) + "\n\n"
                                              : "  Administrate the node.\n\n";
    out += sub_commands(table, words);
    out += "\n  Use --help after a sub-command for more details.\n";
    if (words.empty()) {
        out += "\n  Every command takes --format=human|json|csv.\n";
    }
    return out;
}

}  // namespace vmq::admin::commands
