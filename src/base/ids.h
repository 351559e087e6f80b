// Strong ids that several folders share.
#pragma once

#include <cstdint>

namespace vmq {

/// Index of a shard, 0 to shard count - 1.
using ShardId = std::uint32_t;

/// One bit per shard, so 64 is the most a process can have.
using ShardSet = std::uint64_t;
inline constexpr std::uint32_t kMaxShards = 64;

[[nodiscard]] constexpr ShardSet shard_bit(ShardId shard) noexcept { return 1ULL << shard; }

/// Names one client (mountpoint and client id) for the life of its state on this node. Never
/// reused, so a late message for a client that is gone finds nothing instead of somebody else.
enum class ClientNumber : std::uint64_t {};

}  // namespace vmq
