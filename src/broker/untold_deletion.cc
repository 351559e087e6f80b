#include "broker/untold_deletion.h"

#include <charconv>

#include "cluster/fact.h"

namespace vmq::broker {

store::PutFact untold_deletion(std::string_view mountpoint, std::string_view topic,
                               store::WallMillis now) {
    return {untold_deletion_key(mountpoint, topic), std::to_string(now)};
}

std::string untold_deletion_key(std::string_view mountpoint, std::string_view topic) {
    return kUntoldDeletionKeys + cluster::retained_key(mountpoint, topic);
}

store::WallMillis untold_deletion_time(std::string_view value) noexcept {
    store::WallMillis time = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), time);
    const bool whole = error == std::errc{} && end == value.data() + value.size();
    return whole && time > 0 ? time : 0;
}

}  // namespace vmq::broker
