// Rows of the setting table: logging.
#include "config/setting_rows.h"

namespace vmq::config::rows {
namespace {

constexpr std::string_view kLevels = "debug|info|notice|warning|error|critical|alert|emergency";
constexpr std::string_view kFacilities =
    "kern|kernel|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|ntp|logaudit|"
    "logalert|"
    "clock|local0|local1|local2|local3|local4|local5|local6|local7";

/// A file that is begun anew when it is that large.
void add_rotation(std::vector<Setting>& table, std::string_view size, std::string_view keep,
                  std::string_view compress, std::string_view default_size) {
    table.push_back(Row(size, ValueType::ByteSizeOrInfinity, default_size,
                        "Size at which a new log file is begun; infinity: never.")
                        .at_least(1024)
                        .built());
    table.push_back(
        integer(keep, "5", "Older log files kept, FILE.0 and so on; 0 keeps only the current one.")
            .range(0, 1000)
            .built());
    if (compress.empty()) return;
    table.push_back(flag(compress, "off", "Compresses older log files to FILE.0.gz.").built());
}

void add_console(std::vector<Setting>& table) {
    const Setting rows[] = {
        word("log.console", "off|file|console|both", "file",
             "Where the log goes: nowhere, to a file, to standard output, or to both.")
            .built(),
        word("log.console.level", kLevels, "info", "Least important level that is logged.")
            .live()
            .built(),
        text("log.console.file", "$(setup.log_dir)/console.log", "The log file.").built(),
        word("log.console.console.format", "text|json", "text",
             "Form of log lines on standard output.")
            .built(),
        word("log.console.file.format", "text|json", "text", "Form of log lines in the file.")
            .built(),
        flag("log.connections", "on",
             "Logs who connects and who disconnects, and why, at info. Refused logins and "
             "connections that the broker ends are logged in any case.")
            .live()
            .built(),
        word("log.template", "simple|extended", "extended",
             "What a text line holds: extended adds the thread and the place in the source.")
            .hidden()
            .built(),
        word("log.level", "all|debug|info|warning|error", "all",
             "Level below which nothing is logged anywhere.")
            .hidden()
            .live()
            .built(),
        flag("logging.keepalive_as_warning", "on",
             "Logs an expired keep alive as a warning rather than at info.")
            .live()
            .built(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
    add_rotation(table, "log.console.rotation.size", "log.console.rotation.keep",
                 "log.console.rotation.compress_on_rotate", "100MB");
}

void add_errors(std::vector<Setting>& table) {
    const Setting rows[] = {
        flag("log.error", "on", "Writes errors to a file of their own as well.").built(),
        text("log.error.file", "$(setup.log_dir)/error.log", "The file of errors.").built(),
        word("log.error.file.format", "text|json", "text", "Form of lines in the file of errors.")
            .built(),
        flag("log.crash", "on",
             "In the background, writes to a file what a broken broker has to say: failed "
             "assertions and what else goes to standard error.")
            .built(),
        text("log.crash.file", "$(setup.log_dir)/crash.log", "The file of crashes.").built(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
    add_rotation(table, "log.error.rotation.size", "log.error.rotation.keep",
                 "log.error.rotation.compress_on_rotate", "10MB");
    add_rotation(table, "log.crash.rotation.size", "log.crash.rotation.keep", "", "10MB");
}

void add_syslog(std::vector<Setting>& table) {
    const Setting rows[] = {
        flag("log.syslog", "off", "Also logs to syslog.").built(),
        word("log.syslog.level", "all|debug|info|warning|error", "all",
             "Least important level sent to syslog; all: debug.")
            .hidden()
            .live()
            .built(),
        word("log.syslog.format", "rfc3164|rfc5424", "rfc3164", "Form of syslog messages.").built(),
        word("log.syslog.facility", kFacilities, "daemon", "Syslog facility.").built(),
        text("log.syslog.app_name", kUnset,
             "Application name in syslog messages; if not set, the node name up to the @.")
            .built(),
        text("log.syslog.remote.host", kUnset,
             "Syslog server; if not set, the one of this machine: /dev/log, or 127.0.0.1 by UDP if "
             "there is none.")
            .built(),
        integer("log.syslog.remote.port", "514", "Port of the syslog server.")
            .range(1, kUint16Max)
            .built(),
        word("log.syslog.remote.protocol", "udp|tcp|tls", "udp",
             "How the syslog server is reached.")
            .built(),
        text("log.syslog.remote.tls.cafile", kUnset,
             "Certificates that vouch for the syslog server; needed with tls.")
            .built(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

}  // namespace

void add_log_settings(std::vector<Setting>& table) {
    add_console(table);
    add_errors(table);
    add_syslog(table);
}

}  // namespace vmq::config::rows
