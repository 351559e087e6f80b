#include "vernemq/process_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace vmq::launcher {
namespace {

using log::Level;
using logging::Logger;

constexpr mode_t kFileMode = 0640;
constexpr const char* kLocalSyslog = "/dev/log";

Level level_of(config::LogFloor floor) {
    switch (floor) {
        case config::LogFloor::All:
        case config::LogFloor::Debug:
            return Level::Debug;
        case config::LogFloor::Info:
            return Level::Info;
        case config::LogFloor::Warning:
            return Level::Warning;
        case config::LogFloor::Error:
            return Level::Error;
    }
    return Level::Debug;
}

logging::Format format_of(config::LogFormat format) {
    return format == config::LogFormat::Json ? logging::Format::Json : logging::Format::Text;
}

logging::SyslogTarget syslog_target(const config::LogSettings& settings) {
    using Protocol = logging::SyslogTarget::Protocol;
    logging::SyslogTarget target;
    // Counting is RFC 5425's for TLS and usual for RFC 5424; the old form is ended by line ends.
    target.counted = settings.syslog_format == config::SyslogForm::Rfc5424;
    if (settings.syslog_remote_host.empty()) {
        struct stat status{};
        const bool local = ::stat(kLocalSyslog, &status) == 0;
        target.protocol = local ? Protocol::Local : Protocol::Udp;
        target.host = local ? kLocalSyslog : "127.0.0.1";
        return target;
    }
    target.host = settings.syslog_remote_host;
    target.port = settings.syslog_remote_port;
    target.cafile = settings.syslog_remote_cafile;
    switch (settings.syslog_remote_protocol) {
        case config::SyslogProtocol::Udp:
            target.protocol = Protocol::Udp;
            break;
        case config::SyslogProtocol::Tcp:
            target.protocol = Protocol::Tcp;
            break;
        case config::SyslogProtocol::Tls:
            target.protocol = Protocol::Tls;
            break;
    }
    return target;
}

logging::SyslogIdentity syslog_identity(const config::LogSettings& settings,
                                        const std::string& nodename) {
    logging::SyslogIdentity identity;
    identity.format = settings.syslog_format == config::SyslogForm::Rfc5424
                          ? logging::SyslogFormat::Rfc5424
                          : logging::SyslogFormat::Rfc3164;
    identity.facility =
        logging::syslog_facility(settings.syslog_facility).value_or(identity.facility);
    const auto sign = nodename.find('@');
    identity.app_name =
        settings.syslog_app_name.empty() ? nodename.substr(0, sign) : settings.syslog_app_name;
    if (sign != std::string::npos) identity.host = nodename.substr(sign + 1);
    identity.process = ::getpid();
    return identity;
}

logging::Settings outputs_of(const config::LogSettings& settings, const std::string& nodename,
                             bool background) {
    using To = config::LogDestination;
    logging::Settings outputs;
    outputs.text = settings.log_template == config::LogTemplate::Simple
                       ? logging::Template::Simple
                       : logging::Template::Extended;
    outputs.floor = level_of(settings.log_level);
    outputs.console_level = outputs.console_file_level = settings.console_level;
    const bool on = settings.console != To::Off;
    if (on && !background && settings.console != To::File) {
        outputs.console = format_of(settings.console_console_format);
    }
    if (on && (background || settings.console != To::Console)) {
        outputs.console_file = logging::FileOutput{
            {settings.console_file, settings.console_rotation_size, settings.console_rotation_keep,
             settings.console_rotation_compress},
            format_of(settings.console_file_format)};
    }
    if (settings.error) {
        outputs.errors =
            logging::FileOutput{{settings.error_file, settings.error_rotation_size,
                                 settings.error_rotation_keep, settings.error_rotation_compress},
                                format_of(settings.error_file_format)};
    }
    if (settings.syslog) {
        outputs.syslog =
            logging::Settings::Syslog{syslog_target(settings), syslog_identity(settings, nodename)};
        outputs.syslog->identity.local =
            outputs.syslog->target.protocol == logging::SyslogTarget::Protocol::Local;
        outputs.syslog_level = level_of(settings.syslog_level);
    }
    return outputs;
}

std::optional<Logger> logger_named(std::string_view name) {
    for (std::size_t i = 0; i < logging::kLoggers; ++i) {
        if (logging::name_of(static_cast<Logger>(i)) == name) return static_cast<Logger>(i);
    }
    return std::nullopt;
}

std::string_view type_of(Logger logger) {
    switch (logger) {
        case Logger::Console:
            return "console";
        case Logger::ConsoleFile:
        case Logger::Default:
            return "file";
        case Logger::Syslog:
            return "syslog";
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<ProcessLog>> ProcessLog::start(const config::LogSettings& settings,
                                                      const std::string& nodename, bool background,
                                                      std::vector<std::string>& warnings) {
    logging::Settings outputs = outputs_of(settings, nodename, background);
    if (outputs.errors && !settings.error_is_set) {
        // Nobody has asked for this file by name.
        auto opened = logging::LogFile::open(outputs.errors->file);
        if (!opened) {
            warnings.push_back(opened.error().detail +
                               "; errors have no file of their own (log.error = off says so)");
            outputs.errors.reset();
        }
    }
    auto logging = logging::Logging::start(outputs);
    if (!logging) return logging.error();
    return std::unique_ptr<ProcessLog>(new ProcessLog(std::move(logging).value(), settings));
}

void ProcessLog::apply(const config::LogSettings& settings) {
    if (settings.console_level != settings_.console_level) {
        logging_->set_level(Logger::Console, settings.console_level);
        logging_->set_level(Logger::ConsoleFile, settings.console_level);
    }
    if (settings.syslog_level != settings_.syslog_level) {
        logging_->set_level(Logger::Syslog, level_of(settings.syslog_level));
    }
    if (settings.log_level != settings_.log_level)
        logging_->set_floor(level_of(settings.log_level));
    settings_ = settings;
}

std::vector<admin::commands::LogOutput> ProcessLog::outputs() const {
    std::vector<admin::commands::LogOutput> outputs;
    for (const auto& view : logging_->outputs()) {
        outputs.push_back({std::string(logging::name_of(view.logger)),
                           std::string(log::name_of(view.level)), std::string(type_of(view.logger)),
                           view.file});
    }
    return outputs;
}

void ProcessLog::set_level(const std::string& logger, log::Level level) {
    const auto which = logger_named(logger);
    if (!which) return;
    logging_->set_level(*which, level);
    log::notice("Changed log level for Logger {} to {}", logger, log::name_of(level));
}

std::vector<admin::commands::LogModule> ProcessLog::modules() const {
    std::vector<admin::commands::LogModule> modules;
    for (std::size_t i = 0; i < log::kModules; ++i) {
        const auto module = static_cast<log::Module>(i);
        const auto level = logging_->module_level(module);
        modules.push_back({std::string(log::name_of(module)),
                           std::string(level ? log::name_of(*level) : "default")});
    }
    return modules;
}

void ProcessLog::set_module_level(const std::string& module, std::optional<log::Level> level) {
    const auto which = log::module_named(module);
    if (!which) return;
    logging_->set_module_level(*which, level);
    log::notice("Changed log level for module {} to {}", module,
                level ? log::name_of(*level) : std::string_view("default"));
}

void ProcessLog::add_metrics(metrics::Snapshot& snapshot) const {
    for (const auto& lost : logging_->lost()) {
        metrics::Sample sample;
        sample.name = "log_lines_dropped";
        sample.labels = {{"output", std::string(lost.where)}};
        sample.description =
            "The number of log lines given up: more than could be written, or not "
            "taken by an output.";
        sample.value = lost.lines;
        snapshot.push_back(std::move(sample));
    }
}

std::string ProcessLog::file() const {
    for (const auto& view : logging_->outputs()) {
        if (view.logger == Logger::ConsoleFile) return view.file;
    }
    return {};
}

int open_crash_file(const config::LogSettings& settings) {
    if (!settings.crash) return -1;
    const std::string& path = settings.crash_file;
    std::error_code ignored;
    const auto folder = std::filesystem::path(path).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, ignored);
    if (settings.crash_rotation_size) {
        logging::rotate_if_large(path, *settings.crash_rotation_size, settings.crash_rotation_keep);
    }
    const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kFileMode);
    if (fd < 0) {
        log::warning("cannot open {}: {}; what a crash has to say is lost (log.crash)", path,
                     std::generic_category().message(errno));
    }
    return fd;
}

}  // namespace vmq::launcher
