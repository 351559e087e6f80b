// The order in which plugins are asked, and VerneMQ's two ways of asking them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "hooks/plugin.h"

namespace vmq::hooks {

/// all_till_ok: plugins are asked in order until one says Ok or Error; if none does, or none
/// implements the hook, the answer is Error without a reason. all: every plugin is told.
///
/// One per shard; plugins are added before the first client and stay for the shard's life.
class Chain final {
public:
    /// A pending verdict with the place in the chain to go on from if it is Next.
    template <typename Verdict>
    using Later = std::function<void(Verdict, std::size_t next)>;

    Chain() = default;
    Chain(const Chain&) = delete;
    Chain& operator=(const Chain&) = delete;

    void add(std::unique_ptr<Plugin> plugin);

    [[nodiscard]] bool implements(Hook hook) const noexcept {
        return (hooks_ & hook_bit(hook)) != 0;
    }

    /// The only plugin to ask is the anonymous one, so a client that is allowed to be anonymous is
    /// allowed this as well: callers may skip the call.
    [[nodiscard]] bool anonymous_decides(Hook hook) const noexcept {
        return (other_hooks_ & hook_bit(hook)) == 0;
    }

    /// Returns the verdict, or nothing: then `done` is called later with it. A verdict returned
    /// here is Ok or Error. One that comes later may be Next: the caller, who alone still has the
    /// context, then asks again with `first` = the `next` it was given.
    std::optional<RegisterVerdict> auth_on_register(const RegisterContext& context,
                                                    Later<RegisterVerdict> done,
                                                    std::size_t first = 0);
    std::optional<AuthVerdict> on_auth(const AuthContext& context, Later<AuthVerdict> done,
                                       std::size_t first = 0);
    std::optional<PublishVerdict> auth_on_publish(const PublishContext& context,
                                                  Later<PublishVerdict> done,
                                                  std::size_t first = 0);
    std::optional<SubscribeVerdict> auth_on_subscribe(const SubscribeContext& context,
                                                      Later<SubscribeVerdict> done,
                                                      std::size_t first = 0);
    /// Errors are ignored: the client's own filters are then removed.
    UnsubscribeVerdict on_unsubscribe(const UnsubscribeContext& context);
    PublishVerdict on_deliver(const PublishContext& context);

    void on_register(const ClientContext& context);
    void on_publish(const PublishContext& context);
    void on_subscribe(const SubscribeContext& context);
    void on_topic_unsubscribed(const UnsubscribeContext& context);
    void on_offline_message(const MessageContext& context);
    void on_message_drop(const MessageContext& context);
    void on_client_wakeup(const ClientContext& context);
    void on_client_offline(const ClientContext& context);
    void on_client_gone(const ClientContext& context);
    void on_session_expired(const ClientContext& context);

private:
    template <typename Verdict, typename Context, typename Call>
    std::optional<Verdict> ask(Hook hook, const Context& context, Later<Verdict>& done,
                               std::size_t first, Call call);
    template <typename Call>
    void tell(Hook hook, Call call);

    std::vector<std::unique_ptr<Plugin>> plugins_;
    HookSet hooks_ = 0;
    HookSet other_hooks_ = 0;  // implemented by a plugin other than the anonymous one
};

}  // namespace vmq::hooks
