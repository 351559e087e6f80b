// Rows of the setting table: logging.
#include "config/setting_rows.h"

namespace vmq::config::rows {
namespace {

constexpr std::string_view kLevels = "debug|info|notice|warning|error|critical|alert|emergency";
constexpr std::string_view kFacilities =
    "kern|kernel|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|ntp|logaudit|"
    "logalert|"
    "clock|local0|local1|local2|local3|local4|local5|local6|local7";

constexpr Row size_or_infinity(std::string_view key) {
    return Row(key, ValueType::ByteSizeOrInfinity, "infinity",
               "Size at which a new log file is begun.");
}

void add_console(std::vector<Setting>& table) {
    const Setting rows[] = {
        word("log.console", "off|file|console|both", "file",
             "Where the log goes: nowhere, to a file, to standard output, or to both.")
            .built(),
        word("log.console.level", kLevels, "info", "Least important level that is logged.").built(),
        text("log.console.file", "$(setup.log_dir)/console.log", "The log file.").built(),
        word("log.console.console.format", "text|json", "text",
             "Form of log lines on standard output."),
        word("log.console.file.format", "text|json", "text", "Form of log lines in the file."),
        size_or_infinity("log.console.rotation.size"),
        integer("log.console.rotation.keep", "5",
                "Older log files kept; 0 keeps only the current one."),
        flag("log.console.rotation.compress_on_rotate", "off", "Compresses older log files."),
        flag("log.error", "on", "Writes errors to a file of their own as well."),
        text("log.error.file", "$(setup.log_dir)/error.log", "The file of errors."),
        word("log.error.file.format", "text|json", "text", "Form of lines in the file of errors."),
        size_or_infinity("log.error.rotation.size"),
        integer("log.error.rotation.keep", "5",
                "Older files of errors kept; 0 keeps only the current one."),
        flag("log.error.rotation.compress_on_rotate", "off", "Compresses older files of errors."),
        word("log.template", "simple|extended", "extended", "What a text line holds.").hidden(),
        word("log.level", "all|debug|info|warning|error", "all",
             "Level below which nothing is logged anywhere.")
            .hidden(),
        flag("logging.keepalive_as_warning", "on",
             "Logs an expired keep alive as a warning rather than as debug information."),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

void add_syslog(std::vector<Setting>& table) {
    const Setting rows[] = {
        flag("log.syslog", "off", "Also logs to syslog."),
        word("log.syslog.level", "all|debug|info|warning|error", "all",
             "Least important level sent to syslog.")
            .hidden(),
        word("log.syslog.format", "rfc3164|rfc5424", "rfc3164", "Form of syslog messages."),
        word("log.syslog.facility", kFacilities, "daemon", "Syslog facility."),
        text("log.syslog.app_name", kUnset, "Application name in syslog messages."),
        text("log.syslog.remote.host", kUnset, "Syslog server; the local one if not set."),
        integer("log.syslog.remote.port", "514", "Port of the syslog server.").range(1, kUint16Max),
        word("log.syslog.remote.protocol", "udp|tcp|tls", "udp",
             "How the syslog server is reached."),
        text("log.syslog.remote.tls.cafile", kUnset,
             "Certificates that vouch for the syslog server; needed with tls."),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

}  // namespace

void add_log_settings(std::vector<Setting>& table) {
    add_console(table);
    add_syslog(table);
}

}  // namespace vmq::config::rows
