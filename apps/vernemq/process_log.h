// The log of this program, as its configuration says.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/commands/node.h"
#include "base/result.h"
#include "config/settings.h"
#include "logging/logging.h"
#include "metrics/snapshot.h"

namespace vmq::launcher {

/// Owned by the main thread, made before other threads and destroyed after them; any thread but a
/// shard's.
class ProcessLog final {
public:
    /// `background`: there is no standard output. `warnings` is given what is not as it was asked
    /// for. An Error: a file that was asked for cannot be opened.
    [[nodiscard]] static Result<std::unique_ptr<ProcessLog>> start(
        const config::LogSettings& settings, const std::string& nodename, bool background,
        std::vector<std::string>& warnings);

    /// Levels that differ from what was configured before change at once.
    void apply(const config::LogSettings& settings);
    void reopen() { logging_->reopen(); }

    [[nodiscard]] std::vector<admin::commands::LogOutput> outputs() const;
    /// `logger` is one of outputs().
    void set_level(const std::string& logger, log::Level level);
    [[nodiscard]] std::vector<admin::commands::LogModule> modules() const;
    /// `module` is one of modules(); nothing: as the outputs have it.
    void set_module_level(const std::string& module, std::optional<log::Level> level);
    void add_metrics(metrics::Snapshot& snapshot) const;

    /// Of standard output and the log file; empty: there is no such file.
    [[nodiscard]] std::string file() const;

private:
    ProcessLog(std::unique_ptr<logging::Logging> logging, config::LogSettings settings)
        : logging_(std::move(logging)), settings_(std::move(settings)) {}

    const std::unique_ptr<logging::Logging> logging_;
    config::LogSettings settings_;  // changed by apply(), of which there is one at a time
};

/// A descriptor for what a broker in the background writes to standard error, or -1.
[[nodiscard]] int open_crash_file(const config::LogSettings& settings);

}  // namespace vmq::launcher
