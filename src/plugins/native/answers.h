// What a plugin answers, checked and turned into the verdicts of the hook contract.
#pragma once

#include "base/result.h"
#include "broker/publisher.h"
#include "hooks/verdicts.h"
#include "plugins/native/vmq_plugin.h"

namespace vmq::plugins::native {

/// Copies everything, so nothing of the answer has to stay. An answer that makes no sense is an
/// InvalidValue with a sentence about what is wrong; null counts as such. Any thread.
[[nodiscard]] Result<hooks::RegisterVerdict> to_verdict(const vmq_register_answer* answer);
[[nodiscard]] Result<hooks::AuthVerdict> to_verdict(const vmq_auth_answer* answer);
[[nodiscard]] Result<hooks::PublishVerdict> to_verdict(const vmq_publish_answer* answer);
[[nodiscard]] Result<hooks::SubscribeVerdict> to_verdict(const vmq_subscribe_answer* answer);
[[nodiscard]] Result<hooks::UnsubscribeVerdict> to_verdict(const vmq_unsubscribe_answer* answer);

/// The same for a message that a plugin publishes.
[[nodiscard]] Result<broker::Publication> to_publication(const vmq_message* message);

/// A refusal by the broker in the plugin's place; `reason` only where the verdict has one.
template <typename Verdict>
[[nodiscard]] Verdict refused(mqtt::ReasonCode reason) {
    Verdict verdict;
    verdict.decision = hooks::Decision::Error;
    if constexpr (requires { verdict.refusal; }) verdict.refusal.reason = reason;
    return verdict;
}

}  // namespace vmq::plugins::native
