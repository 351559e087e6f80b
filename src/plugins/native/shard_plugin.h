// A plugin in a shared object, as the plugin of one shard.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "hooks/plugin.h"
#include "plugins/native/host.h"
#include "plugins/native/native_contexts.h"
#include "plugins/native/vmq_plugin.h"

namespace vmq::plugins::native {

/// Calls the hooks of one description and turns what they say into verdicts:
///
///     VMQ_NEXT, VMQ_OK, VMQ_ERROR, an answer    as said
///     an answer or a word that makes no sense   Error, ImplementationSpecificError
///
/// The last is logged, at most one line in ten seconds. What the plugin throws passes through: the
/// chain logs and counts it. One per shard, used on that shard. Late answers may come after it is
/// destroyed.
class ShardPlugin final : public hooks::Plugin {
public:
    /// `state` is what create_shard made. `owner` keeps it and the description's object.
    ShardPlugin(Host& host, const vmq_plugin& description, ShardId shard, void* state,
                std::shared_ptr<const void> owner) noexcept;

    [[nodiscard]] std::string_view name() const noexcept override { return host_.name(); }
    [[nodiscard]] hooks::HookSet hooks() const noexcept override { return hooks_; }
    [[nodiscard]] hooks::HookSet answers_at_once() const noexcept override { return at_once_; }

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
    hooks::UnsubscribeVerdict on_unsubscribe(const hooks::UnsubscribeContext& context) override;
    hooks::PublishVerdict on_deliver(const hooks::PublishContext& context) override;

    void on_register(const hooks::ClientContext& context) override;
    void on_publish(const hooks::PublishContext& context) override;
    void on_subscribe(const hooks::SubscribeContext& context) override;
    void on_topic_unsubscribed(const hooks::UnsubscribeContext& context) override;
    void on_offline_message(const hooks::MessageContext& context) override;
    void on_message_drop(const hooks::MessageContext& context) override;
    void on_client_wakeup(const hooks::ClientContext& context) override;
    void on_client_offline(const hooks::ClientContext& context) override;
    void on_client_gone(const hooks::ClientContext& context) override;
    void on_session_expired(const hooks::ClientContext& context) override;
    void change_config(const hooks::ConfigContext& context) override;

private:
    template <typename Verdict, typename Function, typename Context>
    std::optional<Verdict> ask(hooks::Hook hook, Function function, const Context& context,
                               hooks::Completion<Verdict> done);
    template <typename Function, typename Context>
    void tell(Function function, const Context& context);
    /// The plugin has done something it must not.
    void report(hooks::Hook hook, std::string_view what);

    Host& host_;
    const vmq_plugin description_;
    const hooks::HookSet hooks_;
    const hooks::HookSet at_once_;
    const ShardId shard_;
    void* const state_;
    const std::shared_ptr<const void> owner_;
    NativeContexts contexts_;
    std::uint64_t mistakes_ = 0;
    TimePoint report_again_ = TimePoint::min();
};

/// The hooks that a description has functions for.
[[nodiscard]] hooks::HookSet implemented_hooks(const vmq_plugin& description) noexcept;

}  // namespace vmq::plugins::native
