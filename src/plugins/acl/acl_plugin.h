// VerneMQ's vmq_acl: lets clients publish and subscribe to what the ACL file grants them.
#pragma once

#include <cstdint>
#include <memory>

#include "hooks/plugin.h"
#include "plugins/acl/acl_source.h"
#include "plugins/acl/decision_cache.h"

namespace vmq::plugins::acl {

/// Answers at once: Ok for what is granted, else Next, so that another plugin may grant it; a chain
/// that ends with Next refuses. Of a SUBSCRIBE each filter is decided by itself: those that are not
/// granted are left to the next plugin. Never changes what is asked about.
///
/// One per shard, used on that shard only. The rules and when they change are the business of
/// `source`, which all shards share.
class AclPlugin final : public hooks::Plugin {
public:
    explicit AclPlugin(std::shared_ptr<const AclSource> source);

    [[nodiscard]] std::string_view name() const noexcept override { return "vmq_acl"; }
    [[nodiscard]] hooks::HookSet hooks() const noexcept override;
    [[nodiscard]] hooks::HookSet answers_at_once() const noexcept override { return hooks(); }

    std::optional<hooks::PublishVerdict> auth_on_publish(
        const hooks::PublishContext& context,
        hooks::Completion<hooks::PublishVerdict> done) override;
    std::optional<hooks::SubscribeVerdict> auth_on_subscribe(
        const hooks::SubscribeContext& context,
        hooks::Completion<hooks::SubscribeVerdict> done) override;

private:
    /// The rules in force.
    const AclRules& rules();

    const std::shared_ptr<const AclSource> source_;
    std::shared_ptr<const AclRules> rules_;
    std::uint64_t generation_ = 0;
    DecisionCache cache_;
};

}  // namespace vmq::plugins::acl
