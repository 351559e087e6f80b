#include "cluster/hybrid_clock.h"

#include <algorithm>

namespace vmq::cluster {

HybridTime HybridClock::next(WallMillis wall, HybridTime above) noexcept {
    last_ = std::max({last_.next(), above.next(), HybridTime::at(wall)});
    return last_;
}

bool HybridClock::take_in(HybridTime seen, WallMillis wall) noexcept {
    if (seen > last_) {
        if (seen > limit(wall)) return false;
        last_ = seen;
    }
    return true;
}

}  // namespace vmq::cluster
