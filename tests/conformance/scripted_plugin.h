// A plugin whose answers stand in the script (`hook` lines).
#pragma once

#include <memory>
#include <vector>

#include "conformance/script.h"
#include "hooks/plugin.h"

namespace vmq::conformance {

/// The first rule whose words all match answers; calls that no rule matches are passed on to the
/// next plugin. Implements the hooks that rules name.
class ScriptedPlugin final : public hooks::Plugin {
public:
    /// Fails on a hook, a word or an outcome it does not know.
    [[nodiscard]] static Result<std::unique_ptr<ScriptedPlugin>> make(
        const std::vector<HookRule>& rules);

    [[nodiscard]] std::string_view name() const noexcept override { return "scripted"; }
    [[nodiscard]] hooks::HookSet hooks() const noexcept override { return hooks_; }

    std::optional<hooks::RegisterVerdict> auth_on_register(
        const hooks::RegisterContext& context,
        hooks::Completion<hooks::RegisterVerdict> done) override;
    std::optional<hooks::AuthVerdict> on_auth(const hooks::AuthContext& context,
                                              hooks::Completion<hooks::AuthVerdict> done) override;
    std::optional<hooks::PublishVerdict> auth_on_publish(
        const hooks::PublishContext& context,
        hooks::Completion<hooks::PublishVerdict> done) override;
    std::optional<hooks::SubscribeVerdict> auth_on_subscribe(
        const hooks::SubscribeContext& context,
        hooks::Completion<hooks::SubscribeVerdict> done) override;
    hooks::PublishVerdict on_deliver(const hooks::PublishContext& context) override;

private:
    explicit ScriptedPlugin(const std::vector<HookRule>& rules) : rules_(rules) {}

    std::vector<HookRule> rules_;
    hooks::HookSet hooks_ = 0;
};

}  // namespace vmq::conformance
