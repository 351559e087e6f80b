// max_message_rate: a token bucket of one client.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace vmq::session {

/// Allows `rate` messages per second on average and as many at once. Owned by one Session.
class RateLimit final {
public:
    /// `rate` 0: no limit.
    RateLimit(std::uint32_t rate, TimePoint now) noexcept
        : rate_(rate), tokens_(std::int64_t{rate} * kUnit), filled_at_(now) {}

    /// Takes one token for a message that arrived. Returns how long to stop reading: zero while
    /// there are tokens, else until the bucket is above empty again.
    [[nodiscard]] Millis take(TimePoint now) noexcept {
        if (rate_ == 0) return Millis::zero();
        // More than a day fills any bucket, and keeps the product small.
        const auto passed = std::min<std::int64_t>((now - filled_at_).count(), 86'400'000);
        filled_at_ = now;
        tokens_ = std::min(tokens_ + passed * rate_, std::int64_t{rate_} * kUnit) - kUnit;
        if (tokens_ >= 0) return Millis::zero();
        return Millis((-tokens_ + rate_ - 1) / rate_);
    }

private:
    static constexpr std::int64_t kUnit = 1000;  // a message, so that a millisecond adds `rate`

    std::uint32_t rate_;
    std::int64_t tokens_;
    TimePoint filled_at_;
};

}  // namespace vmq::session
