#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace vmq::detail {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
    std::fprintf(stderr, "assertion failed: %s (%s:%d)\n", expression, file, line);
    std::fflush(stderr);
    std::abort();
}

}  // namespace vmq::detail
