#include "plugins/acl/acl_changes.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace vmq::plugins::acl {
namespace {

using Sorted = std::vector<const Rule*>;

bool less(const Rule* a, const Rule* b) noexcept {
    const auto key = [](const Rule& rule) {
        return std::tie(rule.applies, rule.username, rule.topic, rule.read, rule.write);
    };
    return key(*a) < key(*b);
}

/// Each rule once: a second one grants nothing more.
Sorted sorted(const AclRules& rules) {
    Sorted all;
    all.reserve(rules.rules().size());
    for (const Rule& rule : rules.rules()) all.push_back(&rule);
    std::sort(all.begin(), all.end(), [](const Rule* a, const Rule* b) {
        return less(a, b) || (!less(b, a) && a->line < b->line);
    });
    all.erase(std::unique(all.begin(), all.end(),
                          [](const Rule* a, const Rule* b) { return a->same_as(*b); }),
              all.end());
    return all;
}

std::vector<Rule> only_in(const Sorted& these, const Sorted& others) {
    Sorted only;
    std::set_difference(these.begin(), these.end(), others.begin(), others.end(),
                        std::back_inserter(only), less);
    std::sort(only.begin(), only.end(),
              [](const Rule* a, const Rule* b) { return a->line < b->line; });
    std::vector<Rule> rules;
    rules.reserve(only.size());
    for (const Rule* rule : only) rules.push_back(*rule);
    return rules;
}

}  // namespace

Changes compare(const AclRules& before, const AclRules& after) {
    const Sorted old_rules = sorted(before);
    const Sorted new_rules = sorted(after);
    return {only_in(new_rules, old_rules), only_in(old_rules, new_rules)};
}

Identity identity_of(const hooks::ClientContext& client) noexcept {
    return {client.subscriber.mountpoint, client.subscriber.client_id, client.username};
}

std::vector<std::string_view> refused(const AclRules& rules, const Identity& who,
                                      std::span<const std::string_view> filters) {
    std::vector<std::string_view> lost;
    std::copy_if(filters.begin(), filters.end(), std::back_inserter(lost),
                 [&](std::string_view filter) { return !rules.may_subscribe(who, filter); });
    return lost;
}

bool publish_refused(const AclRules& rules, const Identity& who, std::string_view topic) {
    return !rules.may_publish(who, topic);
}

bool publish_revoked(const Revision& revision, const Identity& who, std::string_view topic) {
    return revision.changes.may_revoke() && revision.before->may_publish(who, topic) &&
           !revision.after->may_publish(who, topic);
}

std::vector<std::string_view> revoked(const Revision& revision, const Identity& who,
                                      std::span<const std::string_view> filters) {
    std::vector<std::string_view> lost;
    if (!revision.changes.may_revoke()) return lost;
    std::copy_if(filters.begin(), filters.end(), std::back_inserter(lost),
                 [&](std::string_view filter) {
                     return revision.before->may_subscribe(who, filter) &&
                            !revision.after->may_subscribe(who, filter);
                 });
    return lost;
}

}  // namespace vmq::plugins::acl
