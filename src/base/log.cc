#include "base/log.h"

#include <fcntl.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace vmq::log {
namespace {

constexpr mode_t kFileMode = 0640;
/// Lines that may wait for a slow disk or terminal; beyond that the oldest are given up, because a
/// shard must not wait.
constexpr std::size_t kWaitingLines = 8192;

constexpr std::array<std::string_view, 7> kNames{"debug", "info",     "notice", "warning",
                                                 "error", "critical", "off"};

std::atomic<Level> g_level{Level::Info};

using Sinks = std::vector<spdlog::sink_ptr>;

/// A thread of spdlog's that writes, so that those who log do not.
struct Backend {
    std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks =
        std::make_shared<spdlog::sinks::dist_sink_mt>();
    std::shared_ptr<spdlog::details::thread_pool> pool;
    std::shared_ptr<spdlog::async_logger> logger;
    Destination destination;

    void start() {
        pool = std::make_shared<spdlog::details::thread_pool>(kWaitingLines, 1);
        logger = std::make_shared<spdlog::async_logger>(
            "vernemq", sinks, pool, spdlog::async_overflow_policy::overrun_oldest);
        logger->set_level(spdlog::level::trace);
        logger->flush_on(spdlog::level::trace);
    }
    void drain() {
        pool.reset();    // joins its thread after the last line
        logger.reset();  // here and not by that thread, which is spdlog's own code
    }
};

/// Null until configure(): then lines go to standard error at once.
std::unique_ptr<Backend> g_backend;

Result<spdlog::sink_ptr> file_sink(const std::string& name) {
    std::error_code error;
    const auto folder = std::filesystem::path(name).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, error);
    // Made here, because spdlog would leave its mode to the umask.
    const int fd = ::open(name.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kFileMode);
    if (fd < 0) {
        return Error{ErrorCode::SystemError, fmt::format("cannot open the log file {}: {}", name,
                                                         std::generic_category().message(errno))};
    }
    ::close(fd);
    try {
        return spdlog::sink_ptr(std::make_shared<spdlog::sinks::basic_file_sink_mt>(name));
    } catch (const spdlog::spdlog_ex& failure) {
        return Error{ErrorCode::SystemError, failure.what()};
    }
}

Result<Sinks> sinks_for(const Destination& destination) {
    Sinks sinks;
    if (destination.console) sinks.push_back(std::make_shared<spdlog::sinks::stdout_sink_mt>());
    if (destination.file.empty()) return sinks;
    auto file = file_sink(destination.file);
    if (!file) return file.error();
    sinks.push_back(std::move(file.value()));
    return sinks;
}

void install(Backend& backend, Sinks sinks) {
    for (const auto& sink : sinks) sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %v");
    backend.sinks->set_sinks(std::move(sinks));
}

std::string printable(std::string_view name, std::string_view line) {
    std::string text = fmt::format("[{}] {}", name, line);
    for (char& byte : text) {
        if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F) byte = '?';
    }
    return text;
}

}  // namespace

Result<void> configure(const Destination& destination) {
    auto sinks = sinks_for(destination);
    if (!sinks) return sinks.error();
    flush();
    if (!g_backend) g_backend = std::make_unique<Backend>();
    g_backend->destination = destination;
    install(*g_backend, std::move(sinks.value()));
    g_backend->drain();
    g_backend->start();
    set_level(destination.level);
    return {};
}

void reopen() {
    if (!g_backend || g_backend->destination.file.empty()) return;
    auto sinks = sinks_for(g_backend->destination);
    if (!sinks) return error("{}", sinks.error().detail);
    install(*g_backend, std::move(sinks.value()));
}

void flush() {
    if (!g_backend || !g_backend->logger) return;
    g_backend->drain();
    g_backend->start();
}

void set_level(Level level) noexcept { g_level.store(level, std::memory_order_relaxed); }

Level level() noexcept { return g_level.load(std::memory_order_relaxed); }

bool enabled(Level level) noexcept { return level >= g_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view line) {
    static constexpr std::array<spdlog::level::level_enum, 7> kLevels{
        spdlog::level::debug, spdlog::level::info,     spdlog::level::info, spdlog::level::warn,
        spdlog::level::err,   spdlog::level::critical, spdlog::level::off};
    const auto index = static_cast<std::size_t>(level);
    const std::string text = printable(kNames[index], line);
    if (g_backend && g_backend->logger) {
        g_backend->logger->log(kLevels[index], std::string_view(text));
    } else {
        fmt::print(stderr, "{}\n", text);
    }
}

}  // namespace vmq::log
