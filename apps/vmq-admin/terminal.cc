#include "vmq-admin/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace vmq::admin_tool {
namespace {

// The other screen of a terminal, without the cursor.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kClearRestOfLine = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";

}  // namespace

bool is_capable_terminal(int in, int out) {
    const char* const kind = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe): one thread
    return ::isatty(in) != 0 && ::isatty(out) != 0 && kind != nullptr && *kind != '\0' &&
           std::string_view(kind) != "dumb";
}

Terminal::Terminal(int in, int out) : in_(in), out_(out) {
    (void)::tcgetattr(in_, &before_);
    enter();
}

Terminal::~Terminal() { leave(); }

void Terminal::enter() const {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    (void)::tcsetattr(in_, TCSADRAIN, &raw);
    write(kEnter);
}

void Terminal::leave() const {
    write(kLeave);
    (void)::tcsetattr(in_, TCSADRAIN, &before_);
}

Terminal::Size Terminal::size() const {
    winsize size{};
    if (::ioctl(out_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
        return {80, 24};
    }
    return {size.ws_col, size.ws_row};
}

void Terminal::show(const std::vector<std::string>& lines) const {
    std::string all(kHome);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        all += lines[i];
        all += kClearRestOfLine;
        if (i + 1 < lines.size()) all += "\r\n";
    }
    all += kClearBelow;
    write(all);
}

void Terminal::write(std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t written = ::write(out_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;  // it has gone; the loop learns it by its own means
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace vmq::admin_tool
