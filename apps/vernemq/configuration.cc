#include "vernemq/configuration.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

namespace vmq::launcher {
namespace {

constexpr const char* kDefaultFiles[] = {"/etc/vernemq/vernemq.conf", "etc/vernemq.conf"};

}  // namespace

std::optional<std::string> choose_config_file(const std::optional<std::string>& named) {
    if (named) return named;
    for (const char* file : kDefaultFiles) {
        if (::access(file, F_OK) == 0) return file;
    }
    return std::nullopt;
}

std::string node_name(const std::optional<std::string>& file) {
    config::DiskFiles files;
    if (file) {
        if (const auto loaded = config::Config::load(files, *file); loaded.config) {
            return loaded.config->node().nodename;
        }
    }
    return config::NodeSettings{}.nodename;
}

std::shared_ptr<const config::Config> load_config(const std::optional<std::string>& file) {
    if (!file) return config::Config::without_file();
    config::DiskFiles files;
    const config::LoadResult loaded = config::Config::load(files, *file);
    for (const auto& warning : loaded.warnings) {
        fmt::print(stderr, "warning: {}\n", config::to_string(warning));
    }
    for (const auto& error : loaded.errors) {
        fmt::print(stderr, "error: {}\n", config::to_string(error));
    }
    return loaded.config;
}

}  // namespace vmq::launcher
