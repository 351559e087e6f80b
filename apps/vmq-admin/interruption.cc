#include "vmq-admin/interruption.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace vmq::admin_tool {
namespace {

/// A script's /dev/null or file is at its end from the beginning, which means nothing.
bool has_an_end_that_means_something(int input) {
    struct stat status{};
    if (::fstat(input, &status) != 0) return false;
    return S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || ::isatty(input) != 0;
}

}  // namespace

Interruption::Interruption(int input)
    : input_(input >= 0 && has_an_end_that_means_something(input) ? input : -1) {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &wanted, &before_);
    signals_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

Interruption::~Interruption() {
    signalfd_siginfo taken{};
    while (::read(signals_, &taken, sizeof taken) > 0) continue;
    ::close(signals_);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Interruption::read_input() {
    // In the background a terminal is somebody else's, and reading from it would stop us.
    if (::isatty(input_) != 0 && ::tcgetpgrp(input_) != ::getpgrp()) {
        input_ = -1;
        return true;
    }
    std::array<char, 256> ignored{};
    const ssize_t got = ::read(input_, ignored.data(), ignored.size());
    return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

bool Interruption::wait_for(int socket) {
    while (true) {
        std::array<pollfd, 3> polled{
            {{signals_, POLLIN, 0}, {input_, POLLIN, 0}, {socket, POLLIN, 0}}};
        if (::poll(polled.data(), polled.size(), -1) < 0) {
            if (errno == EINTR) continue;
            return false;
        }
        if (polled[0].revents != 0) return false;
        if (polled[1].revents != 0 && !read_input()) return false;
        if (polled[2].revents != 0) return true;
    }
}

}  // namespace vmq::admin_tool
