#include "logging/console.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>

namespace vmq::logging {
namespace {

constexpr Millis kPatience{1'000};

bool write_all(int descriptor, std::string_view piece) noexcept {
    while (!piece.empty()) {
        const ssize_t written = ::write(descriptor, piece.data(), piece.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        piece.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace

bool Console::writable(Millis patience) const {
    pollfd polled{descriptor_, POLLOUT, 0};
    return ::poll(&polled, 1, static_cast<int>(patience.count())) > 0;
}

std::size_t Console::write(std::string_view lines, std::size_t count) {
    std::string on_new_line;
    if (in_line_) {
        on_new_line = "\n";
        on_new_line += lines;
        lines = on_new_line;
    }
    const TimePoint until = steady_now() + (stuck_ ? Millis(0) : kPatience);
    while (!lines.empty()) {
        // A pipe that is writable takes as much as this without waiting.
        const std::string_view piece = lines.substr(0, PIPE_BUF);
        const Millis left = std::max(until - steady_now(), Millis(0));
        if (!writable(left) || !write_all(descriptor_, piece)) break;
        in_line_ = piece.back() != '\n';
        lines.remove_prefix(piece.size());
    }
    stuck_ = !lines.empty();
    const auto lost = static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
    return std::min(lost, count);
}

}  // namespace vmq::logging
