#include "hooks/anonymous.h"

namespace vmq::hooks {

HookSet Anonymous::hooks() const noexcept {
    return hook_bit(Hook::AuthOnRegister) | hook_bit(Hook::AuthOnPublish) |
           hook_bit(Hook::AuthOnSubscribe);
}

std::optional<RegisterVerdict> Anonymous::auth_on_register(const RegisterContext& context,
                                                           Completion<RegisterVerdict> /*done*/) {
    RegisterVerdict verdict;
    if (context.anonymous_allowed) verdict.decision = Decision::Ok;
    return verdict;
}

std::optional<PublishVerdict> Anonymous::auth_on_publish(const PublishContext& context,
                                                         Completion<PublishVerdict> /*done*/) {
    PublishVerdict verdict;
    if (context.anonymous_allowed) verdict.decision = Decision::Ok;
    return verdict;
}

std::optional<SubscribeVerdict> Anonymous::auth_on_subscribe(
    const SubscribeContext& context, Completion<SubscribeVerdict> /*done*/) {
    SubscribeVerdict verdict;
    if (context.anonymous_allowed) verdict.decision = Decision::Ok;
    return verdict;
}

}  // namespace vmq::hooks
