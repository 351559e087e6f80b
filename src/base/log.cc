#include "base/log.h"

#include <cstdio>
#include <iterator>
#include <string>

namespace vmq::log {
namespace {

constexpr std::array<std::string_view, 9> kNames{
    "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency", "off"};

std::atomic<Output*> g_output{nullptr};

void write_to_standard_error(const Line& line) {
    std::string text = fmt::format("[{}] {}\n", name_of(line.level), line.text);
    for (char& byte : text) {
        const bool control = static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F;
        if (control && &byte != &text.back()) byte = '?';
    }
    (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

std::string_view name_of(Level level) noexcept { return kNames[static_cast<std::size_t>(level)]; }

std::optional<Level> level_named(std::string_view word) noexcept {
    for (std::size_t i = 0; i < static_cast<std::size_t>(Level::Off); ++i) {
        if (kNames[i] == word) return static_cast<Level>(i);
    }
    return std::nullopt;
}

std::optional<Module> module_named(std::string_view name) noexcept {
    for (std::size_t i = 0; i < kModules; ++i) {
        if (kModuleNames[i] == name) return static_cast<Module>(i);
    }
    return std::nullopt;
}

void set_output(Output* output) noexcept { g_output.store(output, std::memory_order_release); }

void set_level(Module module, Level level) noexcept {
    detail::least[static_cast<std::size_t>(module)].store(level, std::memory_order_relaxed);
}

void set_level(Level level) noexcept {
    for (auto& least : detail::least) least.store(level, std::memory_order_relaxed);
}

void write(const Line& line) noexcept {
    Line cut = line;
    cut.text = line.text.substr(0, kLongestText);
    if (Output* output = g_output.load(std::memory_order_acquire)) {
        output->write(cut);
    } else {
        write_to_standard_error(cut);
    }
}

void detail::write(Level level, const Place& place, Fields fields, fmt::string_view format,
                   fmt::format_args args) {
    fmt::memory_buffer text;
    fmt::vformat_to(std::back_inserter(text), format, args);
    log::write({level, place, {text.data(), text.size()}, fields});
}

}  // namespace vmq::log
