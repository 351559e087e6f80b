#include "logging/logging.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <new>
#include <utility>

#include "base/clock.h"
#include "logging/console.h"
#include "logging/record.h"
#include "runtime/byte_queue.h"
#include "runtime/guarded.h"
#include "runtime/work_queue.h"

namespace vmq::logging {
namespace {

using log::Level;
using log::Module;

constexpr std::array<std::string_view, kLoggers> kNames{"console", "consolefile", "default",
                                                        "syslog"};
constexpr std::size_t index(Logger logger) noexcept { return static_cast<std::size_t>(logger); }

/// Lines that come close together are written together.
constexpr Millis kLinger{10};
constexpr Millis kQueuePatience{5'000};

std::int64_t now_us() noexcept {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::int32_t this_thread() noexcept {
    static thread_local const auto kId = static_cast<std::int32_t>(::gettid());
    return kId;
}

/// From which level on lines pass, per output and per module.
class Levels final {
public:
    void set(Logger logger, std::optional<Level> level) {
        state_.with([&](State& state) {
            state.outputs[index(logger)] = level;
            publish(state);
        });
        of_output(logger).store(level.value_or(Level::Off), std::memory_order_relaxed);
    }
    void set(Module module, std::optional<Level> level) {
        of_module(module).store(level ? static_cast<int>(*level) : kUnset,
                                std::memory_order_relaxed);
        state_.with([&](State& state) {
            state.modules[static_cast<std::size_t>(module)] = level;
            publish(state);
        });
    }
    void set_floor(Level level) {
        floor_.store(level, std::memory_order_relaxed);
        state_.with([&](State& state) {
            state.floor = level;
            publish(state);
        });
    }
    [[nodiscard]] std::optional<Level> module(Module module) const {
        return state_.with(
            [&](const State& state) { return state.modules[static_cast<std::size_t>(module)]; });
    }
    [[nodiscard]] Level output(Logger logger) const noexcept {
        return outputs_[index(logger)].load(std::memory_order_relaxed);
    }

    [[nodiscard]] bool passes(Logger logger, const Record& record) const noexcept {
        if (record.level < floor_.load(std::memory_order_relaxed)) return false;
        const int module =
            modules_[static_cast<std::size_t>(record.place.module)].load(std::memory_order_relaxed);
        if (logger != Logger::Default && module != kUnset) {
            return record.level >= static_cast<Level>(module);
        }
        return record.level >= output(logger);
    }

private:
    static constexpr int kUnset = -1;
    struct State {
        std::array<std::optional<Level>, kLoggers> outputs;  // none: not there
        std::array<std::optional<Level>, log::kModules> modules;
        Level floor = Level::Debug;
    };

    /// Tells those who log what is worth formatting.
    static void publish(const State& state) {
        const auto& outputs = state.outputs;
        Level lowest = Level::Off;
        for (const auto& output : outputs) lowest = std::min(lowest, output.value_or(Level::Off));
        const Level errors = outputs[index(Logger::Default)].value_or(Level::Off);
        const bool others = std::any_of(outputs.begin(), outputs.end(), [&](const auto& output) {
            return output && &output != &outputs[index(Logger::Default)];
        });
        for (std::size_t i = 0; i < log::kModules; ++i) {
            Level level = lowest;
            if (state.modules[i]) level = others ? std::min(*state.modules[i], errors) : errors;
            log::set_level(static_cast<Module>(i), std::max(level, state.floor));
        }
    }

    std::atomic<Level>& of_output(Logger logger) { return outputs_[index(logger)]; }
    std::atomic<int>& of_module(Module module) {
        return modules_[static_cast<std::size_t>(module)];
    }

    runtime::Guarded<State> state_;
    std::atomic<Level> floor_{Level::Debug};
    std::array<std::atomic<Level>, kLoggers> outputs_{Level::Off, Level::Off, Level::Off,
                                                      Level::Off};
    std::array<std::atomic<int>, log::kModules> modules_ =
        unset_modules(std::make_index_sequence<log::kModules>());

    template <std::size_t... Index>
    static std::array<std::atomic<int>, log::kModules> unset_modules(
        std::index_sequence<Index...> /*all*/) {
        return {((void)Index, kUnset)...};
    }
};

/// Lines of one batch for one output, in one of the two formats.
struct Pending {
    std::string lines;
    std::size_t count = 0;

    void clear() {
        lines.clear();
        count = 0;
    }
};

}  // namespace

std::string_view name_of(Logger logger) noexcept { return kNames[index(logger)]; }

class Logging::Impl final {
public:
    explicit Impl(const Settings& settings) : settings_(settings) {}

    [[nodiscard]] Result<void> open() {
        if (settings_.console) console_.emplace();
        const std::pair<const std::optional<FileOutput>&, std::unique_ptr<LogFile>&> files[] = {
            {settings_.console_file, console_file_}, {settings_.errors, errors_}};
        for (const auto& [output, file] : files) {
            if (!output) continue;
            auto opened = LogFile::open(output->file);
            if (!opened) return opened.error();
            file = std::move(opened).value();
        }
        if (settings_.syslog) {
            auto started = SyslogSender::start(settings_.syslog->target);
            if (!started) return started.error();
            syslog_ = std::move(started).value();
        }
        return {};
    }

    void start() {
        levels_.set_floor(settings_.floor);
        const auto level_if = [](bool there, Level level) {
            return there ? std::optional(level) : std::nullopt;
        };
        levels_.set(Logger::Console, level_if(has(Logger::Console), settings_.console_level));
        levels_.set(Logger::ConsoleFile,
                    level_if(has(Logger::ConsoleFile), settings_.console_file_level));
        levels_.set(Logger::Default, level_if(has(Logger::Default), settings_.error_level));
        levels_.set(Logger::Syslog, level_if(has(Logger::Syslog), settings_.syslog_level));
        thread_.emplace([this] { run(); });
    }

    ~Impl() {
        queue_.close();
        thread_.reset();
        log::set_level(Level::Info);
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void write(const log::Line& line) {
        (void)queue_.push(
            packed_size(line), line.level >= Level::Warning,
            [&line](std::string& bytes) { append_record(bytes, line, now_us(), this_thread()); });
    }

    void reopen() {
        reopen_.store(true);
        (void)queue_.drain(kQueuePatience);
    }
    bool flush() { return queue_.drain(kQueuePatience); }

    [[nodiscard]] bool has(Logger logger) const noexcept {
        switch (logger) {
            case Logger::Console:
                return settings_.console.has_value();
            case Logger::ConsoleFile:
                return settings_.console_file.has_value();
            case Logger::Default:
                return settings_.errors.has_value();
            case Logger::Syslog:
                return settings_.syslog.has_value();
        }
        return false;
    }
    [[nodiscard]] std::string file_of(Logger logger) const {
        if (logger == Logger::ConsoleFile) return settings_.console_file->file.path;
        if (logger == Logger::Default) return settings_.errors->file.path;
        return {};
    }
    Levels& levels() noexcept { return levels_; }
    /// To be changed; what was logged before goes by the old ones.
    Levels& new_levels() {
        (void)queue_.drain(kQueuePatience);
        return levels_;
    }

    [[nodiscard]] std::vector<Lost> lost() const {
        std::vector<Lost> all{{"queue", too_many_.load()}};
        for (std::size_t i = 0; i < kLoggers; ++i) {
            if (!has(static_cast<Logger>(i))) continue;
            std::uint64_t lines = lost_[i].load();
            if (i == index(Logger::Syslog)) lines += syslog_->lost();
            all.push_back({kNames[i], lines});
        }
        return all;
    }

private:
    void run() {
        std::string batch;
        std::uint64_t refused = 0;
        while (queue_.take(batch, refused, kLinger)) {
            std::string_view left = batch;
            too_many_.fetch_add(refused);
            try {
                work_off(left, refused);
            } catch (const std::bad_alloc&) {
                give_up(left);
            }
            // Not much longer than what is usual.
            if (batch.capacity() > kMostWaiting / 8) batch = {};
        }
    }

    void work_off(std::string_view& left, std::uint64_t refused) {
        if (reopen_.exchange(false)) reopen_files();
        while (!left.empty()) {
            std::string_view next = left;
            take_record(next, record_);
            lay_out();
            left = next;
        }
        if (refused > 0) tell_of(refused);
        write_out();
    }

    /// Without memory: counts as lost what is laid out, and what is not.
    void give_up(std::string_view left) noexcept {
        for (std::size_t i = 0; i < kLoggers; ++i) {
            lost_[i].fetch_add(pending_[i].count);
            pending_[i].clear();
        }
        too_many_.fetch_add(count_records(left));
    }

    void reopen_files() {
        if (console_file_) console_file_->reopen();
        if (errors_) errors_->reopen();
    }

    void tell_of(std::uint64_t refused) {
        const std::string text = fmt::format(
            "lines that were not logged, because more came than could be written: {}", refused);
        record_ = {now_us(),       this_thread(),
                   Level::Warning, log::Place(std::source_location::current()),
                   text,           {}};
        lay_out();
    }

    /// Appends the record to what each output gets.
    void lay_out() {
        text_.clear();
        json_.clear();
        if (settings_.console) lay_out(Logger::Console, *settings_.console);
        if (settings_.console_file) lay_out(Logger::ConsoleFile, settings_.console_file->format);
        if (settings_.errors) lay_out(Logger::Default, settings_.errors->format);
        if (!syslog_ || !levels_.passes(Logger::Syslog, record_)) return;
        std::string message;
        append_syslog(message, times_, record_, settings_.syslog->identity);
        if (!syslog_->send(std::move(message))) count_lost(Logger::Syslog, 1);
    }

    void lay_out(Logger logger, Format format) {
        if (!levels_.passes(logger, record_)) return;
        std::string& made = format == Format::Json ? json_ : text_;
        if (made.empty()) {
            if (format == Format::Json) {
                append_json(made, record_);
            } else {
                append_text(made, times_, record_, settings_.text);
            }
        }
        Pending& pending = pending_[index(logger)];
        pending.lines += made;
        ++pending.count;
    }

    void write_out() {
        const auto write = [this](Logger logger, auto& output) {
            Pending& pending = pending_[index(logger)];
            if (pending.count > 0 && output) {
                count_lost(logger, output->write(pending.lines, pending.count));
            }
            pending.clear();
        };
        write(Logger::ConsoleFile, console_file_);
        write(Logger::Default, errors_);
        write(Logger::Console, console_);  // last: it may have to wait for who reads
    }

    void count_lost(Logger logger, std::size_t lines) { lost_[index(logger)].fetch_add(lines); }

    const Settings settings_;
    Levels levels_;
    std::atomic<std::uint64_t> too_many_{0};
    std::array<std::atomic<std::uint64_t>, kLoggers> lost_{};
    std::atomic<bool> reopen_{false};
    runtime::ByteQueue queue_{kMostWaiting};

    // Of the thread.
    std::optional<Console> console_;
    std::unique_ptr<LogFile> console_file_;
    std::unique_ptr<LogFile> errors_;
    std::unique_ptr<SyslogSender> syslog_;
    TimeText times_;
    Record record_;
    std::string text_, json_;  // the record in each format; empty: not made yet
    std::array<Pending, kLoggers> pending_;

    std::optional<runtime::WorkThread> thread_;
};

Logging::Logging(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
    impl_->start();
    log::set_output(this);
}

Logging::~Logging() { log::set_output(nullptr); }

Result<std::unique_ptr<Logging>> Logging::start(const Settings& settings) {
    auto impl = std::make_unique<Impl>(settings);
    const auto opened = impl->open();
    if (!opened) return opened.error();
    return std::unique_ptr<Logging>(new Logging(std::move(impl)));
}

void Logging::write(const log::Line& line) noexcept { impl_->write(line); }
void Logging::reopen() { impl_->reopen(); }
bool Logging::flush() { return impl_->flush(); }
bool Logging::has(Logger logger) const noexcept { return impl_->has(logger); }

std::vector<Logging::View> Logging::outputs() const {
    std::vector<View> views;
    for (const Logger logger :
         {Logger::Default, Logger::Console, Logger::ConsoleFile, Logger::Syslog}) {
        if (!has(logger)) continue;
        views.push_back({logger, impl_->levels().output(logger), impl_->file_of(logger)});
    }
    return views;
}

void Logging::set_level(Logger logger, Level level) {
    if (has(logger)) impl_->new_levels().set(logger, level);
}
void Logging::set_floor(Level level) { impl_->new_levels().set_floor(level); }
void Logging::set_module_level(Module module, std::optional<Level> level) {
    impl_->new_levels().set(module, level);
}
std::optional<Level> Logging::module_level(Module module) const {
    return impl_->levels().module(module);
}
std::vector<Logging::Lost> Logging::lost() const { return impl_->lost(); }

}  // namespace vmq::logging
