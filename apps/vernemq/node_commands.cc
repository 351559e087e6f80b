#include "vernemq/node_commands.h"

#include <fmt/core.h>

#include <cstdio>
#include <string>

#include "config/config.h"
#include "vernemq/configuration.h"
#include "vernemq/control.h"

namespace vmq::launcher {
namespace {

/// For messages only, so what is wrong with the configuration does not matter here.
std::string node_name(const std::optional<std::string>& file) {
    config::DiskFiles files;
    if (file) {
        if (const auto loaded = config::Config::load(files, *file); loaded.config) {
            return loaded.config->node().nodename;
        }
    }
    return config::NodeSettings{}.nodename;
}

bool refused(const ControlClient& client) {
    if (client.connected() || client.problem() != ControlClient::Problem::NotAllowed) return false;
    fmt::print("You need to be root or use sudo to run this command\n");
    return true;
}

void print_not_responding(const std::optional<std::string>& file) {
    fmt::print(stderr, "Node '{}' not responding to pings.\n", node_name(file));
}

}  // namespace

int ping(const CommandLine& line) {
    const auto file = choose_config_file(line);
    ControlClient client(file);
    if (refused(client)) return 1;
    const auto answer = client.ask("ping");
    if (!answer) {
        print_not_responding(file);
        return 1;
    }
    fmt::print("{}\n", *answer);
    return 0;
}

int getpid(const CommandLine& line) {
    ControlClient client(choose_config_file(line));
    if (refused(client)) return 1;
    const auto answer = client.ask("getpid");
    fmt::print("{}\n", answer.value_or("Node is not running!"));
    return answer ? 0 : 1;
}

int stop(const CommandLine& line) {
    const auto file = choose_config_file(line);
    ControlClient client(file);
    if (refused(client)) return 1;
    const auto answer = client.ask("stop");
    if (answer != "ok") {
        print_not_responding(file);
        fmt::print("Node is not running!\n");
        return 1;
    }
    client.wait_for_end();
    fmt::print("ok\n");
    return 0;
}

}  // namespace vmq::launcher
