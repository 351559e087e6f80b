// The logging front: VerneMQ's levels, formatted with fmt, handed to whatever the process has
// installed. Each line knows the module it comes from, by the folder of its source file.
#pragma once

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/log_level.h"

namespace vmq::log {

/// Folders of src/; Node is the program itself. Session is what clients do: they come, go, and are
/// refused.
enum class Module : std::uint8_t {
    Node,
    Admin,
    Bridge,
    Broker,
    Cluster,
    Config,
    Hooks,
    Logging,
    Plugins,
    Queue,
    Routing,
    Runtime,
    Session,
    Store,
    Transport,
};
constexpr std::size_t kModules = 15;
inline constexpr std::array<std::string_view, kModules> kModuleNames{
    "node",    "admin", "bridge",  "broker",  "cluster", "config", "hooks",    "logging",
    "plugins", "queue", "routing", "runtime", "session", "store",  "transport"};
[[nodiscard]] constexpr std::string_view name_of(Module module) noexcept {
    return kModuleNames[static_cast<std::size_t>(module)];
}
/// Nothing: there is no such module.
[[nodiscard]] std::optional<Module> module_named(std::string_view name) noexcept;

/// That of a source file by its path: the folder behind the last "src".
[[nodiscard]] constexpr Module module_of(std::string_view path) noexcept {
    const auto source = path.rfind("src/");
    if (source == std::string_view::npos || (source > 0 && path[source - 1] != '/')) {
        return Module::Node;
    }
    path.remove_prefix(source + 4);
    path = path.substr(0, path.find('/'));
    for (std::size_t i = 0; i < kModules; ++i) {
        if (kModuleNames[i] == path) return static_cast<Module>(i);
    }
    return Module::Node;
}

/// Where in the source a line comes from.
struct Place {
    const char* file = "";
    std::uint32_t line = 0;
    Module module = Module::Node;

    constexpr Place() = default;
    constexpr Place(const std::source_location& where, Module of) noexcept
        : file(where.file_name()), line(where.line()), module(of) {}
    explicit constexpr Place(const std::source_location& where) noexcept
        : Place(where, module_of(where.file_name())) {}
};

/// What a line says, for programs that read it: a member of its JSON form. Text of a client is
/// passed as it came, whatever bytes it is of. The name is a literal.
struct Field {
    enum class Kind : std::uint8_t { Text, Number, Flag };

    std::string_view name;
    Kind kind = Kind::Text;
    std::string_view text;     // of Text
    std::uint64_t number = 0;  // of the others

    constexpr Field(std::string_view field, std::string_view value) : name(field), text(value) {}
    constexpr Field(std::string_view field, const char* value) : name(field), text(value) {}
    template <std::unsigned_integral Integer>
    constexpr Field(std::string_view field, Integer value)
        : name(field),
          kind(std::is_same_v<Integer, bool> ? Kind::Flag : Kind::Number),
          number(value) {}
};
using Fields = std::span<const Field>;

struct Line {
    Level level = Level::Info;
    Place place;
    std::string_view text;
    Fields fields;
};

/// Takes the lines of the process. Any thread, several at a time; must not wait.
class Output {
public:
    virtual ~Output() = default;
    virtual void write(const Line& line) noexcept = 0;
};
/// Null, as at the beginning: lines go to standard error. Outlives everything that logs.
void set_output(Output* output) noexcept;

namespace detail {
inline std::array<std::atomic<Level>, kModules> least{
    Level::Info, Level::Info, Level::Info, Level::Info, Level::Info,
    Level::Info, Level::Info, Level::Info, Level::Info, Level::Info,
    Level::Info, Level::Info, Level::Info, Level::Info, Level::Info};
}  // namespace detail

/// The least important level of a module's lines that anybody wants; the others are not even
/// formatted.
void set_level(Module module, Level level) noexcept;
/// Of all modules.
void set_level(Level level) noexcept;
[[nodiscard]] inline bool enabled(Level level, Module module) noexcept {
    return level >= detail::least[static_cast<std::size_t>(module)].load(std::memory_order_relaxed);
}

/// Whatever the levels are. Longer text than kLongestText is cut.
void write(const Line& line) noexcept;
constexpr std::size_t kLongestText = 8192;  // bytes, also of a field

/// A format string that knows where it stands.
template <typename... Args>
struct FormatHere {
    template <typename Text>
    // NOLINTNEXTLINE(google-explicit-constructor): stands for the text
    consteval FormatHere(const Text& text,
                         const std::source_location& where = std::source_location::current())
        : format(text), place(where) {}

    fmt::format_string<Args...> format;
    Place place;
};
template <typename... Args>
using Format = FormatHere<std::type_identity_t<Args>...>;

namespace detail {
void write(Level level, const Place& place, Fields fields, fmt::string_view format,
           fmt::format_args args);
}  // namespace detail

/// A line of `place`'s module with fields besides its text.
template <typename... Args>
void event(Level level, const Place& place, Fields fields, fmt::format_string<Args...> format,
           Args&&... args) {
    if (enabled(level, place.module)) {
        detail::write(level, place, fields, format, fmt::make_format_args(args...));
    }
}

template <typename... Args>
void debug(Format<Args...> here, Args&&... args) {
    event(Level::Debug, here.place, {}, here.format, static_cast<Args&&>(args)...);
}
template <typename... Args>
void info(Format<Args...> here, Args&&... args) {
    event(Level::Info, here.place, {}, here.format, static_cast<Args&&>(args)...);
}
template <typename... Args>
void notice(Format<Args...> here, Args&&... args) {
    event(Level::Notice, here.place, {}, here.format, static_cast<Args&&>(args)...);
}
template <typename... Args>
void warning(Format<Args...> here, Args&&... args) {
    event(Level::Warning, here.place, {}, here.format, static_cast<Args&&>(args)...);
}
template <typename... Args>
void error(Format<Args...> here, Args&&... args) {
    event(Level::Error, here.place, {}, here.format, static_cast<Args&&>(args)...);
}

}  // namespace vmq::log
