// Hybrid logical clock: stamps that follow the wall clock and still never go back.
#pragma once

#include "base/clock.h"
#include "cluster/stamp.h"

namespace vmq::cluster {

/// Gives the stamps of one node. Owned by its FactMap, used on its thread; the wall clock is handed
/// in, may jump either way, and differs from that of the other nodes.
class HybridClock final {
public:
    static constexpr Millis kMostAhead{60'000};

    explicit HybridClock(Millis most_ahead = kMostAhead) noexcept : most_ahead_(most_ahead) {}

    /// The stamp of a new write: later than all that were given, taken in or started after, and
    /// than `above`, which the write replaces.
    [[nodiscard]] HybridTime next(WallMillis wall, HybridTime above = {}) noexcept;

    /// What another node has stamped; later stamps of this one are behind it. False: it is so far
    /// ahead of the wall clock that it is not taken in, because one wrong clock would become
    /// everybody's. Somebody should be warned.
    [[nodiscard]] bool take_in(HybridTime seen, WallMillis wall) noexcept;

    /// Later stamps are behind `stored`, however far ahead it is: after a restart the highest that
    /// was given before.
    void start_after(HybridTime stored) noexcept {
        if (stored > last_) last_ = stored;
    }

    [[nodiscard]] HybridTime last() const noexcept { return last_; }
    /// The latest that take_in() takes.
    [[nodiscard]] HybridTime limit(WallMillis wall) const noexcept {
        return HybridTime::at(wall + most_ahead_.count());
    }

private:
    const Millis most_ahead_;
    HybridTime last_;
};

}  // namespace vmq::cluster
