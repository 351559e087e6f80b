#include "vmq-admin/top.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "admin/commands/wire.h"
#include "vmq-admin/remote.h"
#include "vmq-admin/terminal.h"
#include "vmq-admin/top_screen.h"

namespace vmq::admin_tool {
namespace {

constexpr std::size_t kWidthWithoutTerminal = 100;

/// Takes the answer apart into pictures: lines of JSON.
class Pictures final {
public:
    explicit Pictures(int socket) : socket_(socket) {}

    /// What has come; false: the broker has gone.
    bool receive() {
        std::array<char, 65536> buffer{};
        const ssize_t got = ::recv(socket_, buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) return true;
        if (got <= 0) return false;
        answer_.add({buffer.data(), static_cast<std::size_t>(got)});
        while (const auto piece = answer_.next()) {
            (piece->kind == 'o' ? text_ : complaint_) += piece->bytes;
        }
        return !answer_.broken();
    }
    /// The newest whole one that was not taken yet.
    std::optional<std::string> take() {
        const std::size_t end = text_.rfind('\n');
        if (end == std::string::npos || !text_.starts_with('{')) return std::nullopt;
        const std::size_t before = end == 0 ? std::string::npos : text_.rfind('\n', end - 1);
        const std::size_t begin = before == std::string::npos ? 0 : before + 1;
        std::string line = text_.substr(begin, end - begin);
        text_.erase(0, end + 1);
        return line;
    }
    [[nodiscard]] std::optional<int> status() const { return answer_.status(); }
    /// What the broker said instead of pictures.
    [[nodiscard]] const std::string& rest() const { return text_; }
    [[nodiscard]] const std::string& complaint() const { return complaint_; }

private:
    const int socket_;
    admin::commands::AnswerReader answer_;
    std::string text_;
    std::string complaint_;
};

int finish(const Pictures& pictures) {
    fmt::print("{}", pictures.rest());
    std::fflush(stdout);
    fmt::print(stderr, "{}", pictures.complaint());
    return pictures.status().value_or(-1);
}

int show_one(Pictures& pictures, TopSort sort) {
    while (!pictures.status()) {
        if (!pictures.receive()) return -1;
        const auto picture = pictures.take();
        if (!picture) continue;
        const auto lines = top_screen(*picture, {kWidthWithoutTerminal, {}}, sort);
        if (!lines) {
            fmt::print(stderr, "{}\n", lines.error().detail);
            return 1;
        }
        for (const std::string& line : lines.value()) fmt::print("{}\n", line);
        std::fflush(stdout);
        return 0;
    }
    return finish(pictures);
}

/// The signals that end it, stop it or change the size of the terminal, as something to read.
class Signals final {
public:
    Signals() {
        sigset_t wanted;
        sigemptyset(&wanted);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH}) {
            sigaddset(&wanted, signal);
        }
        ::pthread_sigmask(SIG_BLOCK, &wanted, &before_);
        descriptor_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    ~Signals() {
        ::close(descriptor_);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    /// The next one; 0: none.
    [[nodiscard]] int take() const {
        signalfd_siginfo signal{};
        if (::read(descriptor_, &signal, sizeof signal) != sizeof signal) return 0;
        return static_cast<int>(signal.ssi_signo);
    }

private:
    sigset_t before_{};
    int descriptor_ = -1;
};

/// Shows pictures until a key, a signal or the broker ends it.
class Live final {
public:
    Live(Pictures& pictures, int socket, TopSort sort)
        : pictures_(pictures), socket_(socket), sort_(sort) {}

    int run() {
        terminal_.show({"waiting for the first picture; q ends it"});
        while (true) {
            std::array<pollfd, 3> polled{{{signals_.descriptor(), POLLIN, 0},
                                          {STDIN_FILENO, POLLIN, 0},
                                          {socket_, POLLIN, 0}}};
            if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return 1;
            if (polled[0].revents != 0 && !on_signals()) return 0;
            if (polled[1].revents != 0 && !on_keys()) return 0;
            if (polled[2].revents == 0) continue;
            if (!pictures_.receive()) return -1;
            if (pictures_.status()) return *pictures_.status();
            if (auto picture = pictures_.take()) {
                picture_ = std::move(*picture);
                draw();
            }
        }
    }

private:
    void draw() const {
        if (picture_.empty()) return;
        const auto [width, height] = terminal_.size();
        // Nothing in the last column: clearing the rest of a line behind it would clear it as well.
        const auto lines =
            top_screen(picture_, {std::max<std::size_t>(width, 2) - 1, height}, sort_);
        terminal_.show(lines ? lines.value() : std::vector{lines.error().detail});
    }

    bool on_signals() const {
        while (const int signal = signals_.take()) {
            if (signal == SIGWINCH) {
                draw();
            } else if (signal == SIGTSTP) {
                terminal_.leave();
                ::raise(SIGSTOP);
                terminal_.enter();
                draw();
            } else {
                return false;
            }
        }
        return true;
    }

    bool on_keys() {
        std::array<char, 64> keys{};
        const ssize_t got = ::read(STDIN_FILENO, keys.data(), keys.size());
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
        if (got <= 0) return false;  // the terminal has gone
        for (const char key : std::string_view(keys.data(), static_cast<std::size_t>(got))) {
            constexpr char kControlD = 4;
            if (key == 'q' || key == 'Q' || key == kControlD) return false;
            if (key == 's') sort_ = next(sort_);
            draw();
        }
        return true;
    }

    Pictures& pictures_;
    const int socket_;
    TopSort sort_;
    std::string picture_;
    const Signals signals_;  // before the terminal: none may end us while it is ours
    const Terminal terminal_{STDIN_FILENO, STDOUT_FILENO};
};

bool ask(int socket, const std::vector<std::string>& words) {
    const std::string request = admin::commands::encode(admin::commands::Request{words, false});
    return ::send(socket, request.data(), request.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(request.size());
}

}  // namespace

int run_top(int socket, const std::vector<std::string>& words,
            const admin::commands::Invocation& invocation, admin::commands::Format format) {
    if (format == admin::commands::Format::Json) {
        Interruption interruption;
        return run_remotely(socket, words, false, stdout, stderr, &interruption, {});
    }
    const TopSort sort = top_sort_of(invocation.value_or("sort", {})).value_or(TopSort::Messages);
    if (!ask(socket, words)) return -1;
    Pictures pictures(socket);
    if (invocation.is_on("once") || !is_capable_terminal(STDIN_FILENO, STDOUT_FILENO)) {
        return show_one(pictures, sort);
    }
    int status = -1;
    {
        Live live(pictures, socket, sort);
        status = live.run();
    }
    // What the broker had to say goes where it stays.
    if (status > 0) return finish(pictures);
    return status;
}

}  // namespace vmq::admin_tool
