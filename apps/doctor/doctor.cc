#include "doctor/doctor.h"

#include <fmt/core.h>
#include <unistd.h>

#include <charconv>

#include "broker/options_from_config.h"
#include "config/config.h"
#include "doctor/checks.h"
#include "doctor/real_system.h"
#include "vernemq/configuration.h"
#include "vernemq/control.h"

namespace vmq::doctor {
namespace {

struct Broker {
    bool runs = false;
    std::optional<pid_t> pid;
};

/// The broker of `file`; whether it runs is a finding.
Broker broker_of(const std::optional<std::string>& file, Findings& findings) {
    const auto found = [&findings](Severity severity, std::string what, std::string why,
                                   std::string fix) {
        findings.push_back({severity, "broker", std::move(what), std::move(why), std::move(fix)});
    };
    launcher::ControlClient client(file);
    if (!client.connected()) {
        if (client.problem() != launcher::ControlClient::Problem::NotAllowed) {
            found(Severity::Note, "it does not run", "", "");
            return {};
        }
        found(Severity::Note, "it runs, but belongs to another user and was not looked at", "",
              "run it as root or as the broker's user");
        return {true, std::nullopt};
    }
    const auto answer = client.ask("getpid");
    pid_t pid = 0;
    if (!answer ||
        std::from_chars(answer->data(), answer->data() + answer->size(), pid).ec != std::errc()) {
        found(Severity::Problem, "it runs, but does not answer",
              "Something holds it up, or it hangs.", "vernemq restart");
        return {true, std::nullopt};
    }
    found(Severity::Ok, "it runs with pid " + std::to_string(pid), "", "");
    return {true, pid};
}

Findings look(const Options& options) {
    Findings findings;
    const auto file = launcher::choose_config_file(options.config_file);
    config::LoadResult loaded;
    if (file) {
        config::DiskFiles files;
        loaded = config::Config::load(files, *file);
    } else {
        loaded.config = config::Config::without_file();
    }
    add_diagnostics(loaded, findings);
    if (!loaded.config) return findings;  // without one there is nothing to compare with
    const Broker running = broker_of(file, findings);
    const RealSystem system;
    const auto configured = broker::options_from_config(*loaded.config);
    const Subject subject{system,       *loaded.config, configured,  file,
                          running.runs, running.pid,    options.days};
    for (Finding& each : check_all(subject)) findings.push_back(std::move(each));
    return findings;
}

}  // namespace

int run(const Options& options) {
    const Findings findings = look(options);
    fmt::print("{}", options.json ? json(findings) : human(findings, ::isatty(STDOUT_FILENO) != 0));
    return exit_status(findings, options.strict);
}

}  // namespace vmq::doctor
