// Standard output as a place for the log.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/clock.h"

namespace vmq::logging {

/// Used by one thread. A terminal or pipe that is read too slowly costs lines, not time: it is
/// waited for a second per write() in all, and then only looked at until it has taken everything.
class Console final {
public:
    explicit Console(int descriptor = 1) : descriptor_(descriptor) {}

    /// Whole lines, `count` of them. Returns how many are lost.
    std::size_t write(std::string_view lines, std::size_t count);

private:
    [[nodiscard]] bool writable(Millis patience) const;

    const int descriptor_;
    bool stuck_ = false;
    bool in_line_ = false;  // the rest of a line is missing
};

}  // namespace vmq::logging
