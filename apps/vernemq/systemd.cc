#include "vernemq/systemd.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace vmq::launcher {
namespace {

std::optional<std::int64_t> number_in(const char* text) {
    std::int64_t number = 0;
    const char* end = text + std::strlen(text);
    const auto [stopped, problem] = std::from_chars(text, end, number);
    if (problem != std::errc() || stopped != end) return std::nullopt;
    return number;
}

}  // namespace

// sd_notify(3): one datagram of lines NAME=VALUE; a socket name that begins with @ is abstract.
void notify_systemd(std::string_view state) {
    const char* name = std::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe)
    if (name == nullptr || *name == '\0') return;
    const std::size_t length = std::strlen(name);
    sockaddr_un address{};
    if (length >= sizeof address.sun_path) return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name, length);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    (void)::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                   reinterpret_cast<const sockaddr*>(&address), size);
    ::close(fd);
}

void notify_reloading() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    notify_systemd(fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                               std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000));
}

std::optional<Millis> watchdog_time(const char* usec, const char* pid, pid_t self, pid_t parent) {
    if (usec == nullptr) return std::nullopt;
    if (pid != nullptr) {
        const auto meant = number_in(pid);
        if (!meant || (*meant != self && *meant != parent)) return std::nullopt;
    }
    const auto time = number_in(usec);
    if (!time || *time < 1000) return std::nullopt;
    return Millis(*time / 1000);
}

std::optional<Millis> systemd_watchdog(pid_t parent) {
    // Nobody changes the environment. NOLINTBEGIN(concurrency-mt-unsafe)
    return watchdog_time(std::getenv("WATCHDOG_USEC"), std::getenv("WATCHDOG_PID"), ::getpid(),
                         parent);
    // NOLINTEND(concurrency-mt-unsafe)
}

}  // namespace vmq::launcher
