#include "vmq-passwd/prompt.h"

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace vmq::passwd_tool {
namespace {

using plugins::passwd::Secret;

constexpr std::size_t kMaxPasswordBytes = 65'535;  // the longest MQTT can carry

volatile std::sig_atomic_t ended_by = 0;

void note_signal(int signal) { ended_by = signal; }

/// A terminal without echo. Signals that would end the program interrupt the reading instead, and
/// end it when the echo is back.
class NoEcho final {
public:
    NoEcho() {
        if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
        terminal_ = true;
        struct ::sigaction note{};
        note.sa_handler = &note_signal;  // without SA_RESTART: read() returns
        for (std::size_t i = 0; i < kSignals.size(); ++i)
            ::sigaction(kSignals.at(i), &note, &handlers_.at(i));
        struct ::termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSADRAIN, &silent);
    }
    ~NoEcho() {
        if (!terminal_) return;
        ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
        for (std::size_t i = 0; i < kSignals.size(); ++i)
            ::sigaction(kSignals.at(i), &handlers_.at(i), nullptr);
        if (ended_by != 0) std::raise(ended_by);
    }
    NoEcho(const NoEcho&) = delete;
    NoEcho& operator=(const NoEcho&) = delete;

private:
    static constexpr std::array<int, 4> kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

    bool terminal_ = false;
    struct ::termios before_{};
    std::array<struct ::sigaction, kSignals.size()> handlers_{};
};

/// Memory for one line, wiped at the end.
struct LineBuffer {
    std::array<char, kMaxPasswordBytes + 2> bytes{};  // and CR, and one too many
    std::size_t size = 0;

    ~LineBuffer() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
    [[nodiscard]] std::string_view text() const {
        std::string_view line(bytes.data(), size);
        if (line.ends_with('\r')) line.remove_suffix(1);
        return line;
    }
};

/// A byte at a time: what follows the line is for whoever reads next. The end of input ends a line.
Result<Secret> read_line() {
    LineBuffer line;
    for (char byte = 0; ended_by == 0;) {
        const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
        if (count < 0 && errno == EINTR && ended_by == 0) continue;
        if (count < 0) return Error{ErrorCode::SystemError, std::generic_category().message(errno)};
        if (count == 0 || byte == '\n') break;
        if (line.size == line.bytes.size())
            return Error{ErrorCode::InvalidValue, "The password is too long."};
        line.bytes.at(line.size++) = byte;
    }
    if (line.text().size() > kMaxPasswordBytes)
        return Error{ErrorCode::InvalidValue, "The password is too long."};
    return Secret(line.text());
}

Result<Secret> ask(std::string_view prompt) {
    fmt::print("{}", prompt);
    std::fflush(stdout);
    Result<Secret> line = read_line();
    fmt::print("\n");
    std::fflush(stdout);
    return line;
}

}  // namespace

Result<Secret> ask_for_password() {
    const NoEcho no_echo;
    Result<Secret> password = ask("Password: ");
    if (!password) return password;
    if (password.value().view().empty()) return Error{ErrorCode::InvalidValue, "Empty password."};
    const Result<Secret> repeated = ask("Reenter password: ");
    if (!repeated) return repeated.error();
    if (repeated.value().view() != password.value().view())
        return Error{ErrorCode::InvalidValue, "Passwords do not match."};
    return password;
}

}  // namespace vmq::passwd_tool
