// Questions that a plugin answers later, from a thread of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <variant>

#include "base/clock.h"
#include "base/ids.h"
#include "hooks/plugin.h"
#include "runtime/coordination.h"

namespace vmq::plugins::native {

/// One per plugin, for any thread. Each question has a ticket, a number that is never used again:
/// an answer to one that is answered, withdrawn or forgotten finds nothing. Answers are given on
/// the shard that asked, in a later turn. How long a client waits is not decided here
/// (hook_timeout); what nobody can be waiting for any more is forgotten, so that a plugin which
/// never answers costs no more than `max_waiting` questions.
class LateAnswers final {
public:
    /// Runs a function on a shard's thread, in a later turn of its loop. Any thread.
    using Post = std::function<void(ShardId shard, std::function<void()> work)>;

    struct Options {
        std::size_t max_waiting = 100'000;  // of clients that are gone as well
        Millis forget_after{600'000};       // at least hook_timeout
        std::function<TimePoint()> now = &steady_now;
    };

    LateAnswers(Options options, Post post);
    LateAnswers(const LateAnswers&) = delete;
    LateAnswers& operator=(const LateAnswers&) = delete;

    /// A ticket for `done`, or 0: too many wait, or stop() was called.
    template <typename Verdict>
    [[nodiscard]] std::uint64_t wait(ShardId shard, hooks::Completion<Verdict> done);

    /// False: nobody waits for a verdict of this kind with this ticket.
    template <typename Verdict>
    bool give(std::uint64_t ticket, Verdict verdict);

    /// The hook has answered after all.
    void withdraw(std::uint64_t ticket);

    /// Nothing is posted any more when this returns, and what waits is not answered. Again is no
    /// harm.
    void stop();

    [[nodiscard]] std::size_t waiting() const;

private:
    using Done = std::variant<
        hooks::Completion<hooks::RegisterVerdict>, hooks::Completion<hooks::AuthVerdict>,
        hooks::Completion<hooks::PublishVerdict>, hooks::Completion<hooks::SubscribeVerdict>>;
    struct Question {
        ShardId shard = 0;
        TimePoint forget_at;
        Done done;
    };

    const Options options_;
    runtime::OneAtATime lock_;  // the rest is for who holds it, posting included
    Post post_;                 // empty once stopped
    std::uint64_t last_ticket_ = 0;
    std::map<std::uint64_t, Question> questions_;  // oldest first
};

}  // namespace vmq::plugins::native
