#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>

namespace vmq::log {
namespace {

constexpr mode_t kFileMode = 0640;

// Each line is one write() to a descriptor in append mode, which the kernel keeps apart from the
// lines of other threads: no lock, and nothing is lost in a buffer when the process dies.
std::atomic<Level> g_level{Level::Info};
std::atomic<int> g_console{STDERR_FILENO};  // -1: none
std::atomic<int> g_file{-1};
std::string g_file_name;

constexpr std::array<std::string_view, 7> kNames{"debug", "info",     "notice", "warning",
                                                 "error", "critical", "off"};

/// `2026-01-02T03:04:05.678+00:00` of this moment.
std::string time_stamp() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    tm local{};
    ::localtime_r(&now.tv_sec, &local);
    const long minutes = local.tm_gmtoff / 60;
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{}{:02}:{:02}",
                       local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour,
                       local.tm_min, local.tm_sec, now.tv_nsec / 1'000'000, minutes < 0 ? '-' : '+',
                       std::abs(minutes) / 60, std::abs(minutes) % 60);
}

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;  // a full disk must not stop the broker
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

Result<int> open_file(const std::string& name) {
    std::error_code error;
    const auto folder = std::filesystem::path(name).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, error);
    const int fd = ::open(name.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kFileMode);
    if (fd >= 0) return fd;
    return Error{ErrorCode::SystemError,
                 fmt::format("cannot open the log file {}: {}", name, std::strerror(errno))};
}

}  // namespace

Result<void> configure(const Destination& destination) {
    int file = -1;
    if (!destination.file.empty()) {
        auto opened = open_file(destination.file);
        if (!opened) return opened.error();
        file = opened.value();
    }
    if (const int old = g_file.exchange(file); old >= 0) ::close(old);
    g_file_name = destination.file;
    g_console = destination.console ? STDOUT_FILENO : -1;
    set_level(destination.level);
    return {};
}

void reopen() {
    const int fd = g_file.load();
    if (fd < 0) return;
    auto opened = open_file(g_file_name);
    if (!opened) return error("{}", opened.error().detail);
    // The number stays the same, so a thread that is about to write needs to know nothing.
    ::dup3(opened.value(), fd, O_CLOEXEC);
    ::close(opened.value());
}

void set_level(Level level) noexcept { g_level.store(level, std::memory_order_relaxed); }

bool enabled(Level level) noexcept { return level >= g_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view line) {
    std::string text =
        fmt::format("{} [{}] {}\n", time_stamp(), kNames[static_cast<std::size_t>(level)], line);
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte < 0x20 || byte == 0x7F) text[i] = '?';
    }
    if (const int fd = g_console.load(); fd >= 0) write_all(fd, text);
    if (const int fd = g_file.load(); fd >= 0) write_all(fd, text);
}

}  // namespace vmq::log
