#include "logging/console.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>

namespace vmq::logging {
namespace {

constexpr int kPatienceMs = 1000;

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

bool Console::writable() {
    pollfd polled{descriptor_, POLLOUT, 0};
    const int ready = ::poll(&polled, 1, stuck_ ? 0 : kPatienceMs);
    stuck_ = ready <= 0;
    return ready > 0;
}

std::size_t Console::write(std::string_view lines, std::size_t count) {
    std::string on_new_line;
    if (in_line_) {
        on_new_line = "\n";
        on_new_line += lines;
        lines = on_new_line;
    }
    while (!lines.empty()) {
        // A pipe that is writable takes as much as this without waiting.
        const std::string_view piece = lines.substr(0, PIPE_BUF);
        if (!writable() || !write_all(descriptor_, piece)) break;
        in_line_ = piece.back() != '\n';
        lines.remove_prefix(piece.size());
    }
    const auto lost = static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
    return std::min(lost, count);
}

}  // namespace vmq::logging
