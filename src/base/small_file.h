// Small files that are read and replaced as a whole.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vmq {

/// Nothing: there is no file. Fails if it is no regular file, or longer than `longest`. Blocks.
[[nodiscard]] Result<std::optional<std::string>> read_small_file(const std::string& path,
                                                                 std::size_t longest);

/// By way of PATH.tmp, which is on the disk before it takes the place of the old one: after a crash
/// there is one or the other. Only the owner may read it (0600); folders on the way are made.
/// Blocks.
[[nodiscard]] Result<void> replace_small_file(const std::string& path, std::string_view bytes);

}  // namespace vmq
