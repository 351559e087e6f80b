#include "vernemq/config_commands.h"

#include <fmt/core.h>

#include <cstdio>
#include <string>

#include "admin/http_config.h"
#include "broker/options_from_config.h"
#include "config/reference.h"
#include "vernemq/configuration.h"
#include "vernemq/usage.h"

namespace vmq::launcher {
namespace {

int effective(const CommandLine& line) {
    const auto config = load_config(choose_config_file(line.config_file));
    if (!config) return 1;
    for (const auto& setting : config->effective()) {
        fmt::print("{} = {}  # {}\n", setting.key, config::quoted(setting.value), setting.origin);
    }
    return 0;
}

int describe(const CommandLine& line, const std::string& key) {
    const auto config = load_config(choose_config_file(line.config_file));
    if (!config) return 1;
    const auto page = config->describe(key);
    // As in VerneMQ not a failure: the answer is that there is none.
    fmt::print("{}{}", page ? page.value() : page.error().detail, page ? "" : "\n");
    return 0;
}

}  // namespace

int chkconfig(const CommandLine& line) {
    const auto file = choose_config_file(line.config_file);
    const auto config = load_config(file);
    if (!config) {
        fmt::print(stderr,
                   "The configuration is not valid and the broker would not start with it; "
                   "`vernemq config describe KEY` tells what a setting accepts.\n");
        return 1;
    }
    for (const auto& warnings : {broker::options_from_config(*config).warnings,
                                 admin::http_from_config(*config).warnings}) {
        for (const auto& warning : warnings) fmt::print(stderr, "warning: {}\n", warning);
    }
    fmt::print("config is OK\n");
    return 0;
}

int config_command(const CommandLine& line) {
    const auto& words = line.arguments;
    if (words.size() == 1 && words[0] == "effective") return effective(line);
    if (words.size() == 2 && words[0] == "describe") return describe(line, words[1]);
    if (words.size() == 1 && words[0] == "default") {
        fmt::print("{}", config::default_file());
        return 0;
    }
    if (!words.empty() && words[0] == "generate") {
        fmt::print(stderr,
                   "vernemq config generate does not apply: the broker reads vernemq.conf itself. "
                   "`vernemq chkconfig` checks it, `vernemq config effective` shows the result.\n");
        return 1;
    }
    fmt::print("{}", config_usage());
    return 1;
}

}  // namespace vmq::launcher
