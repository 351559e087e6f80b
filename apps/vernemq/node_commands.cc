#include "vernemq/node_commands.h"

#include <fmt/core.h>

#include <cstdio>
#include <string>

#include "vernemq/configuration.h"
#include "vernemq/control.h"

namespace vmq::launcher {
namespace {

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
    const auto file = choose_config_file(line.config_file);
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
    ControlClient client(choose_config_file(line.config_file));
    if (refused(client)) return 1;
    const auto answer = client.ask("getpid");
    fmt::print("{}\n", answer.value_or("Node is not running!"));
    return answer ? 0 : 1;
}

int stop(const CommandLine& line) {
    const auto file = choose_config_file(line.config_file);
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
