#include "plugins/acl/acl_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmq::plugins::acl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::shared_ptr<const AclRules> rules_of(std::string_view text) {
    return std::make_shared<const AclRules>(parse_acl_file(text).rules, AclRules::Options{});
}

Revision revision(std::string_view before, std::string_view after) {
    Revision revision;
    revision.before = rules_of(before);
    revision.after = rules_of(after);
    revision.changes = compare(*revision.before, *revision.after);
    return revision;
}

std::vector<std::string> texts(const std::vector<Rule>& rules) {
    std::vector<std::string> texts;
    texts.reserve(rules.size());
    for (const Rule& rule : rules) texts.push_back(rule.text());
    return texts;
}

TEST(AclChanges, AreRulesThatOnlyOneFileHas) {
    const Changes changes =
        revision("topic a\nuser u\ntopic x\ntopic y\n", "topic b\ntopic a\nuser u\ntopic read x\n")
            .changes;
    EXPECT_THAT(texts(changes.added), ElementsAre("topic b", "user u: topic read x"));
    EXPECT_THAT(texts(changes.removed), ElementsAre("user u: topic x", "user u: topic y"));
    EXPECT_TRUE(changes.may_revoke());
}

TEST(AclChanges, AreNoneWhenOnlyTheOrderOrRepetitionsDiffer) {
    const Changes changes =
        revision("topic a\ntopic b\ntopic b\n", "# x\ntopic b\ntopic a\n").changes;
    EXPECT_TRUE(changes.empty());
    EXPECT_FALSE(changes.may_revoke());
}

TEST(AclChanges, RevokeWhatWasGrantedAndNoLongerIs) {
    const Identity alice{"", "c", "alice"};
    const std::vector<std::string_view> filters{"a/b", "a/#", "x", "$share/g/a/c", "webhook/only"};
    const Revision narrower = revision("topic a/#\ntopic x\n", "topic x\nuser alice\ntopic a/b\n");
    EXPECT_THAT(revoked(narrower, alice, filters), ElementsAre("a/#", "$share/g/a/c"));
    EXPECT_THAT(revoked(narrower, {"", "c", "bob"}, filters),
                ElementsAre("a/b", "a/#", "$share/g/a/c"));
    EXPECT_THAT(revoked(revision("topic x\n", "topic x\ntopic y\n"), alice, filters), IsEmpty());
}

}  // namespace
}  // namespace vmq::plugins::acl
