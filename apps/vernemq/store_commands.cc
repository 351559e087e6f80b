#include "vernemq/store_commands.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "base/log.h"
#include "store/engine.h"
#include "vernemq/configuration.h"
#include "vernemq/control.h"
#include "vernemq/usage.h"

namespace vmq::launcher {
namespace {

namespace fs = std::filesystem;

int failed(std::string_view what) {
    fmt::print(stderr, "error: {}\n", what);
    return 1;
}

/// The store that the configuration names, which no broker may have open.
std::unique_ptr<store::Engine> open_store(const std::string& directory) {
    std::error_code ignored;
    if (!fs::exists(directory, ignored)) {
        (void)failed(fmt::format("there is no message store in {}", directory));
        return nullptr;
    }
    log::set_level(log::Level::Error);
    store::EngineOptions options;
    options.directory = directory;
    auto engine = store::Engine::open(options);
    if (!engine) {
        (void)failed(engine.error().detail);
        return nullptr;
    }
    for (const std::string& notice : engine.value()->notices()) {
        fmt::print(stderr, "warning: {}\n", notice);
    }
    return std::move(engine).value();
}

int check(const std::string& directory) {
    const auto engine = open_store(directory);
    if (!engine) return 1;
    const bool terminal = ::isatty(STDERR_FILENO) != 0;
    const auto report = engine->check([terminal](std::uint64_t records) {
        if (terminal) fmt::print(stderr, "\r{} records read", records);
    });
    if (terminal) fmt::print(stderr, "\n");
    if (!report) return failed(report.error().detail);
    for (const std::string& problem : report.value().problems) fmt::print("{}\n", problem);
    const bool good = report.value().good();
    fmt::print("{}: {} records, {}\n", directory, report.value().records,
               good ? "all good"
                    : fmt::format("{} problems; what can be read is served all the same",
                                  report.value().problems.size()));
    return good ? 0 : 1;
}

int stats(const std::string& directory, bool json) {
    const auto engine = open_store(directory);
    if (!engine) return 1;
    const store::EngineStats all = engine->stats();
    const std::pair<const char*, std::uint64_t> rows[] = {
        {"sessions", all.sessions},
        {"subscriptions", all.subscriptions},
        {"queued_messages", all.queued_messages},
        {"shared_messages", all.shared_messages},
        {"retained_messages", all.retained_messages},
        {"bytes_on_disk", all.bytes_on_disk},
        {"format_version", all.format_version},
        {"boots", all.boots},
    };
    std::string text;
    for (const auto& [name, value] : rows) {
        if (json) {
            text += fmt::format("{}\"{}\":{}", text.empty() ? "" : ",", name, value);
        } else {
            text += fmt::format("{:<18} {}\n", name, value);
        }
    }
    fmt::print("{}", json ? "{" + text + "}\n" : text);
    return 0;
}

int usage_error(const CommandLine& line, std::string_view expected) {
    fmt::print(stderr, "vernemq {}: expected {}\n{}", line.word, expected, short_usage());
    return 1;
}

/// Copies into a folder beside the target first, so that a copy that breaks off is never taken for
/// a store.
std::error_code copy_whole(const fs::path& from, const fs::path& to) {
    std::error_code error;
    const fs::path unfinished = to.string() + ".unfinished";
    fs::remove_all(unfinished, error);
    fs::create_directories(unfinished, error);
    if (!error) fs::copy(from, unfinished, fs::copy_options::recursive, error);
    if (!error) fs::permissions(unfinished, fs::perms::owner_all, error);
    if (!error) fs::rename(unfinished, to, error);
    return error;
}

}  // namespace

int store_command(const CommandLine& line) {
    const bool known = line.arguments.size() == 1 &&
                       (line.arguments[0] == "check" || line.arguments[0] == "stats");
    if (!known) return usage_error(line, "`store check` or `store stats`");
    const auto config = load_config(choose_config_file(line.config_file));
    if (!config) return 1;
    const std::string& directory = config->node().store_dir;
    return line.arguments[0] == "check" ? check(directory) : stats(directory, line.json);
}

int backup(const CommandLine& line) {
    if (line.arguments.size() != 1) return usage_error(line, "one folder, which is made");
    const auto file = choose_config_file(line.config_file);
    std::error_code error;
    const fs::path target = fs::absolute(line.arguments[0], error).lexically_normal();
    if (fs::exists(target, error)) {
        return failed(
            fmt::format("{} is there already; name a folder that can be made", target.string()));
    }
    ControlClient client(file);
    if (client.connected()) {
        client.wait_as_long_as_it_takes();
        const auto answer = client.ask("backup " + target.string());
        if (answer != "ok") {
            return failed(answer.value_or("the broker did not answer; see its log"));
        }
    } else {
        const auto config = load_config(file);
        if (!config) return 1;
        const auto engine = open_store(config->node().store_dir);
        if (!engine) return 1;
        if (const auto copied = engine->checkpoint(target.string()); !copied) {
            return failed(copied.error().detail);
        }
    }
    fmt::print("ok\n");
    return 0;
}

int restore(const CommandLine& line) {
    if (line.arguments.size() != 1) return usage_error(line, "the folder of a backup");
    const auto file = choose_config_file(line.config_file);
    const auto config = load_config(file);
    if (!config) return 1;
    if (ControlClient(file).connected()) {
        return failed("the broker is running; stop it first: vernemq stop");
    }
    const fs::path source = line.arguments[0];
    const fs::path target = config->node().store_dir;
    std::error_code error;
    if (!fs::exists(source / "CURRENT", error)) {
        return failed(fmt::format("{} is no backup of a message store", source.string()));
    }
    if (fs::exists(target, error) && !fs::is_empty(target, error)) {
        return failed(
            fmt::format("there is a message store in {0}; move it away first, for example: "
                        "mv {0} {0}.old",
                        target.string()));
    }
    fs::remove(target, error);
    if (const auto problem = copy_whole(source, target); problem) {
        return failed(fmt::format("cannot copy {} to {}: {}", source.string(), target.string(),
                                  problem.message()));
    }
    fmt::print("ok\n");
    return 0;
}

}  // namespace vmq::launcher
