#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>

namespace vmq::log {
namespace {

std::atomic<Level> g_level{Level::Info};

spdlog::logger& sink() {
    // notice is VerneMQ's level between info and warning; spdlog has none, so it is written as
    // info.
    static const std::shared_ptr<spdlog::logger> logger = [] {
        auto made = std::make_shared<spdlog::logger>(
            "vernemq", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
        made->set_pattern("%Y-%m-%dT%H:%M:%S.%f%z [%l] %v");
        made->set_level(spdlog::level::trace);
        made->flush_on(spdlog::level::trace);
        return made;
    }();
    return *logger;
}

}  // namespace

void set_level(Level level) noexcept { g_level.store(level, std::memory_order_relaxed); }

bool enabled(Level level) noexcept { return level >= g_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view line) {
    static constexpr spdlog::level::level_enum kMap[] = {
        spdlog::level::debug, spdlog::level::info,     spdlog::level::info, spdlog::level::warn,
        spdlog::level::err,   spdlog::level::critical, spdlog::level::off};
    sink().log(kMap[static_cast<std::size_t>(level)], line);
}

}  // namespace vmq::log
