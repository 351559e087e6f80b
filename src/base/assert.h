// Assertions for our own bugs: on in every build, never used to check what a peer, disk or operator
// sent.
#pragma once

namespace vmq::detail {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;
}  // namespace vmq::detail

/// Stops the process with a message when `expression` is false: a crashed node is better than a
/// wrong one.
#define VMQ_ASSERT(expression)                                                \
    do {                                                                      \
        if (!(expression)) [[unlikely]]                                       \
            ::vmq::detail::assertion_failed(#expression, __FILE__, __LINE__); \
    } while (false)
