#include "admin/commands/completion.h"

#include <set>
#include <vector>

#include "admin/commands/handlers.h"
#include "admin/commands/table.h"

namespace vmq::admin::commands {
namespace {

constexpr std::string_view kGlobals = "--help --format=human --format=json --format=csv";

/// Words, arguments and flags that can follow `words`, separated by blanks.
std::string candidates(const CommandTable& table, std::string_view words) {
    std::string result;
    const auto add = [&result](const std::string& word) {
        if (!result.empty()) result += ' ';
        result += word;
    };
    for (const auto& child : table.children(words)) add(std::string(child.word));
    if (const Command* command = table.find_command(words)) {
        for (const Argument& argument : command->arguments) add(std::string(argument.name) + "=");
        for (const Flag& flag : command->flags) {
            add("--" + std::string(flag.name) + (flag.takes == Takes::Value ? "=" : ""));
        }
    }
    add(std::string(kGlobals));
    return result;
}

/// Every path of words that leads to something, the top first.
std::set<std::string_view> paths(const CommandTable& table) {
    std::set<std::string_view> result{""};
    for (const Group& group : table.groups()) result.insert(group.words);
    for (const Command& command : table.commands()) result.insert(command.words);
    return result;
}

/// Branches of a `case`, the same in both shells: what was typed so far, and what can follow.
std::string branches(const CommandTable& table) {
    std::string result;
    for (const std::string_view path : paths(table)) {
        result += "        '" + std::string(path) + "') candidates='" + candidates(table, path) +
                  "' ;;\n";
    }
    return result;
}

/// A pattern of all paths but the top.
std::string known_paths(const CommandTable& table) {
    std::string result;
    for (const std::string_view path : paths(table)) {
        if (path.empty()) continue;
        if (!result.empty()) result += "|";
        result += "'" + std::string(path) + "'";
    }
    return result;
}

std::string bash(const CommandTable& table) {
    // Words are taken from the line: bash itself breaks them at = and :.
    return R"(# bash completion for vmq-admin; made by `vmq-admin completion bash`
_vmq_admin() {
    local line=${COMP_LINE:0:COMP_POINT} path='' longer candidates plain='' word words
    local current=${line##*[[:space:]]}
    read -ra words <<<"${line%"$current"}"
    for word in "${words[@]:1}"; do
        longer=${path:+$path }$word
        case $longer in
            )" +
           known_paths(table) + R"() path=$longer ;;
        esac
    done
    case $path in
)" + branches(table) +
           R"(    esac
    if [[ $current != -* ]]; then
        for word in $candidates; do [[ $word == -* ]] || plain+=" $word"; done
        candidates=${plain:-$candidates}
    fi
    COMPREPLY=($(compgen -W "$candidates" -- "$current"))
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    if [[ $current == *=* && $COMP_WORDBREAKS == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*=}"}"}")
    fi
    return 0
}
complete -F _vmq_admin vmq-admin)";
}

std::string zsh(const CommandTable& table) {
    return R"(#compdef vmq-admin
# zsh completion for vmq-admin; made by `vmq-admin completion zsh`
_vmq_admin() {
    local path_so_far='' longer candidates word
    for word in "${(@)words[2,CURRENT-1]}"; do
        longer=${path_so_far:+$path_so_far }$word
        case $longer in
            ()" +
           known_paths(table) + R"() path_so_far=$longer ;;
        esac
    done
    case $path_so_far in
)" + branches(table) +
           R"(    esac
    local -a whole plain open
    whole=(${(s: :)candidates})
    plain=(${whole:#-*})
    [[ $PREFIX != -* && $#plain -gt 0 ]] && whole=($plain)
    open=(${(M)whole:#*=})
    whole=(${whole:#*=})
    compadd -- $whole
    compadd -S '' -- $open
}
if [[ $funcstack[1] == _vmq-admin ]]; then  # the name of the file in a folder of completions
    _vmq_admin "$@"
else
    compdef _vmq_admin vmq-admin
fi)";
}

Answer script(const Invocation& invocation, Node& /*node*/) {
    return text(completion_script(command_table(), invocation.command().words).value_or(""));
}

}  // namespace

std::optional<std::string> completion_script(const CommandTable& table, std::string_view words) {
    if (words == "completion bash") return bash(table);
    if (words == "completion zsh") return zsh(table);
    return std::nullopt;
}

void add_completion_commands(Declarations& table) {
    table.groups.push_back({"completion", "Completion of command lines in a shell."});
    table.commands.push_back({.words = "completion bash",
                              .summary = "Prints what bash has to load.",
                              .help = "For this shell: source <(vmq-admin completion bash)",
                              .arguments = {},
                              .flags = {},
                              .access = Access::Local,
                              .run = script});
    table.commands.push_back({.words = "completion zsh",
                              .summary = "Prints what zsh has to load.",
                              .help = "For this shell: source <(vmq-admin completion zsh)",
                              .arguments = {},
                              .flags = {},
                              .access = Access::Local,
                              .run = script});
}

}  // namespace vmq::admin::commands
