// vmq-admin: has the running broker do what an operator asks for.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <span>

#include "admin/commands/table.h"
#include "vernemq/configuration.h"
#include "vernemq/control.h"
#include "vmq-admin/command_line.h"
#include "vmq-admin/remote.h"

namespace vmq::admin_tool {
namespace {

int print(const admin::commands::Printed& printed) {
    std::fwrite(printed.out.data(), 1, printed.out.size(), stdout);
    std::fflush(stdout);
    fmt::print(stderr, "{}", printed.err);
    return printed.status;
}

int run(const CommandLine& line) {
    const bool terminal = ::isatty(STDOUT_FILENO) != 0;
    if (const auto printed = admin::commands::execute_without_node(line.words, terminal)) {
        return print(*printed);
    }
    const auto file = launcher::choose_config_file(line.config_file);
    launcher::ControlClient client(file);
    if (!client.connected() && client.problem() == launcher::ControlClient::Problem::NotAllowed) {
        fmt::print("You need to be root or use sudo to run this command\n");
        return 1;
    }
    int status = -1;
    if (client.connected()) {
        client.wait_as_long_as_it_takes();
        status = run_remotely(client.descriptor(), line.words, terminal, stdout, stderr);
    }
    if (status >= 0) return status;
    std::fflush(stdout);
    fmt::print(stderr, "Node '{}' not responding to pings.\n", launcher::node_name(file));
    return 1;
}

}  // namespace
}  // namespace vmq::admin_tool

int main(int argc, char** argv) {
    const auto line = vmq::admin_tool::parse_command_line(
        std::span<const char* const>(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)));
    if (!line) {
        fmt::print(stderr, "vmq-admin: {}\n", line.error().detail);
        return 1;
    }
    return vmq::admin_tool::run(line.value());
}
