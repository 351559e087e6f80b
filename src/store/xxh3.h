// The hash that RocksDB checks the blocks of its table files with: XXH3, 64 bits, without a seed.
// Internal to this folder.
#pragma once

#include <cstdint>
#include <string_view>

namespace vmq::store {

/// Of any thread. Not for speed: it serves the repair of damaged files. Requires 9 bytes or more,
/// as every block has.
[[nodiscard]] std::uint64_t xxh3(std::string_view bytes) noexcept;

}  // namespace vmq::store
