// What a plugin implements: any subset of VerneMQ's hooks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "hooks/contexts.h"
#include "hooks/verdicts.h"

namespace vmq::hooks {

/// Every VerneMQ hook; a v3 hook and its _m5 twin are one, told apart by the context's `v5`.
enum class Hook : std::uint8_t {
    AuthOnRegister,
    OnAuth,
    AuthOnPublish,
    AuthOnSubscribe,
    OnUnsubscribe,
    OnDeliver,
    OnRegister,
    OnPublish,
    OnSubscribe,
    OnTopicUnsubscribed,
    OnOfflineMessage,
    OnMessageDrop,
    OnClientWakeup,
    OnClientOffline,
    OnClientGone,
    OnSessionExpired,
    ChangeConfig,
    Count,
};

/// As VerneMQ says: "auth_on_register".
[[nodiscard]] std::string_view name_of(Hook hook) noexcept;

using HookSet = std::uint32_t;
[[nodiscard]] constexpr HookSet hook_bit(Hook hook) noexcept {
    return 1U << static_cast<unsigned>(hook);
}

/// Answers later: call it once, on the shard that asked.
template <typename Verdict>
using Completion = std::function<void(Verdict)>;

/// One object per shard and plugin, used on that shard only. An authorisation hook either returns
/// its verdict, or returns nothing and calls `done` later: the client's reads wait meanwhile.
/// A hook must not block. What it throws counts as Next.
class Plugin {
public:
    virtual ~Plugin() = default;

    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// Hooks it implements; the others are never called.
    [[nodiscard]] virtual HookSet hooks() const noexcept = 0;
    /// Those of them that it always answers before it returns: it is given no `done` there, which
    /// saves making one for every message.
    [[nodiscard]] virtual HookSet answers_at_once() const noexcept { return 0; }

    // NOLINTBEGIN(performance-unnecessary-value-param): who answers later keeps `done`
    virtual std::optional<RegisterVerdict> auth_on_register(const RegisterContext&,
                                                            Completion<RegisterVerdict>) {
        return RegisterVerdict{};
    }
    virtual std::optional<AuthVerdict> on_auth(const AuthContext&, Completion<AuthVerdict>) {
        return AuthVerdict{};
    }
    virtual std::optional<PublishVerdict> auth_on_publish(const PublishContext&,
                                                          Completion<PublishVerdict>) {
        return PublishVerdict{};
    }
    virtual std::optional<SubscribeVerdict> auth_on_subscribe(const SubscribeContext&,
                                                              Completion<SubscribeVerdict>) {
        return SubscribeVerdict{};
    }
    // NOLINTEND(performance-unnecessary-value-param)
    virtual UnsubscribeVerdict on_unsubscribe(const UnsubscribeContext&) { return {}; }
    /// May change topic, payload and properties of one delivery; cannot refuse it.
    virtual PublishVerdict on_deliver(const PublishContext&) { return {}; }

    virtual void on_register(const ClientContext&) {}
    virtual void on_publish(const PublishContext&) {}
    virtual void on_subscribe(const SubscribeContext&) {}
    virtual void on_topic_unsubscribed(const UnsubscribeContext&) {}
    virtual void on_offline_message(const MessageContext&) {}
    virtual void on_message_drop(const MessageContext&) {}
    virtual void on_client_wakeup(const ClientContext&) {}
    virtual void on_client_offline(const ClientContext&) {}
    virtual void on_client_gone(const ClientContext&) {}
    virtual void on_session_expired(const ClientContext&) {}
    /// On every shard: at the start before the first client, and when settings have changed.
    virtual void change_config(const ConfigContext&) {}
};

}  // namespace vmq::hooks
