#include "plugins/native/late_answers.h"

#include <utility>

namespace vmq::plugins::native {
namespace {

using hooks::Completion;

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
    const TimePoint now = options_.now();
    while (!questions_.empty() && questions_.begin()->second.forget_at <= now) {
        questions_.erase(questions_.begin());
    }
    if (!post_ || questions_.size() >= options_.max_waiting) return 0;
    questions_.emplace_hint(questions_.end(), ++last_ticket_,
                            Question{shard, now + options_.forget_after, std::move(done)});
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
