// The plugin at the end of a chain in which those under test may have no opinion.
#pragma once

#include <optional>
#include <string_view>

#include "hooks/plugin.h"

namespace vmq::testing {

/// Lets everybody in and allows them everything.
class AllowsEverything final : public hooks::Plugin {
public:
    [[nodiscard]] std::string_view name() const noexcept override { return "allows_everything"; }
    [[nodiscard]] hooks::HookSet hooks() const noexcept override {
        using hooks::Hook;
        return hook_bit(Hook::AuthOnRegister) | hook_bit(Hook::AuthOnPublish) |
               hook_bit(Hook::AuthOnSubscribe);
    }
    [[nodiscard]] hooks::HookSet answers_at_once() const noexcept override { return hooks(); }
    std::optional<hooks::RegisterVerdict> auth_on_register(
        const hooks::RegisterContext& /*context*/,
        hooks::Completion<hooks::RegisterVerdict> /*done*/) override {
        return ok<hooks::RegisterVerdict>();
    }
    std::optional<hooks::PublishVerdict> auth_on_publish(
        const hooks::PublishContext& /*context*/,
        hooks::Completion<hooks::PublishVerdict> /*done*/) override {
        return ok<hooks::PublishVerdict>();
    }
    std::optional<hooks::SubscribeVerdict> auth_on_subscribe(
        const hooks::SubscribeContext& /*context*/,
        hooks::Completion<hooks::SubscribeVerdict> /*done*/) override {
        return ok<hooks::SubscribeVerdict>();
    }

private:
    template <typename Verdict>
    static Verdict ok() {
        Verdict verdict;
        verdict.decision = hooks::Decision::Ok;
        return verdict;
    }
};

}  // namespace vmq::testing
