// What a new ACL file changes: for the log, for a look before it counts, and for taking back
// subscriptions that it no longer grants.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hooks/contexts.h"
#include "plugins/acl/acl_file.h"
#include "plugins/acl/acl_rules.h"

namespace vmq::plugins::acl {

/// Rules that only one of two files has, however they are ordered.
struct Changes {
    std::vector<Rule> added;
    std::vector<Rule> removed;

    [[nodiscard]] bool empty() const noexcept { return added.empty() && removed.empty(); }
    /// Without a removed rule nobody loses anything.
    [[nodiscard]] bool may_revoke() const noexcept { return !removed.empty(); }
};

[[nodiscard]] Changes compare(const AclRules& before, const AclRules& after);

/// Two states of the rules, one after the other, and what is wrong with the file of the second.
/// Both can be asked as long as the revision lives, on any thread.
struct Revision {
    std::shared_ptr<const AclRules> before;
    std::shared_ptr<const AclRules> after;
    Changes changes;
    std::vector<Problem> problems;
    std::size_t problem_count = 0;
};

/// The context of a hook in the words of the rules.
[[nodiscard]] Identity identity_of(const hooks::ClientContext& client) noexcept;

/// Those of a session's filters that the rules do not grant.
[[nodiscard]] std::vector<std::string_view> refused(const AclRules& rules, const Identity& who,
                                                    std::span<const std::string_view> filters);

[[nodiscard]] bool publish_refused(const AclRules& rules, const Identity& who,
                                   std::string_view topic);

/// Whether publishing was granted and no longer is.
[[nodiscard]] bool publish_revoked(const Revision& revision, const Identity& who,
                                   std::string_view topic);

/// Those of a session's filters that were granted and no longer are. What the rules never granted,
/// because another plugin did, is not theirs to take back.
[[nodiscard]] std::vector<std::string_view> revoked(const Revision& revision, const Identity& who,
                                                    std::span<const std::string_view> filters);

}  // namespace vmq::plugins::acl
