#include "plugins/native/shard_plugin.h"

#include <string>
#include <utility>

#include "base/log.h"
#include "plugins/native/answers.h"
#include "plugins/native/call.h"

namespace vmq::plugins::native {
namespace {

using hooks::Completion;
using hooks::Decision;
using hooks::Hook;
using hooks::hook_bit;

constexpr Seconds kReportInterval{10};

hooks::HookSet immediate_hooks(const vmq_plugin& description) noexcept {
    // These two have no way to be answered later.
    hooks::HookSet set = hook_bit(Hook::OnUnsubscribe) | hook_bit(Hook::OnDeliver);
    const auto add = [&](std::uint32_t flag, Hook hook) {
        if ((description.immediate & flag) != 0) set |= hook_bit(hook);
    };
    add(VMQ_HOOK_AUTH_ON_REGISTER, Hook::AuthOnRegister);
    add(VMQ_HOOK_ON_AUTH, Hook::OnAuth);
    add(VMQ_HOOK_AUTH_ON_PUBLISH, Hook::AuthOnPublish);
    add(VMQ_HOOK_AUTH_ON_SUBSCRIBE, Hook::AuthOnSubscribe);
    return set & implemented_hooks(description);
}

template <typename Verdict>
Verdict decided(Decision decision) {
    Verdict verdict;
    verdict.decision = decision;
    return verdict;
}

}  // namespace

hooks::HookSet implemented_hooks(const vmq_plugin& description) noexcept {
    hooks::HookSet set = 0;
    const auto add = [&](auto* function, Hook hook) {
        if (function != nullptr) set |= hook_bit(hook);
    };
    add(description.auth_on_register, Hook::AuthOnRegister);
    add(description.on_auth, Hook::OnAuth);
    add(description.auth_on_publish, Hook::AuthOnPublish);
    add(description.auth_on_subscribe, Hook::AuthOnSubscribe);
    add(description.on_unsubscribe, Hook::OnUnsubscribe);
    add(description.on_deliver, Hook::OnDeliver);
    add(description.on_register, Hook::OnRegister);
    add(description.on_publish, Hook::OnPublish);
    add(description.on_subscribe, Hook::OnSubscribe);
    add(description.on_topic_unsubscribed, Hook::OnTopicUnsubscribed);
    add(description.on_offline_message, Hook::OnOfflineMessage);
    add(description.on_message_drop, Hook::OnMessageDrop);
    add(description.on_client_wakeup, Hook::OnClientWakeup);
    add(description.on_client_offline, Hook::OnClientOffline);
    add(description.on_client_gone, Hook::OnClientGone);
    add(description.on_session_expired, Hook::OnSessionExpired);
    add(description.change_config, Hook::ChangeConfig);
    return set;
}

ShardPlugin::ShardPlugin(Host& host, const vmq_plugin& description, ShardId shard, void* state,
                         std::shared_ptr<const void> owner) noexcept
    : host_(host),
      description_(description),
      hooks_(implemented_hooks(description)),
      at_once_(immediate_hooks(description)),
      shard_(shard),
      state_(state),
      owner_(std::move(owner)) {}

void ShardPlugin::report(Hook hook, std::string_view what) {
    ++mistakes_;
    const TimePoint now = steady_now();
    if (now < report_again_) return;
    report_again_ = now + kReportInterval;
    log::error("{}: the plugin's {} {} (mistakes on shard {} so far: {})", host_.name(),
               hooks::name_of(hook), what, shard_, mistakes_);
}

template <typename Verdict, typename Function, typename Context>
std::optional<Verdict> ShardPlugin::ask(Hook hook, Function function, const Context& context,
                                        Completion<Verdict> done) {
    const auto told = contexts_.of(context);
    Call<Verdict> call(host_.late(), shard_, std::move(done));
    const std::int32_t said = function(state_, &told, &call);
    if (said == VMQ_LATER && call.leave_ticket()) return std::nullopt;
    switch (said) {
        case VMQ_NEXT:
            return decided<Verdict>(Decision::Next);
        case VMQ_OK:
            return decided<Verdict>(Decision::Ok);
        case VMQ_ERROR:
            return decided<Verdict>(Decision::Error);
        case VMQ_ANSWERED:
            if (call.answered && !call.mistake) return std::move(call.verdict());
            report(hook, call.mistake
                             ? fmt::format("gave an answer that makes no sense: {}", *call.mistake)
                             : std::string("says that it has answered, but it has not"));
            break;
        case VMQ_LATER:
            report(hook, "says that it answers later, but it has no ticket");
            break;
        default:
            report(hook, fmt::format("returned {}, which means nothing", said));
    }
    return refused<Verdict>(mqtt::ReasonCode::ImplementationSpecificError);
}

template <typename Function, typename Context>
void ShardPlugin::tell(Function function, const Context& context) {
    const auto told = contexts_.of(context);
    function(state_, &told);
}

std::optional<hooks::RegisterVerdict> ShardPlugin::auth_on_register(
    const hooks::RegisterContext& context, Completion<hooks::RegisterVerdict> done) {
    return ask(Hook::AuthOnRegister, description_.auth_on_register, context, std::move(done));
}

std::optional<hooks::AuthVerdict> ShardPlugin::on_auth(const hooks::AuthContext& context,
                                                       Completion<hooks::AuthVerdict> done) {
    return ask(Hook::OnAuth, description_.on_auth, context, std::move(done));
}

std::optional<hooks::PublishVerdict> ShardPlugin::auth_on_publish(
    const hooks::PublishContext& context, Completion<hooks::PublishVerdict> done) {
    return ask(Hook::AuthOnPublish, description_.auth_on_publish, context, std::move(done));
}

std::optional<hooks::SubscribeVerdict> ShardPlugin::auth_on_subscribe(
    const hooks::SubscribeContext& context, Completion<hooks::SubscribeVerdict> done) {
    return ask(Hook::AuthOnSubscribe, description_.auth_on_subscribe, context, std::move(done));
}

hooks::UnsubscribeVerdict ShardPlugin::on_unsubscribe(const hooks::UnsubscribeContext& context) {
    // Without a completion there is always a verdict.
    return *ask(Hook::OnUnsubscribe, description_.on_unsubscribe, context,
                Completion<hooks::UnsubscribeVerdict>());
}

hooks::PublishVerdict ShardPlugin::on_deliver(const hooks::PublishContext& context) {
    return *ask(Hook::OnDeliver, description_.on_deliver, context,
                Completion<hooks::PublishVerdict>());
}

void ShardPlugin::on_register(const hooks::ClientContext& context) {
    tell(description_.on_register, context);
}
void ShardPlugin::on_publish(const hooks::PublishContext& context) {
    tell(description_.on_publish, context);
}
void ShardPlugin::on_subscribe(const hooks::SubscribeContext& context) {
    tell(description_.on_subscribe, context);
}
void ShardPlugin::on_topic_unsubscribed(const hooks::UnsubscribeContext& context) {
    tell(description_.on_topic_unsubscribed, context);
}
void ShardPlugin::on_offline_message(const hooks::MessageContext& context) {
    tell(description_.on_offline_message, context);
}
void ShardPlugin::on_message_drop(const hooks::MessageContext& context) {
    tell(description_.on_message_drop, context);
}
void ShardPlugin::on_client_wakeup(const hooks::ClientContext& context) {
    tell(description_.on_client_wakeup, context);
}
void ShardPlugin::on_client_offline(const hooks::ClientContext& context) {
    tell(description_.on_client_offline, context);
}
void ShardPlugin::on_client_gone(const hooks::ClientContext& context) {
    tell(description_.on_client_gone, context);
}
void ShardPlugin::on_session_expired(const hooks::ClientContext& context) {
    tell(description_.on_session_expired, context);
}

void ShardPlugin::change_config(const hooks::ConfigContext& context) {
    tell(description_.change_config, context);
}

}  // namespace vmq::plugins::native
