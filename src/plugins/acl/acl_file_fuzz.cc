// Any bytes as an ACL file: what is read can be written and read again, and grants what it says.
#include "plugins/acl/acl_file.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "mqtt/topic.h"
#include "plugins/acl/acl_changes.h"
#include "plugins/acl/acl_model.h"

namespace vmq::plugins::acl {
namespace {

std::string written(const std::vector<Rule>& rules) {
    std::string text;
    for (const Rule& rule : rules) {
        if (rule.applies == Rule::Applies::ToUser) text += "user " + rule.username + "\n";
        text += rule.applies == Rule::Applies::AsPattern ? "pattern " : "topic ";
        text += rule.read && rule.write ? "readwrite " : rule.read ? "read " : "write ";
        text += rule.topic + "\n";
    }
    return text;
}

void check_grants(const AclRules& acl, const Rule& rule) {
    const Identity who{"%m", "%c", rule.username.empty() ? "%u" : std::string_view(rule.username)};
    if (!mqtt::is_valid_topic_filter(rule.topic)) return;  // a shared one for any group
    if (rule.read) VMQ_ASSERT(acl.may_subscribe(who, rule.topic));
    if (!mqtt::is_valid_topic_name(rule.topic)) return;
    if (rule.write) VMQ_ASSERT(acl.may_publish(who, rule.topic));
    const Identity other{"+", "#", "a/b"};
    VMQ_ASSERT(static_cast<bool>(acl.may_publish(other, rule.topic)) ==
               model::may_publish(acl.rules(), other, rule.topic));
}

}  // namespace
}  // namespace vmq::plugins::acl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::plugins::acl;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    AclFile file = parse_acl_file(text);
    VMQ_ASSERT(file.problems.size() <= file.problem_count);
    VMQ_ASSERT(file.problems.size() <= kMaxProblems);
    for (const Problem& problem : file.problems) VMQ_ASSERT(!problem.reason.empty());

    const AclRules acl(std::move(file.rules), {});
    std::size_t asked = 0;
    for (const Rule& rule : acl.rules()) {
        if (++asked > 64) break;  // the model looks at all rules each time
        check_grants(acl, rule);
    }
    // Topics of everyone cannot stand behind a user line.
    std::vector<Rule> in_order;
    for (const bool everyone : {true, false}) {
        for (const Rule& rule : acl.rules()) {
            if ((rule.applies == Rule::Applies::ToEveryone) == everyone) in_order.push_back(rule);
        }
    }
    AclFile again = parse_acl_file(written(in_order));
    for (const Problem& problem : again.problems) VMQ_ASSERT(!problem.skipped);
    VMQ_ASSERT(compare(acl, AclRules(std::move(again.rules), {})).empty());
    return 0;
}
