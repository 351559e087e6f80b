// vmq-passwd: makes and changes the file of the plugin vmq_passwd.
#include <fmt/core.h>

#include <cstddef>
#include <cstdio>
#include <span>

#include "vmq-passwd/command_line.h"
#include "vmq-passwd/commands.h"

int main(int argc, char** argv) {
    const auto line = vmq::passwd_tool::parse_command_line(
        std::span<const char* const>(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)));
    if (line) return vmq::passwd_tool::run_command(line.value());
    fmt::print(stderr, "vmq-passwd: {}\n", line.error().detail);
    fmt::print("{}", vmq::passwd_tool::usage());
    return 1;
}
