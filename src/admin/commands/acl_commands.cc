// acl: what a file of access rules would change.
#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

Answer preview(const Invocation& invocation, Node& node) {
    auto rows = node.preview_acl(invocation.argument("path").value_or(""));
    if (!rows) return refusal(rows.error().detail);
    Answer answer = table(std::move(rows.value().table));
    for (const std::string& each : rows.value().missing)
        answer.hint += (answer.hint.empty() ? "" : "\n") + each;
    return answer;
}

}  // namespace

void add_acl_commands(Declarations& table) {
    table.groups.push_back({"acl", "Look at what access rules change."});
    table.commands.push_back(
        {.words = "acl preview",
         .summary = "Shows the subscriptions that would end with another ACL file.",
         .help = "Nothing is changed. The broker reads the file, so the path is one of its own.",
         .arguments = {{"path", "File", "The file that is to take the place of the ACL.", true}},
         .flags = {},
         .run = preview});
}

}  // namespace vmq::admin::commands
