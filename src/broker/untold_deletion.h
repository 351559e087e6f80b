// Untold deletions: retained messages that a shard has deleted, and nobody else knows.
#pragma once

#include <string>
#include <string_view>

#include "store/message_store.h"

namespace vmq::broker {

/// Keys of these begin with it; the key of the retained message follows.
inline constexpr char kUntoldDeletionKeys = 'D';

/// What a shard stores together with deleting the message; ClusterFacts takes it away when the
/// others are told, at the latest after the next start.
[[nodiscard]] store::PutFact untold_deletion(std::string_view mountpoint, std::string_view topic,
                                             store::WallMillis now);
[[nodiscard]] std::string untold_deletion_key(std::string_view mountpoint, std::string_view topic);
/// When it was, from the stored value; 0: that is not known.
[[nodiscard]] store::WallMillis untold_deletion_time(std::string_view value) noexcept;

}  // namespace vmq::broker
