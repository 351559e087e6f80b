// acl and passwd: the files that say who may do what.
#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

Answer show(Result<Rows> rows) {
    if (!rows) return refusal(rows.error().detail);
    Answer answer = table(std::move(rows.value().table));
    for (const std::string& each : rows.value().missing)
        answer.hint += (answer.hint.empty() ? "" : "\n") + each;
    return answer;
}

std::string path_of(const Invocation& invocation) {
    return invocation.argument("path").value_or("");
}

Answer preview(const Invocation& invocation, Node& node) {
    return show(node.preview_acl(path_of(invocation)));
}
Answer preview_passwords(const Invocation& invocation, Node& node) {
    return show(node.preview_passwords(path_of(invocation)));
}

Answer reload(const Invocation& /*invocation*/, Node& node) {
    const auto read = node.reload_acl();
    return read ? done() : refusal(read.error().detail);
}
Answer reload_passwords(const Invocation& /*invocation*/, Node& node) {
    const auto read = node.reload_passwords();
    return read ? done() : refusal(read.error().detail);
}

}  // namespace

void add_acl_commands(Declarations& table) {
    table.groups.push_back({"acl", "Reload access rules, and look at what they change."});
    table.groups.push_back({"passwd", "Reload passwords, and look at what they change."});
    constexpr std::string_view kAtOnce =
        "What is no longer allowed ends at once, unless acl_revocation = new_only. The log says "
        "what is wrong with the file.";
    table.commands.push_back({.words = "acl reload",
                              .summary = "Reads the ACL file again.",
                              .help = kAtOnce,
                              .arguments = {},
                              .flags = {},
                              .access = Access::Change,
                              .run = reload});
    table.commands.push_back({.words = "passwd reload",
                              .summary = "Reads the password file again.",
                              .help = kAtOnce,
                              .arguments = {},
                              .flags = {},
                              .access = Access::Change,
                              .run = reload_passwords});
    table.commands.push_back(
        {.words = "passwd preview",
         .summary = "Shows the sessions that would end with another password file.",
         .help = "Nothing is changed. The broker reads the file, so the path is one of its own.",
         .arguments = {{"path", "File", "The file that is to take the place of the passwords.",
                        true}},
         .flags = {},
         .run = preview_passwords});
    table.commands.push_back(
        {.words = "acl preview",
         .summary = "Shows the subscriptions that would end with another ACL file.",
         .help = "Nothing is changed. The broker reads the file, so the path is one of its own.",
         .arguments = {{"path", "File", "The file that is to take the place of the ACL.", true}},
         .flags = {},
         .run = preview});
}

}  // namespace vmq::admin::commands
