// The log of the process: where lines go, from which level on, and the thread that writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "logging/line_text.h"
#include "logging/log_file.h"
#include "logging/syslog_message.h"
#include "logging/syslog_sender.h"

namespace vmq::logging {

/// The outputs, called as VerneMQ calls its loggers.
enum class Logger : std::uint8_t { Console, ConsoleFile, Default, Syslog };
constexpr std::size_t kLoggers = 4;
/// console, consolefile, default (the file of errors), syslog.
[[nodiscard]] std::string_view name_of(Logger logger) noexcept;

struct FileOutput {
    LogFileOptions file;
    Format format = Format::Text;
};

struct Settings {
    Template text = Template::Extended;
    std::optional<Format> console;  // standard output; none: not there
    std::optional<FileOutput> console_file;
    std::optional<FileOutput> errors;
    struct Syslog {
        SyslogTarget target;
        SyslogIdentity identity;
    };
    std::optional<Syslog> syslog;

    log::Level floor = log::Level::Debug;  // below it nothing is logged anywhere
    log::Level console_level = log::Level::Info;
    log::Level console_file_level = log::Level::Info;
    log::Level error_level = log::Level::Error;
    log::Level syslog_level = log::Level::Debug;
};

/// A thread writes, so that logging waits for no disk, terminal or network. kMostWaiting bytes of
/// lines may wait for it; more are given up, ordinary ones before warnings, and the log says how
/// many. Made before there are threads that log and destroyed after them, by one thread; the other
/// calls may come from any. While it lives it is the log::Output of the process.
class Logging final : public log::Output {
public:
    static constexpr std::size_t kMostWaiting = 8 * 1024 * 1024;

    /// An Error: something cannot be opened.
    [[nodiscard]] static Result<std::unique_ptr<Logging>> start(const Settings& settings);
    /// What was logged is written.
    ~Logging() override;
    Logging(const Logging&) = delete;
    Logging& operator=(const Logging&) = delete;

    void write(const log::Line& line) noexcept override;

    /// Opens the files under their names, after a rotation has moved them away.
    void reopen();
    /// Waits until what was logged is written. False: that takes too long.
    bool flush();

    struct View {
        Logger logger;
        log::Level level;
        std::string file;  // empty: none
    };
    /// Those there are.
    [[nodiscard]] std::vector<View> outputs() const;
    [[nodiscard]] bool has(Logger logger) const noexcept;
    void set_level(Logger logger, log::Level level);
    void set_floor(log::Level level);
    /// For lines of this module instead of the levels of the outputs, but not of the file of
    /// errors. Nothing: as the outputs have it.
    void set_module_level(log::Module module, std::optional<log::Level> level);
    [[nodiscard]] std::optional<log::Level> module_level(log::Module module) const;

    /// Lines that were given up, so far: what was too much at once, and what each output has not
    /// taken.
    struct Lost {
        std::string_view where;  // "queue" or a logger's name
        std::uint64_t lines;
    };
    [[nodiscard]] std::vector<Lost> lost() const;

private:
    class Impl;
    explicit Logging(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vmq::logging
