// The plugin that is always there: it lets clients in that need not authenticate (allow_anonymous).
#pragma once

#include "hooks/plugin.h"

namespace vmq::hooks {

/// Says Ok where the context says that anonymous clients are allowed, else Next. Stateless.
class Anonymous final : public Plugin {
public:
    [[nodiscard]] std::string_view name() const noexcept override { return "anonymous"; }
    [[nodiscard]] HookSet hooks() const noexcept override;
    [[nodiscard]] HookSet answers_at_once() const noexcept override { return hooks(); }

    std::optional<RegisterVerdict> auth_on_register(const RegisterContext& context,
                                                    Completion<RegisterVerdict> done) override;
    std::optional<PublishVerdict> auth_on_publish(const PublishContext& context,
                                                  Completion<PublishVerdict> done) override;
    std::optional<SubscribeVerdict> auth_on_subscribe(const SubscribeContext& context,
                                                      Completion<SubscribeVerdict> done) override;
};

}  // namespace vmq::hooks
