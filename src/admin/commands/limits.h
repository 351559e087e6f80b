// What a command may use.
#pragma once

#include <cstddef>

namespace vmq::admin::commands {

/// Rows of an answer, whatever limit was asked for: it is put together in memory.
inline constexpr std::size_t kMaxRows = 100'000;

}  // namespace vmq::admin::commands
