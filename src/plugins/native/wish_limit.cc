#include "plugins/native/wish_limit.h"

#include <utility>

#include "base/log.h"

namespace vmq::plugins::native {

bool WishLimit::take(std::size_t bytes) {
    enum class Answer : std::uint8_t { Taken, Refused, RefusedFirst };
    const auto answer = state_.with([bytes](State& state) {
        const bool fits = state.waiting < kMaxWishes && state.waiting_bytes <= kMaxBytes &&
                          bytes <= kMaxBytes - state.waiting_bytes;
        if (fits || state.waiting == 0) {
            ++state.waiting;
            state.waiting_bytes += bytes;
            return Answer::Taken;
        }
        ++state.refused;
        return std::exchange(state.told, true) ? Answer::Refused : Answer::RefusedFirst;
    });
    if (answer == Answer::RefusedFirst) {
        log::warning(
            "{}: the plugin publishes, disconnects or reauthorizes faster than the broker does it: "
            "up to {} requests and {} MB of messages wait, more are refused",
            plugin_, kMaxWishes, kMaxBytes / 1024 / 1024);
    }
    return answer == Answer::Taken;
}

void WishLimit::give_back(std::size_t bytes) {
    state_.with([bytes](State& state) {
        --state.waiting;
        state.waiting_bytes -= bytes;
        if (state.waiting <= kMaxWishes / 2 && state.waiting_bytes <= kMaxBytes / 2) {
            state.told = false;
        }
    });
}

WishLimit::Counts WishLimit::counts() const {
    return state_.with([](const State& state) -> Counts { return state; });
}

}  // namespace vmq::plugins::native
