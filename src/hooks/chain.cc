#include "hooks/chain.h"

#include <utility>

#include "hooks/anonymous.h"

namespace vmq::hooks {

void Chain::add(std::unique_ptr<Plugin> plugin) {
    hooks_ |= plugin->hooks();
    if (dynamic_cast<const Anonymous*>(plugin.get()) == nullptr) other_hooks_ |= plugin->hooks();
    plugins_.push_back(std::move(plugin));
}

template <typename Verdict, typename Context, typename Call>
std::optional<Verdict> Chain::ask(Hook hook, const Context& context, Later<Verdict>& done,
                                  std::size_t first, Call call) {
    for (std::size_t i = first; i < plugins_.size(); ++i) {
        Plugin& plugin = *plugins_[i];
        if ((plugin.hooks() & hook_bit(hook)) == 0) continue;
        Completion<Verdict> later;
        if (done && (plugin.answers_at_once() & hook_bit(hook)) == 0) {
            later = [done, next = i + 1](Verdict verdict) { done(std::move(verdict), next); };
        }
        std::optional<Verdict> verdict = call(plugin, context, std::move(later));
        if (!verdict) return std::nullopt;
        if (verdict->decision != Decision::Next) return verdict;
    }
    Verdict exhausted;
    exhausted.decision = Decision::Error;
    return exhausted;
}

std::optional<RegisterVerdict> Chain::auth_on_register(const RegisterContext& context,
                                                       Later<RegisterVerdict> done,
                                                       std::size_t first) {
    return ask(Hook::AuthOnRegister, context, done, first,
               [](Plugin& plugin, const RegisterContext& told, Completion<RegisterVerdict> later) {
                   return plugin.auth_on_register(told, std::move(later));
               });
}

std::optional<AuthVerdict> Chain::on_auth(const AuthContext& context, Later<AuthVerdict> done,
                                          std::size_t first) {
    return ask(Hook::OnAuth, context, done, first,
               [](Plugin& plugin, const AuthContext& told, Completion<AuthVerdict> later) {
                   return plugin.on_auth(told, std::move(later));
               });
}

std::optional<PublishVerdict> Chain::auth_on_publish(const PublishContext& context,
                                                     Later<PublishVerdict> done,
                                                     std::size_t first) {
    return ask(Hook::AuthOnPublish, context, done, first,
               [](Plugin& plugin, const PublishContext& told, Completion<PublishVerdict> later) {
                   return plugin.auth_on_publish(told, std::move(later));
               });
}

std::optional<SubscribeVerdict> Chain::auth_on_subscribe(const SubscribeContext& context,
                                                         Later<SubscribeVerdict> done,
                                                         std::size_t first) {
    return ask(
        Hook::AuthOnSubscribe, context, done, first,
        [](Plugin& plugin, const SubscribeContext& told, Completion<SubscribeVerdict> later) {
            return plugin.auth_on_subscribe(told, std::move(later));
        });
}

UnsubscribeVerdict Chain::on_unsubscribe(const UnsubscribeContext& context) {
    for (const auto& plugin : plugins_) {
        if ((plugin->hooks() & hook_bit(Hook::OnUnsubscribe)) == 0) continue;
        UnsubscribeVerdict verdict = plugin->on_unsubscribe(context);
        if (verdict.decision == Decision::Ok) return verdict;
        if (verdict.decision == Decision::Error) break;
    }
    return {};
}

PublishVerdict Chain::on_deliver(const PublishContext& context) {
    for (const auto& plugin : plugins_) {
        if ((plugin->hooks() & hook_bit(Hook::OnDeliver)) == 0) continue;
        PublishVerdict verdict = plugin->on_deliver(context);
        if (verdict.decision == Decision::Ok) return verdict;
        if (verdict.decision == Decision::Error) break;
    }
    return {};
}

template <typename Call>
void Chain::tell(Hook hook, Call call) {
    if (!implements(hook)) return;
    for (const auto& plugin : plugins_) {
        if ((plugin->hooks() & hook_bit(hook)) != 0) call(*plugin);
    }
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

}  // namespace vmq::hooks
