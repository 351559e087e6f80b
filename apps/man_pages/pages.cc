#include "man_pages/pages.h"

#include "admin/commands/table.h"
#include "config/listener_options.h"
#include "config/reference.h"
#include "config/setting_table.h"
#include "config/value.h"
#include "man_pages/roff.h"
#include "vernemq/usage.h"
#include "vmq-passwd/command_line.h"

namespace vmq::man_pages {
namespace {

namespace commands = admin::commands;

constexpr std::string_view kDate = VMQ_RELEASE_DATE;

Roff vernemq() {
    Roff page("vernemq", 8, "run and control an MQTT broker", kDate, launcher::version());
    // The first line repeats the name.
    const std::string_view help = launcher::help();
    add_help(page, help.substr(help.find("\n\n") + 2));
    page.see_also("vmq-admin(1), vmq-passwd(1), vernemq.conf(5), systemctl(1), mosquitto_pub(1)");
    return page;
}

std::string in_brackets(std::string_view name) { return "<" + std::string(name) + ">"; }

std::string synopsis(const commands::Command& command) {
    std::string text = "vmq-admin " + std::string(command.words);
    for (const auto& argument : command.arguments) {
        const std::string each = std::string(argument.name) + "=" + in_brackets(argument.value);
        text += argument.required ? " " + each : " [" + each + "]";
    }
    if (command.operands == commands::Operands::Keys) text += " <key> ...";
    if (command.operands == commands::Operands::Assignments) text += " <key>=<value> ...";
    if (!command.flags.empty()) text += " [options]";
    return text;
}

std::string name_of(const commands::Flag& flag) {
    std::string name;
    if (flag.letter != 0) name += std::string("-") + flag.letter + ", ";
    name += "--" + std::string(flag.name);
    if (flag.takes == commands::Takes::Value) name += "=" + in_brackets(flag.value);
    if (flag.takes == commands::Takes::Optional) name += "[=" + in_brackets(flag.value) + "]";
    return name;
}

void add(Roff& page, const commands::Command& command) {
    page.subheading(synopsis(command)).paragraph(command.summary);
    if (!command.help.empty()) page.paragraph(command.help);
    for (const auto& argument : command.arguments) {
        page.entry(std::string(argument.name) + "=" + in_brackets(argument.value), argument.help);
    }
    for (const auto& flag : command.flags) page.entry(name_of(flag), flag.help);
}

Roff vmq_admin() {
    Roff page("vmq-admin", 1, "show and change the running MQTT broker of this machine", kDate,
              launcher::version());
    page.heading("SYNOPSIS")
        .paragraph("vmq-admin WORDS [KEY=VALUE ...] [--FLAG[=VALUE] ...] [--config FILE]");
    page.heading("DESCRIPTION")
        .paragraph(
            "Asks the broker that vernemq(8) has started with the same configuration file, over "
            "a socket that only its user and root may use. Arguments and flags stand in any "
            "order. --help after any words explains what can follow.");
    page.heading("OPTIONS")
        .entry("--config FILE",
               "The configuration file of the broker; /etc/vernemq/vernemq.conf without it, else "
               "etc/vernemq.conf below the current folder.")
        .entry("--format=human|json|csv", "How to print the answer, for every command.")
        .entry("-h, --help", "Explains the words before it.");
    page.heading("COMMANDS");
    for (const auto& command : commands::command_table().commands()) add(page, command);
    page.heading("EXIT STATUS")
        .entry("0",
               "Done. Also if a request could not be met and the answer says so, as VerneMQ does.")
        .entry("1",
               "Unknown words, flags or keys, values of the wrong type, a broker that is down or "
               "not yours, or a failure while doing it.");
    page.see_also("vernemq(8), vmq-passwd(1), vernemq.conf(5)");
    return page;
}

Roff vmq_passwd() {
    Roff page("vmq-passwd", 1, "manage the users of an MQTT broker", kDate, launcher::version());
    const std::string_view usage = passwd_tool::usage();
    const auto end = usage.find("\n\n");
    // "Usage: " as wide as the lines below it are indented.
    std::string calls = "       " + std::string(usage.substr(7, end - 7));
    page.heading("SYNOPSIS").example(calls);
    page.heading("DESCRIPTION");
    add_help(page, usage.substr(end + 2));
    page.see_also("vernemq(8), vernemq.conf(5)");
    return page;
}

std::string shown_default(const config::Setting& setting) {
    if (!setting.fallback) return "Not set by default.";
    if (setting.fallback->empty()) return "Empty by default.";
    return "Default: " + std::string(*setting.fallback) + ".";
}

void add(Roff& page, const config::Setting& setting) {
    const std::string facts = config::facts(setting);
    page.entry(setting.key, std::string(setting.doc) + " " + facts + (facts.empty() ? "" : " ") +
                                shown_default(setting));
}

void add_listeners(Roff& page) {
    page.subheading("Listeners")
        .paragraph(
            "listener.PROTOCOL.NAME = ADDRESS:PORT makes a listener; PROTOCOL is tcp, ssl, ws, "
            "wss, http, https, vmq or vmqs, and local:PATH:0 stands for a Unix socket. An option "
            "may stand for all listeners (listener.OPTION), for those of a protocol "
            "(listener.PROTOCOL.OPTION) or for one of them (listener.PROTOCOL.NAME.OPTION); the "
            "nearest counts.");
    for (const config::ListenerOption& option : config::listener_options()) {
        std::string kinds;
        for (const config::ListenerKind kind : config::kListenerKinds) {
            if (option.has(kind)) {
                kinds += (kinds.empty() ? "" : ", ") + std::string(config::word_of(kind));
            }
        }
        config::Setting setting = option.setting;
        if (setting.status != config::Status::NoMeaning) {
            setting.status =
                option.built != 0 ? config::Status::Built : config::Status::NotBuiltYet;
        }
        const std::string facts = config::facts(setting);
        page.entry(setting.key, std::string(setting.doc) + " " + facts +
                                    (facts.empty() ? "" : " ") + shown_default(setting) + " For " +
                                    kinds + ".");
    }
}

Roff vernemq_conf() {
    Roff page("vernemq.conf", 5, "configuration of the MQTT broker vernemq", kDate,
              launcher::version());
    page.heading("SYNOPSIS").paragraph("/etc/vernemq/vernemq.conf");
    page.heading("DESCRIPTION")
        .paragraph(
            "Read once at start, and again at SIGHUP. All errors are shown at once, with file, "
            "line and column; with one of them the broker does not start. A file made for VerneMQ "
            "2.2 works. vernemq chkconfig checks it, vernemq config effective shows what is in "
            "force, vernemq config default prints a file with every setting.");
    page.heading("FORMAT")
        .example(
            "# a comment\n"
            "allow_anonymous = off\n"
            "graphite_prefix = 'with # and blanks '\n"
            "log.console.file = $(setup.log_dir)/console.log\n"
            "distributed_cookie = $(<cookie.txt)\n"
            "nodename = VerneMQ@$(POD_IP)\n"
            "include conf.d/*.conf\n")
        .paragraph(
            "One setting per line; of several with the same key the last one counts, those of "
            "included files among them. A # begins a comment even within a value, unless that is "
            "in quotes. $(NAME) stands for another setting, else for an environment variable, "
            "$(<FILE) for the content of a file beside this one. An empty value is written as two "
            "quotes.")
        .entry("flag", "on or off and nothing else.")
        .entry("size", "A number of bytes, also with KB, MB or GB (of 1024).")
        .entry("long duration",
               "A number with s, h, d, w, m or y; m is 28 days, not a minute, and y is 336 days.")
        .entry("list", "3,4,5 or [3,4,5].");
    page.heading("SETTINGS");
    for (const config::Section& section : config::sections()) {
        page.subheading(section.title);
        if (!section.doc.empty()) page.paragraph(section.doc);
        for (const config::Setting* setting : section.settings) add(page, *setting);
        if (section.title == "Node") add_listeners(page);
    }
    page.subheading("Of older versions").paragraph("Accepted without effect:");
    std::string obsolete;
    for (const config::Setting& setting : config::SettingTable::instance().rows()) {
        if (setting.status != config::Status::Obsolete) continue;
        if (!obsolete.empty()) obsolete += ", ";
        obsolete += setting.key;
    }
    page.paragraph(obsolete + ".");
    page.see_also("vernemq(8), vmq-admin(1), vmq-passwd(1)");
    return page;
}

}  // namespace

std::vector<Page> pages() {
    return {{"vernemq.8", vernemq().text()},
            {"vmq-admin.1", vmq_admin().text()},
            {"vmq-passwd.1", vmq_passwd().text()},
            {"vernemq.conf.5", vernemq_conf().text()}};
}

}  // namespace vmq::man_pages
