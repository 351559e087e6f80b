#include "plugins/acl/acl_plugin.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vmq::plugins::acl {

using hooks::Decision;
using hooks::PublishVerdict;
using hooks::SubscribeVerdict;

AclPlugin::AclPlugin(std::shared_ptr<const AclSource> source)
    : source_(std::move(source)), rules_(source_->rules()) {}

hooks::HookSet AclPlugin::hooks() const noexcept {
    return hook_bit(hooks::Hook::AuthOnPublish) | hook_bit(hooks::Hook::AuthOnSubscribe);
}

const AclRules& AclPlugin::rules() {
    const std::uint64_t generation = source_->generation();
    if (generation != generation_) {
        rules_ = source_->rules();
        generation_ = generation;
    }
    return *rules_;
}

std::optional<PublishVerdict> AclPlugin::auth_on_publish(
    const hooks::PublishContext& context, hooks::Completion<PublishVerdict> /*done*/) {
    const AclRules& current = rules();
    const Identity who{context.subscriber.mountpoint, context.subscriber.client_id,
                       context.username};
    const bool allowed =
        current.grant_everything() || cache_.get(who, context.topic, generation_, [&] {
            return static_cast<bool>(current.may_publish(who, context.topic));
        });
    std::optional<PublishVerdict> verdict(std::in_place);
    if (allowed) verdict->decision = Decision::Ok;
    return verdict;
}

std::optional<SubscribeVerdict> AclPlugin::auth_on_subscribe(
    const hooks::SubscribeContext& context, hooks::Completion<SubscribeVerdict> /*done*/) {
    const AclRules& current = rules();
    const Identity who{context.subscriber.mountpoint, context.subscriber.client_id,
                       context.username};
    const auto& entries = *context.entries;
    std::vector<bool> granted;
    granted.reserve(entries.size());
    for (const mqtt::SubscribeEntry& entry : entries) {
        granted.push_back(static_cast<bool>(current.may_subscribe(who, entry.filter)));
    }
    const auto count = std::count(granted.begin(), granted.end(), true);
    std::optional<SubscribeVerdict> verdict(std::in_place);
    if (count == 0) return verdict;
    verdict->decision = Decision::Ok;
    if (static_cast<std::size_t>(count) == entries.size()) return verdict;
    auto& topics = verdict->topics.emplace();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        topics.push_back({std::string(entries[i].filter), entries[i].options,
                          mqtt::ReasonCode::Success, !granted[i]});
    }
    return verdict;
}

}  // namespace vmq::plugins::acl
