// The order in which plugins are asked, and VerneMQ's two ways of asking them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "hooks/hook_stats.h"
#include "hooks/plugin.h"

namespace vmq::hooks {

/// Names plugins by their place in a Chain; the same on all shards.
using PluginPlace = std::uint8_t;
inline constexpr std::size_t kMaxPlugins = 64;
using PluginOrder = std::vector<PluginPlace>;

/// Whom to ask: all plugins in their order, or only some in an order of their own (a listener's
/// auth_plugins, authz_plugins). `first` is where to begin.
struct Route {
    const PluginOrder* only = nullptr;  // null: all
    std::size_t first = 0;
};

/// all_till_ok: plugins are asked in order until one says Ok or Error; if none does, or none
/// implements the hook, the answer is Error without a reason. all: every plugin is told.
///
/// What a plugin throws is logged, counted, and taken for Next.
///
/// One per shard and used there; plugins that have been added stay for the shard's life, but may be
/// switched off and on again.
class Chain final {
public:
    /// A pending verdict with the place in the route to go on from if it is Next.
    template <typename Verdict>
    using Later = std::function<void(Verdict, std::size_t next)>;

    Chain() { slots_.reserve(kMaxPlugins); }
    Chain(const Chain&) = delete;
    Chain& operator=(const Chain&) = delete;

    /// Behind those that are there. Not more than kMaxPlugins.
    void add(std::unique_ptr<Plugin> plugin);
    /// One that is off is as if it had no hooks. What it was asked before it still answers.
    void set_enabled(PluginPlace place, bool enabled);

    // By place, below size(); any thread.
    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_acquire);
    }
    [[nodiscard]] const Plugin& plugin(PluginPlace place) const { return *slots_[place]->plugin; }
    [[nodiscard]] HookStats::Counts counts(PluginPlace place, Hook hook) const {
        return slots_[place]->stats[static_cast<std::size_t>(hook)].counts();
    }

    [[nodiscard]] bool implements(Hook hook) const noexcept {
        return (hooks_ & hook_bit(hook)) != 0;
    }
    [[nodiscard]] bool implements(Hook hook, const PluginOrder* only) const noexcept;
    /// Everybody on the route who implements `hook` answers before the call returns.
    [[nodiscard]] bool answers_at_once(Hook hook, const PluginOrder* only) const noexcept;

    /// Returns the verdict, or nothing: then `done` is called later with it. A verdict returned
    /// here is Ok or Error. One that comes later may be Next: the caller, who alone still has the
    /// context, then asks again with `first` = the `next` it was given.
    std::optional<RegisterVerdict> auth_on_register(const RegisterContext& context,
                                                    Later<RegisterVerdict> done, Route route = {});
    std::optional<AuthVerdict> on_auth(const AuthContext& context, Later<AuthVerdict> done,
                                       Route route = {});
    std::optional<PublishVerdict> auth_on_publish(const PublishContext& context,
                                                  Later<PublishVerdict> done, Route route = {});
    std::optional<SubscribeVerdict> auth_on_subscribe(const SubscribeContext& context,
                                                      Later<SubscribeVerdict> done,
                                                      Route route = {});
    /// After a call that returned nothing: where on its route stands the plugin that is to answer.
    [[nodiscard]] std::size_t waits_for() const noexcept { return waits_for_; }
    /// That plugin has not answered in time: counts it, and says who it was. The caller goes on
    /// behind it, and forgets its late answer.
    std::string_view give_up(Hook hook, Route waiting);

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
    /// `only`: this plugin alone.
    void change_config(const ConfigContext& context, std::optional<PluginPlace> only = {});

private:
    struct Slot {
        std::unique_ptr<Plugin> plugin;
        HookSet all_hooks = 0;
        HookSet hooks = 0;  // none while it is off
        HookSet at_once = 0;
        TimePoint failure_reported_at{};
        std::array<HookStats, static_cast<std::size_t>(Hook::Count)> stats;

        [[nodiscard]] bool has(Hook hook) const noexcept { return (hooks & hook_bit(hook)) != 0; }
        [[nodiscard]] HookStats& of(Hook hook) noexcept {
            return stats[static_cast<std::size_t>(hook)];
        }
    };
    [[nodiscard]] std::size_t length(const PluginOrder* only) const noexcept {
        return only != nullptr ? only->size() : slots_.size();
    }
    [[nodiscard]] Slot& at(const PluginOrder* only, std::size_t i) const noexcept {
        return *slots_[only != nullptr ? (*only)[i] : i];
    }
    template <typename Verdict, typename Context, typename Call>
    std::optional<Verdict> ask(Hook hook, const Context& context, Later<Verdict>& done, Route route,
                               Call call);
    template <typename Verdict, typename Call>
    Verdict ask_at_once(Hook hook, Call call);
    template <typename Call>
    void tell(Hook hook, Call call);
    template <typename Call>
    void tell_one(Slot& slot, Hook hook, Call call);
    /// What call(plugin) returns; a verdict that is Next if it throws.
    template <typename Verdict, typename Call>
    static std::optional<Verdict> call_one(Slot& slot, Hook hook, Call call);
    static void report_failure(Slot& slot, Hook hook, std::string_view what);

    std::vector<std::unique_ptr<Slot>> slots_;  // never moves
    std::atomic<std::size_t> size_{0};
    HookSet hooks_ = 0;
    std::size_t waits_for_ = 0;
};

}  // namespace vmq::hooks
