// vernemq: the broker and its launcher.
#include <fmt/core.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <span>

#include "doctor/doctor.h"
#include "vernemq/command_line.h"
#include "vernemq/config_commands.h"
#include "vernemq/node_commands.h"
#include "vernemq/run.h"
#include "vernemq/store_commands.h"
#include "vernemq/usage.h"

namespace vmq::launcher {
namespace {

int print(std::string_view text) {
    fmt::print("{}", text);
    return 0;
}

bool takes_arguments(Command command) {
    switch (command) {
        case Command::Config:
        case Command::Store:
        case Command::Backup:
        case Command::Restore:
        case Command::OfErlangOnly:
        case Command::Unknown:
            return true;
        default:
            return false;
    }
}

int run_command(const CommandLine& line) {
    if (line.help) return print(help());
    if (!takes_arguments(line.command) && !line.arguments.empty()) {
        fmt::print(stderr, "vernemq {}: unexpected argument {}\n{}", line.word, line.arguments[0],
                   short_usage());
        return 1;
    }
    switch (line.command) {
        case Command::None: {
            // A container that names no command wants the broker.
            const bool container = ::getpid() == 1 && ::isatty(STDIN_FILENO) == 0;
            return container ? console(line) : print(short_usage());
        }
        case Command::Unknown:
            return print(short_usage());
        case Command::Console:
            return console(line);
        case Command::Start:
            return start(line);
        case Command::Stop:
            return stop(line);
        case Command::Restart:
            return restart(line);
        case Command::Ping:
            return ping(line);
        case Command::Chkconfig:
            return chkconfig(line);
        case Command::Config:
            return config_command(line);
        case Command::Version:
            return print(fmt::format("{}\n", version()));
        case Command::Getpid:
            return getpid(line);
        case Command::Store:
            return store_command(line);
        case Command::Backup:
            return backup(line);
        case Command::Restore:
            return restore(line);
        case Command::Doctor: {
            doctor::Options options{line.config_file, line.json, line.strict};
            if (line.days) options.days = *line.days;
            return doctor::run(options);
        }
        case Command::Help:
            return print(help());
        case Command::OfErlangOnly:
            fmt::print(stderr, "{}\n", why_not(line.word));
            return 1;
    }
    return 1;
}

}  // namespace

}  // namespace vmq::launcher

int main(int argc, char** argv) {
    const auto line = vmq::launcher::parse_command_line(
        std::span<const char* const>(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)));
    if (!line) {
        fmt::print(stderr, "vernemq: {}\n{}", line.error().detail, vmq::launcher::short_usage());
        return 1;
    }
    return vmq::launcher::run_command(line.value());
}
