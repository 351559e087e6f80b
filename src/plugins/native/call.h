// One call of an authorisation hook: what vmq_plugin.h calls vmq_call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/ids.h"
#include "base/result.h"
#include "hooks/plugin.h"
#include "plugins/native/late_answers.h"

/// What a plugin holds on to during the call. Lives on the stack of the shard that calls.
struct vmq_call {  // NOLINT(readability-identifier-naming): its name in the C interface
    virtual ~vmq_call() = default;
    /// A ticket, or 0.
    virtual std::uint64_t defer() = 0;

    std::optional<std::string> mistake;  // an answer that makes no sense, in words
    bool answered = false;

protected:
    vmq_call() = default;
    vmq_call(const vmq_call&) = delete;
    vmq_call& operator=(const vmq_call&) = delete;
};

namespace vmq::plugins::native {

/// A call that is answered by a Verdict.
template <typename Verdict>
class Call final : public vmq_call {
public:
    /// Without `done` it has to be answered at once. `late` outlives this.
    Call(LateAnswers& late, ShardId shard, hooks::Completion<Verdict> done)
        : late_(late), shard_(shard), done_(std::move(done)) {}

    /// A ticket that was not left is worth nothing: the hook has answered or thrown.
    ~Call() override {
        if (ticket_ != 0) late_.withdraw(ticket_);
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    std::uint64_t defer() override {
        if constexpr (!std::is_same_v<Verdict, hooks::UnsubscribeVerdict>) {
            if (done_) ticket_ = late_.wait<Verdict>(shard_, std::exchange(done_, nullptr));
        }
        return ticket_;
    }

    void answer(Result<Verdict> given) {
        answered = true;
        mistake.reset();
        if (given) {
            verdict_ = std::move(given).value();
        } else {
            mistake = given.error().detail;
        }
    }

    [[nodiscard]] Verdict& verdict() noexcept { return verdict_; }
    /// Leaves the ticket to the plugin; false: it has none.
    [[nodiscard]] bool leave_ticket() noexcept { return std::exchange(ticket_, 0) != 0; }

private:
    LateAnswers& late_;
    const ShardId shard_;
    hooks::Completion<Verdict> done_;
    std::uint64_t ticket_ = 0;
    Verdict verdict_;
};

}  // namespace vmq::plugins::native
