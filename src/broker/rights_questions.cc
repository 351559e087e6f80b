#include "broker/rights_questions.h"

#include <utility>
#include <vector>

#include "base/log.h"
#include "broker/shard.h"

namespace vmq::broker {

using hooks::Decision;
using hooks::SubscribeVerdict;

namespace {

constexpr auto kAskedHook = hooks::Hook::AuthOnSubscribe;

/// The subscription is gone: nobody cares any more.
SubscribeVerdict nobody_cares() { return {}; }

}  // namespace

std::optional<SubscribeVerdict> RightsQuestions::ask(RightsQuestion question) {
    const bool at_once = shard_.chain().answers_at_once(kAskedHook, &question.route);
    if (!at_once && open_.size() >= kMaxOpen) {
        waiting_.push_back(std::move(question));
        return std::nullopt;
    }
    const Number number = ++last_;
    open_[number].question = std::move(question);
    auto verdict = go_on(number);
    if (verdict) open_.erase(number);
    return verdict;
}

std::optional<SubscribeVerdict> RightsQuestions::go_on(Number number) {
    for (;;) {
        Open& open = open_.at(number);
        const RightsQuestion& question = open.question;
        Client* client = shard_.find_client(question.client);
        const auto* own = client == nullptr ? nullptr
                                            : shard_.subscribers().find(*client, client->mountpoint,
                                                                        question.filter);
        if (own == nullptr) return nobody_cares();
        const std::vector<mqtt::SubscribeEntry> entries{{question.filter, own->options}};
        const hooks::ClientContext who = shard_.client_context(*client);
        hooks::SubscribeContext context;
        context.subscriber = who.subscriber;
        context.username = who.username;
        if (question.username) context.username = *question.username;
        context.v5 = who.v5;
        context.entries = &entries;
        const std::uint32_t turn = ++open.turn;
        open.calling = true;
        auto verdict = shard_.chain().auth_on_subscribe(
            context,
            [this, number, turn](SubscribeVerdict late, std::size_t next) {
                on_answer(number, turn, std::move(late), next);
            },
            {&question.route, open.next});
        open.calling = false;
        if (verdict) return verdict;
        if (auto early = std::exchange(open.early, std::nullopt)) {
            if (early->decision != Decision::Next) return early;
            continue;
        }
        open.waits_for = shard_.chain().waits_for();
        deadlines_.push_back({shard_.now() + shard_.shared().hook_timeout, number, turn});
        arm();
        return std::nullopt;
    }
}

void RightsQuestions::on_answer(Number number, std::uint32_t turn, SubscribeVerdict verdict,
                                std::size_t next) {
    const auto found = open_.find(number);
    if (found == open_.end() || found->second.turn != turn) return;
    Open& open = found->second;
    open.next = next;
    if (open.calling) {
        open.early = std::move(verdict);
        return;
    }
    ++open.turn;
    if (verdict.decision != Decision::Next) return finish(number, verdict);
    if (const auto other = go_on(number)) finish(number, *other);
}

void RightsQuestions::finish(Number number, const SubscribeVerdict& verdict) {
    const RightsQuestion question = std::move(open_.at(number).question);
    open_.erase(number);
    Client* client = shard_.find_client(question.client);
    const bool there = client != nullptr && shard_.subscribers().find(*client, client->mountpoint,
                                                                      question.filter) != nullptr;
    question.done(there ? client : nullptr, verdict);
    start_waiting();
}

void RightsQuestions::start_waiting() {
    if (std::exchange(starting_, true)) return;  // who answers at once does not nest
    while (!waiting_.empty() && open_.size() < kMaxOpen) {
        const Number number = ++last_;
        open_[number].question = std::move(waiting_.front());
        waiting_.pop_front();
        if (const auto verdict = go_on(number)) finish(number, *verdict);
    }
    starting_ = false;
}

void RightsQuestions::on_timer(TimePoint now) {
    while (!deadlines_.empty() && deadlines_.front().at <= now) {
        const Deadline due = deadlines_.front();
        deadlines_.pop_front();
        const auto found = open_.find(due.number);
        if (found == open_.end() || found->second.turn != due.turn) continue;
        Open& open = found->second;
        const auto plugin =
            shard_.chain().give_up(kAskedHook, {&open.question.route, open.waits_for});
        if (shard_.may_report(shard_.hook_timeout_reported_at())) {
            log::warning(
                "plugin {} has not said within {} ms whether a subscription is still allowed; it "
                "counts as if it had no opinion",
                plugin, shard_.shared().hook_timeout.count());
        }
        ++open.turn;
        open.next = open.waits_for + 1;
        if (const auto verdict = go_on(due.number)) finish(due.number, *verdict);
    }
    arm();
}

void RightsQuestions::arm() {
    if (!deadlines_.empty() && !timer_.running()) {
        shard_.loop().timers().start(timer_, deadlines_.front().at);
    }
}

}  // namespace vmq::broker
