#include "plugins/passwd/password_verifier.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "plugins/passwd/password_hash.h"
#include "runtime/loop_thread.h"

namespace vmq::plugins::passwd {
namespace {

constexpr Seconds kReportInterval{10};
constexpr std::uint32_t kMostThreads = 4;

std::uint32_t thread_count(std::uint32_t wanted) {
    return wanted != 0 ? wanted : std::clamp(runtime::core_count() / 2, 1U, kMostThreads);
}

}  // namespace

PasswordVerifier::PasswordVerifier(const Options& options, Post post)
    : PasswordVerifier(options, std::move(post), {&verify_password, &steady_now}) {}

PasswordVerifier::PasswordVerifier(const Options& options, Post post, Tools tools)
    : max_wait_(options.max_wait),
      post_(std::move(post)),
      tools_(std::move(tools)),
      pool_(thread_count(options.threads), options.max_waiting, [this](Job& job) { run(job); }) {}

bool PasswordVerifier::submit(Request request) {
    Job job{std::move(request), tools_.now()};
    if (pool_.push(job)) return true;
    busy_.fetch_add(1, std::memory_order_relaxed);
    report_busy();
    return false;
}

void PasswordVerifier::run(Job& job) {
    Request& request = job.request;
    Outcome outcome = Outcome::Busy;
    if (tools_.now() - job.submitted > max_wait_) {
        busy_.fetch_add(1, std::memory_order_relaxed);
        report_busy();
    } else if (tools_.verify(request.hash, request.password.view())) {
        outcome = Outcome::Right;
        right_.fetch_add(1, std::memory_order_relaxed);
    } else {
        outcome = Outcome::Wrong;
        wrong_.fetch_add(1, std::memory_order_relaxed);
    }
    post_(request.shard, [done = std::move(request.done), outcome] { done(outcome); });
}

void PasswordVerifier::report_busy() {
    const TimePoint now = tools_.now();
    TimePoint due = report_again_.load(std::memory_order_relaxed);
    if (now < due || !report_again_.compare_exchange_strong(due, now + kReportInterval)) return;
    log::warning(
        "vmq_passwd: more logins than passwords can be checked: {} wait, {} were told so far that "
        "the broker is busy",
        pool_.waiting(), busy_.load(std::memory_order_relaxed));
}

PasswordVerifier::Counts PasswordVerifier::counts() const {
    return {right_.load(std::memory_order_relaxed), wrong_.load(std::memory_order_relaxed),
            busy_.load(std::memory_order_relaxed), pool_.waiting()};
}

}  // namespace vmq::plugins::passwd
