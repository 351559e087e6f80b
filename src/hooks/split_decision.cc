#include "hooks/split_decision.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace vmq::hooks {

bool SplitDecision::needed(const SubscribeVerdict& verdict) noexcept {
    return verdict.decision == Decision::Ok && verdict.topics &&
           std::any_of(verdict.topics->begin(), verdict.topics->end(),
                       [](const auto& topic) { return topic.left_to_next; });
}

SplitDecision::SplitDecision(SubscribeVerdict first) : verdict_(std::move(first)) { find_left(); }

void SplitDecision::find_left() {
    left_.clear();
    for (const auto& topic : *verdict_.topics) {
        if (topic.left_to_next) left_.push_back({topic.filter, topic.options});
    }
}

bool SplitDecision::add(SubscribeVerdict answer) {
    auto& topics = *verdict_.topics;
    const bool ok = answer.decision == Decision::Ok;
    std::size_t taken = 0;
    for (auto& topic : topics) {
        if (!topic.left_to_next) continue;
        if (ok && answer.topics && taken < answer.topics->size()) {
            topic = std::move((*answer.topics)[taken]);
        } else {
            topic.left_to_next = false;
            const bool allowed = ok && !answer.topics;
            topic.reason = allowed
                               ? mqtt::ReasonCode::Success
                               : answer.refusal.reason.value_or(mqtt::ReasonCode::NotAuthorized);
        }
        ++taken;
    }
    if (ok && answer.topics) {
        for (; taken < answer.topics->size(); ++taken) {
            topics.push_back(std::move((*answer.topics)[taken]));
        }
    }
    auto& details = verdict_.details;
    if (!ok) answer.details.reason_string = std::move(answer.refusal.reason_string);
    if (details.reason_string.empty()) {
        details.reason_string = std::move(answer.details.reason_string);
    }
    for (auto& property : answer.details.user_properties) {
        details.user_properties.push_back(std::move(property));
    }
    verdict_.next = answer.next;
    find_left();
    return left_.empty();
}

}  // namespace vmq::hooks
