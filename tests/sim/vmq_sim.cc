// The simulation as a program: many seeds, or one of them again.
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "base/log.h"
#include "sim/narrator.h"
#include "sim/simulation.h"

namespace {

constexpr std::string_view kUsage =
    "usage: vmq_sim [--seeds=N] [--first=N] [--seed=N] [--seconds=N] [--keep-going] [--verbose] "
    "[--log] [--strict] [--step=N]\n";

struct Wanted {
    std::uint64_t first = 1;
    std::uint64_t count = 200;
    std::uint64_t step = 1;     // from one seed to the next; 8: the same weather
    std::uint64_t seconds = 0;  // 0: no limit
    bool keep_going = false;
    bool verbose = false;
    bool log = false;
    bool strict = false;  // what is known to be weak counts, too
};

bool read(std::string_view word, std::string_view name, std::uint64_t& number) {
    if (!word.starts_with(name)) return false;
    number = std::strtoull(std::string(word.substr(name.size())).c_str(), nullptr, 10);
    return true;
}

bool read(int argc, char** argv, Wanted& wanted) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        std::uint64_t only = 0;
        if (word == "--keep-going") {
            wanted.keep_going = true;
        } else if (word == "--strict") {
            wanted.strict = true;
        } else if (word == "--log") {
            wanted.log = true;
        } else if (word == "--verbose") {
            wanted.verbose = true;
        } else if (read(word, "--seed=", only)) {
            wanted.first = only;
            wanted.count = 1;
        } else if (!read(word, "--seeds=", wanted.count) && !read(word, "--first=", wanted.first) &&
                   !read(word, "--step=", wanted.step) &&
                   !read(word, "--seconds=", wanted.seconds)) {
            return false;
        }
    }
    return true;
}

/// True: all was as it should be.
bool run(std::uint64_t seed, const Wanted& wanted, const char* program, std::uint64_t& weak) {
    vmq::sim::Outcome outcome = vmq::sim::Simulation(seed).run();
    if (wanted.verbose || wanted.count == 1) {
        fmt::print(
            "seed {}: hash {:016x}, {}; {} messages, {} deliveries, {} promised, connected "
            "after {} ms, {} s simulated\n",
            seed, outcome.hash, outcome.plan, outcome.messages, outcome.deliveries,
            outcome.promises, outcome.slowest_connect.count(), outcome.simulated.count() / 1000);
    }
    if (!outcome.known.empty()) ++weak;
    for (const std::string& each : outcome.known) {
        if (wanted.strict) {
            outcome.failures.push_back("known: " + each);
        } else if (wanted.verbose || wanted.count == 1) {
            fmt::print("  known: {}\n", each);
        }
    }
    if (outcome.failures.empty()) return true;
    fmt::print("seed {} fails ({}):\n", seed, outcome.plan);
    for (const std::string& failure : outcome.failures) fmt::print("  {}\n", failure);
    fmt::print("again with: {} --seed={}{}\n", program, seed, wanted.strict ? " --strict" : "");
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    Wanted wanted;
    if (!read(argc, argv, wanted)) {
        fmt::print(stderr, "{}", kUsage);
        return 2;
    }
    vmq::sim::Narrator narrator;
    vmq::log::set_output(&narrator);
    vmq::log::set_level(wanted.log ? vmq::log::Level::Info : vmq::log::Level::Off);
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t done = 0;
    std::uint64_t failed = 0;
    std::uint64_t weak = 0;
    for (; done < wanted.count; ++done) {
        if (!run(wanted.first + done * wanted.step, wanted, argv[0], weak)) {
            ++failed;
            if (!wanted.keep_going) {
                ++done;
                break;
            }
        }
        const auto took = std::chrono::steady_clock::now() - begin;
        if (wanted.seconds > 0 && took > std::chrono::seconds(wanted.seconds)) break;
        std::fflush(stdout);
    }
    fmt::print("{} seeds from {}, {} failed; {} with what is known to be weak\n", done,
               wanted.first, failed, weak);
    vmq::log::set_output(nullptr);
    return failed == 0 ? 0 : 1;
}
