// Every script of this folder as a test: with one shard and with two, with queues in memory and in
// a store that keeps messages, and against the program that VMQ_BROKER names.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/log.h"
#include "conformance/player.h"
#include "conformance/process_rig.h"
#include "conformance/simulated_rig.h"

namespace vmq::conformance {
namespace {

constexpr const char* kProgram = "VMQ_BROKER";

std::string_view version_name(Version version) {
    return version == Version::V31 ? "v31" : version == Version::V311 ? "v311" : "v5";
}

enum class Mode { OneShard, TwoShards, OneShardKept, TwoShardsKept, Process };

std::optional<Failure> play_simulated(const Case& played, Version version, Mode mode) {
    const bool one = mode == Mode::OneShard || mode == Mode::OneShardKept;
    const bool kept = mode == Mode::OneShardKept || mode == Mode::TwoShardsKept;
    auto rig = SimulatedRig::make(one ? 1 : 2, played, kept);
    if (!rig) return Failure{played.line, rig.error().detail};
    return Player(*rig.value(), version).play(played);
}

std::optional<Failure> play_process(const Case& played, Version version, const char* program) {
    auto rig = ProcessRig::make(program, 2, played);
    if (!rig) return Failure{played.line, rig.error().detail};
    return Player(*rig.value(), version).play(played);
}

class ScriptTest : public ::testing::Test {
public:
    ScriptTest(std::filesystem::path path, Mode mode) : path_(std::move(path)), mode_(mode) {}

    void TestBody() override {
        const auto script = parse_script(path_);
        ASSERT_TRUE(script) << script.error().detail;
        for (const Version version : script.value().versions) {
            for (const Case& each : script.value().cases) {
                if (mode_ == Mode::Process) {
                    play_in_process(each, version);
                } else {
                    play(each, version);
                }
            }
        }
    }

private:
    static std::string name_of(const Case& played, Version version) {
        return "case \"" + played.name + "\" (" + std::string(version_name(version)) + ")";
    }

    void report(const Case& played, Version version, const Failure& failure) const {
        ADD_FAILURE_AT(path_.c_str(), failure.line)
            << name_of(played, version) << "\n  " << failure.what;
    }

    void play(const Case& played, Version version) const {
        const auto failure = play_simulated(played, version, mode_);
        if (played.known_gap.empty()) {
            if (failure) report(played, version, *failure);
        } else if (failure) {
            std::cout << "known gap: " << name_of(played, version) << ": " << played.known_gap
                      << "\n";
        } else {
            ADD_FAILURE_AT(path_.c_str(), played.line)
                << name_of(played, version) << " passes: its known-gap line can go";
        }
    }

    void play_in_process(const Case& played, Version version) const {
        const std::string why_not = ProcessRig::why_not(played);
        if (!why_not.empty()) {
            std::cout << "not played: " << name_of(played, version) << ": " << why_not << "\n";
            return;
        }
        const auto failure = play_process(played, version, std::getenv(kProgram));
        if (failure) report(played, version, *failure);
    }

    std::filesystem::path path_;
    Mode mode_;
};

bool register_scripts() {
    log::set_level(log::Level::Off);
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(VMQ_CONFORMANCE_DIR)) {
        if (entry.path().extension() == ".mqtt") paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
        const std::string name =
            path.parent_path().filename().string() + "_" + path.stem().string();
        for (const Mode mode : {Mode::OneShard, Mode::TwoShards, Mode::OneShardKept,
                                Mode::TwoShardsKept, Mode::Process}) {
            if (mode == Mode::Process && std::getenv(kProgram) == nullptr) continue;
            static constexpr const char* kSuites[] = {"OneShard", "TwoShards", "OneShardKept",
                                                      "TwoShardsKept", "Process"};
            const char* const suite = kSuites[static_cast<std::size_t>(mode)];
            ::testing::RegisterTest(
                suite, name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                [path, mode]() -> ScriptTest* { return new ScriptTest(path, mode); });
        }
    }
    return true;
}

const bool kRegistered = register_scripts();

}  // namespace
}  // namespace vmq::conformance
