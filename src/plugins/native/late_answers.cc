#include "plugins/native/late_answers.h"

#include <type_traits>
#include <utility>

#include "plugins/native/answers.h"

namespace vmq::plugins::native {
namespace {

using hooks::Completion;
using mqtt::ReasonCode;

/// Server busy is for CONNACK and DISCONNECT; other packets have no such code.
template <typename Verdict>
constexpr ReasonCode expiry_reason() noexcept {
    constexpr bool kMayBeBusy = std::is_same_v<Verdict, hooks::RegisterVerdict> ||
                                std::is_same_v<Verdict, hooks::AuthVerdict>;
    return kMayBeBusy ? ReasonCode::ServerBusy : ReasonCode::ImplementationSpecificError;
}

template <typename Verdict>
std::function<void()> call(Completion<Verdict> done, Verdict verdict) {
    return [done = std::move(done), verdict = std::move(verdict)]() mutable {
        done(std::move(verdict));
    };
}

}  // namespace

LateAnswers::LateAnswers(Options options, Post post)
    : options_(std::move(options)), post_(std::move(post)) {}

template <typename Verdict>
std::uint64_t LateAnswers::wait(ShardId shard, Completion<Verdict> done) {
    const auto held = lock_.enter();
    if (!post_ || questions_.size() >= options_.max_waiting) return 0;
    questions_.emplace_hint(questions_.end(), ++last_ticket_,
                            Question{shard, options_.now() + options_.max_wait, std::move(done)});
    return last_ticket_;
}

template <typename Verdict>
bool LateAnswers::give(std::uint64_t ticket, Verdict verdict) {
    const auto held = lock_.enter();
    const auto found = questions_.find(ticket);
    if (found == questions_.end()) return false;
    Question& question = found->second;
    auto* const done = std::get_if<Completion<Verdict>>(&question.done);
    if (done == nullptr) return false;
    post_(question.shard, call(std::move(*done), std::move(verdict)));
    questions_.erase(found);
    return true;
}

void LateAnswers::withdraw(std::uint64_t ticket) {
    const auto held = lock_.enter();
    questions_.erase(ticket);
}

std::size_t LateAnswers::expire() {
    const auto held = lock_.enter();
    const TimePoint now = options_.now();
    std::size_t expired = 0;
    while (!questions_.empty() && questions_.begin()->second.expires_at <= now) {
        Question& question = questions_.begin()->second;
        std::visit(
            [&]<typename Verdict>(Completion<Verdict>& done) {
                post_(question.shard,
                      call(std::move(done), refused<Verdict>(expiry_reason<Verdict>())));
            },
            question.done);
        questions_.erase(questions_.begin());
        ++expired;
    }
    return expired;
}

void LateAnswers::stop() {
    const auto held = lock_.enter();
    post_ = nullptr;
    questions_.clear();
}

std::size_t LateAnswers::waiting() const {
    const auto held = lock_.enter();
    return questions_.size();
}

#define VMQ_INSTANTIATE(VERDICT)                                                                   \
    template std::uint64_t LateAnswers::wait<hooks::VERDICT>(ShardId, Completion<hooks::VERDICT>); \
    template bool LateAnswers::give<hooks::VERDICT>(std::uint64_t, hooks::VERDICT);
VMQ_INSTANTIATE(RegisterVerdict)
VMQ_INSTANTIATE(AuthVerdict)
VMQ_INSTANTIATE(PublishVerdict)
VMQ_INSTANTIATE(SubscribeVerdict)
#undef VMQ_INSTANTIATE

}  // namespace vmq::plugins::native
