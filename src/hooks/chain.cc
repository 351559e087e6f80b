#include "hooks/chain.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "base/log.h"

namespace vmq::hooks {

namespace {

/// A late verdict says who decided, like one that was returned.
template <typename Verdict>
void sign(Verdict& verdict, PluginPlace place, std::size_t next) {
    if constexpr (requires { verdict.decided_by; }) verdict.decided_by = place;
    if constexpr (requires { verdict.next; }) verdict.next = next;
}

/// Who leaves every filter to the next plugin has no opinion.
void settle(SubscribeVerdict& verdict) {
    if (verdict.decision == Decision::Ok && verdict.topics && !verdict.topics->empty() &&
        std::all_of(verdict.topics->begin(), verdict.topics->end(),
                    [](const auto& topic) { return topic.left_to_next; })) {
        verdict.decision = Decision::Next;
    }
}
template <typename Verdict>
void settle(Verdict& /*verdict*/) {}

/// Measures one call, unless others stand for it.
class Stopwatch final {
public:
    Stopwatch(HookStats& stats, bool at_once) : stats_(stats), times_(stats.begin(at_once)) {
        if (times_ != 0) begin_ = Clock::now();
    }
    void stop() {
        if (times_ != 0) stats_.took(Clock::now() - begin_, times_);
    }

private:
    using Clock = std::chrono::steady_clock;
    HookStats& stats_;
    const std::uint64_t times_;
    Clock::time_point begin_{};
};

}  // namespace

void Chain::add(std::unique_ptr<Plugin> plugin) {
    VMQ_ASSERT(slots_.size() < kMaxPlugins);
    auto slot = std::make_unique<Slot>();
    slot->all_hooks = slot->hooks = plugin->hooks();
    slot->at_once = plugin->answers_at_once();
    slot->plugin = std::move(plugin);
    hooks_ |= slot->hooks;
    slots_.push_back(std::move(slot));
    size_.store(slots_.size(), std::memory_order_release);
}

void Chain::set_enabled(PluginPlace place, bool enabled) {
    Slot& changed = *slots_[place];
    changed.hooks = enabled ? changed.all_hooks : 0;
    hooks_ = 0;
    for (const auto& slot : slots_) hooks_ |= slot->hooks;
}

bool Chain::implements(Hook hook, const PluginOrder* only) const noexcept {
    if (only == nullptr) return implements(hook);
    for (std::size_t i = 0; i < only->size(); ++i) {
        if (at(only, i).has(hook)) return true;
    }
    return false;
}

bool Chain::answers_at_once(Hook hook, const PluginOrder* only) const noexcept {
    for (std::size_t i = 0; i < length(only); ++i) {
        const Slot& slot = at(only, i);
        if (slot.has(hook) && (slot.at_once & hook_bit(hook)) == 0) return false;
    }
    return true;
}

void Chain::report_failure(Slot& slot, Hook hook, std::string_view what) {
    slot.of(hook).failed();
    const TimePoint now = steady_now();
    if (slot.failure_reported_at != TimePoint{} && now - slot.failure_reported_at < Seconds(1)) {
        return;
    }
    slot.failure_reported_at = now;
    log::error("plugin {} failed in {} ({}); it counts as if it had no opinion",
               slot.plugin->name(), name_of(hook), what);
}

template <typename Verdict, typename Call>
std::optional<Verdict> Chain::call_one(Slot& slot, Hook hook, Call call) {
    // What a plugin does is not ours: nothing of it may end the broker.
    try {
        return call(*slot.plugin);
    } catch (const std::exception& error) {
        report_failure(slot, hook, error.what());
    } catch (...) {
        report_failure(slot, hook, "not a std::exception");
    }
    return Verdict{};
}

template <typename Verdict, typename Context, typename Call>
std::optional<Verdict> Chain::ask(Hook hook, const Context& context, Later<Verdict>& done,
                                  Route route, Call call) {
    for (std::size_t i = route.first; i < length(route.only); ++i) {
        Slot& slot = at(route.only, i);
        if (!slot.has(hook)) continue;
        HookStats& stats = slot.of(hook);
        const bool at_once = !done || (slot.at_once & hook_bit(hook)) != 0;
        const PluginPlace place =
            route.only != nullptr ? (*route.only)[i] : static_cast<PluginPlace>(i);
        Stopwatch watch(stats, at_once);
        Completion<Verdict> later;
        if (!at_once) {
            later = [done, &stats, watch, place, next = i + 1](Verdict verdict) mutable {
                watch.stop();
                settle(verdict);
                stats.decided(verdict.decision);
                sign(verdict, place, next);
                done(std::move(verdict), next);
            };
        }
        std::optional<Verdict> verdict = call_one<Verdict>(
            slot, hook, [&](Plugin& plugin) { return call(plugin, context, std::move(later)); });
        if (!verdict) {
            waits_for_ = i;
            return verdict;
        }
        watch.stop();
        settle(*verdict);
        stats.decided(verdict->decision);
        if (verdict->decision == Decision::Next) continue;
        sign(*verdict, place, i + 1);
        return verdict;
    }
    std::optional<Verdict> exhausted(std::in_place);
    exhausted->decision = Decision::Error;
    return exhausted;
}

std::string_view Chain::give_up(Hook hook, Route waiting) {
    Slot& slot = at(waiting.only, waiting.first);
    slot.of(hook).timed_out();
    return slot.plugin->name();
}

std::optional<RegisterVerdict> Chain::auth_on_register(const RegisterContext& context,
                                                       Later<RegisterVerdict> done, Route route) {
    return ask(Hook::AuthOnRegister, context, done, route,
               [](Plugin& plugin, const RegisterContext& told, Completion<RegisterVerdict> later) {
                   return plugin.auth_on_register(told, std::move(later));
               });
}

std::optional<AuthVerdict> Chain::on_auth(const AuthContext& context, Later<AuthVerdict> done,
                                          Route route) {
    return ask(Hook::OnAuth, context, done, route,
               [](Plugin& plugin, const AuthContext& told, Completion<AuthVerdict> later) {
                   return plugin.on_auth(told, std::move(later));
               });
}

std::optional<PublishVerdict> Chain::auth_on_publish(const PublishContext& context,
                                                     Later<PublishVerdict> done, Route route) {
    return ask(Hook::AuthOnPublish, context, done, route,
               [](Plugin& plugin, const PublishContext& told, Completion<PublishVerdict> later) {
                   return plugin.auth_on_publish(told, std::move(later));
               });
}

std::optional<SubscribeVerdict> Chain::auth_on_subscribe(const SubscribeContext& context,
                                                         Later<SubscribeVerdict> done,
                                                         Route route) {
    return ask(
        Hook::AuthOnSubscribe, context, done, route,
        [](Plugin& plugin, const SubscribeContext& told, Completion<SubscribeVerdict> later) {
            return plugin.auth_on_subscribe(told, std::move(later));
        });
}

template <typename Verdict, typename Call>
Verdict Chain::ask_at_once(Hook hook, Call call) {
    for (const auto& slot : slots_) {
        if (!slot->has(hook)) continue;
        Stopwatch watch(slot->of(hook), true);
        auto verdict = call_one<Verdict>(
            *slot, hook, [&](Plugin& plugin) { return std::optional<Verdict>(call(plugin)); });
        watch.stop();
        slot->of(hook).decided(verdict->decision);
        if (verdict->decision == Decision::Ok) return std::move(*verdict);
        if (verdict->decision == Decision::Error) break;
    }
    return {};
}

UnsubscribeVerdict Chain::on_unsubscribe(const UnsubscribeContext& context) {
    return ask_at_once<UnsubscribeVerdict>(
        Hook::OnUnsubscribe, [&](Plugin& plugin) { return plugin.on_unsubscribe(context); });
}

PublishVerdict Chain::on_deliver(const PublishContext& context) {
    return ask_at_once<PublishVerdict>(Hook::OnDeliver,
                                       [&](Plugin& plugin) { return plugin.on_deliver(context); });
}

template <typename Call>
void Chain::tell(Hook hook, Call call) {
    if (!implements(hook)) return;
    for (const auto& slot : slots_) {
        if (slot->has(hook)) tell_one(*slot, hook, call);
    }
}

template <typename Call>
void Chain::tell_one(Slot& slot, Hook hook, Call call) {
    Stopwatch watch(slot.of(hook), true);
    (void)call_one<std::monostate>(slot, hook, [&](Plugin& plugin) {
        call(plugin);
        return std::optional(std::monostate{});
    });
    watch.stop();
}

void Chain::on_register(const ClientContext& context) {
    tell(Hook::OnRegister, [&](Plugin& plugin) { plugin.on_register(context); });
}
void Chain::on_publish(const PublishContext& context) {
    tell(Hook::OnPublish, [&](Plugin& plugin) { plugin.on_publish(context); });
}
void Chain::on_subscribe(const SubscribeContext& context) {
    tell(Hook::OnSubscribe, [&](Plugin& plugin) { plugin.on_subscribe(context); });
}
void Chain::on_topic_unsubscribed(const UnsubscribeContext& context) {
    tell(Hook::OnTopicUnsubscribed, [&](Plugin& plugin) { plugin.on_topic_unsubscribed(context); });
}
void Chain::on_offline_message(const MessageContext& context) {
    tell(Hook::OnOfflineMessage, [&](Plugin& plugin) { plugin.on_offline_message(context); });
}
void Chain::on_message_drop(const MessageContext& context) {
    tell(Hook::OnMessageDrop, [&](Plugin& plugin) { plugin.on_message_drop(context); });
}
void Chain::on_client_wakeup(const ClientContext& context) {
    tell(Hook::OnClientWakeup, [&](Plugin& plugin) { plugin.on_client_wakeup(context); });
}
void Chain::on_client_offline(const ClientContext& context) {
    tell(Hook::OnClientOffline, [&](Plugin& plugin) { plugin.on_client_offline(context); });
}
void Chain::on_client_gone(const ClientContext& context) {
    tell(Hook::OnClientGone, [&](Plugin& plugin) { plugin.on_client_gone(context); });
}
void Chain::on_session_expired(const ClientContext& context) {
    tell(Hook::OnSessionExpired, [&](Plugin& plugin) { plugin.on_session_expired(context); });
}
void Chain::change_config(const ConfigContext& context, std::optional<PluginPlace> only) {
    const auto call = [&](Plugin& plugin) { plugin.change_config(context); };
    if (!only) return tell(Hook::ChangeConfig, call);
    Slot& slot = *slots_[*only];
    if (slot.has(Hook::ChangeConfig)) tell_one(slot, Hook::ChangeConfig, call);
}

}  // namespace vmq::hooks
