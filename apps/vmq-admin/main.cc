// vmq-admin: has the running broker do what an operator asks for.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "admin/commands/table.h"
#include "vernemq/configuration.h"
#include "vernemq/control.h"
#include "vmq-admin/command_line.h"
#include "vmq-admin/interruption.h"
#include "vmq-admin/remote.h"
#include "vmq-admin/top.h"

namespace vmq::admin_tool {
namespace {

int print(const admin::commands::Printed& printed) {
    std::fwrite(printed.out.data(), 1, printed.out.size(), stdout);
    std::fflush(stdout);
    fmt::print(stderr, "{}", printed.err);
    return printed.status;
}

/// A new file that only its owner can read: what clients send is nobody else's. Null: said why.
std::FILE* new_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) return ::fdopen(fd, "w");
    fmt::print(stderr, "cannot make {}: {}{}\n", path, std::generic_category().message(errno),
               errno == EEXIST ? "; choose another name" : "");
    return nullptr;
}

int run_to_its_end(int socket, const CommandLine& line, bool terminal,
                   const admin::commands::Invocation& invocation) {
    std::FILE* out = stdout;
    const auto path = invocation.value("output");
    if (path) out = new_file(*path);
    if (out == nullptr) return 1;
    Interruption interruption;
    const int status =
        run_remotely(socket, line.words, terminal && !path, out, stderr, &interruption);
    if (!path) return status;
    if (std::fclose(out) == 0) return status;
    fmt::print(stderr, "cannot write {}: {}\n", *path, std::generic_category().message(errno));
    return 1;
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
        const auto asked = admin::commands::asked_by(line.words);
        const int socket = client.descriptor();
        if (asked && asked->invocation.command().words == "top") {
            status = run_top(socket, line.words, asked->invocation, asked->format);
        } else if (asked && asked->invocation.command().streams) {
            status = run_to_its_end(socket, line, terminal, asked->invocation);
        } else {
            status = run_remotely(socket, line.words, terminal, stdout, stderr);
        }
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
