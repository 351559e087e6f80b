#include "vernemq/question_desk.h"

#include <cstddef>
#include <utility>

namespace vmq::launcher {
namespace {

constexpr std::size_t kThreads = 2;
constexpr std::size_t kMostWaiting = 32;

}  // namespace

QuestionDesk::QuestionDesk() : pool_(kThreads, kMostWaiting, [this](Job& job) { run(job); }) {}

void QuestionDesk::serve(std::string question, broker::ClusterQuestions::Give give) {
    Job job{std::move(question), std::move(give)};
    if (pool_.push(job)) return;
    job.give(Error{ErrorCode::Unavailable, "is asked too much at the same time; try again"});
}

void QuestionDesk::open(Answer answer) {
    answer_.with([&](Answer& now) { now = std::move(answer); });
}

void QuestionDesk::close() {
    open(nullptr);
    pool_.stop();
}

void QuestionDesk::run(Job& job) {
    const Answer answer = answer_.with([](const Answer& now) { return now; });
    if (!answer) return job.give(Error{ErrorCode::Unavailable, "is starting or stopping"});
    job.give(answer(job.question));
}

}  // namespace vmq::launcher
