// Untold deletions: retained messages that a shard has deleted, and nobody else knows.
#pragma once

#include <string>
#include <string_view>

namespace vmq::broker {

/// The key under which a shard stores one, together with deleting the message; ClusterFacts takes
/// it away when the others are told, at the latest after the next start.
[[nodiscard]] std::string untold_deletion_key(std::string_view mountpoint, std::string_view topic);

}  // namespace vmq::broker
