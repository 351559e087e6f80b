// Every script of this folder as a test, once with one shard and once with two.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "base/log.h"
#include "conformance/player.h"
#include "conformance/simulated_rig.h"

namespace vmq::conformance {
namespace {

std::string_view version_name(Version version) {
    return version == Version::V31 ? "v31" : version == Version::V311 ? "v311" : "v5";
}

std::optional<Failure> play_simulated(const Case& played, Version version, std::uint32_t shards) {
    auto rig = SimulatedRig::make(shards, played);
    if (!rig) return Failure{played.line, rig.error().detail};
    return Player(*rig.value(), version).play(played);
}

class ScriptTest : public testing::Test {
public:
    ScriptTest(std::filesystem::path path, std::uint32_t shards)
        : path_(std::move(path)), shards_(shards) {}

    void TestBody() override {
        const auto script = parse_script(path_);
        ASSERT_TRUE(script) << script.error().detail;
        for (const Version version : script.value().versions) {
            for (const Case& each : script.value().cases) play(script.value(), each, version);
        }
    }

private:
    void play(const Script& script, const Case& played, Version version) const {
        const auto failure = play_simulated(played, version, shards_);
        const std::string where =
            "case \"" + played.name + "\" (" + std::string(version_name(version)) + ")";
        if (played.known_gap.empty()) {
            if (!failure) return;
            ADD_FAILURE_AT(script.path.c_str(), failure->line) << where << "\n  " << failure->what;
        } else if (failure) {
            std::cout << "known gap: " << where << ": " << played.known_gap << "\n";
        } else {
            ADD_FAILURE_AT(script.path.c_str(), played.line)
                << where << " passes: its known-gap line can go";
        }
    }

    std::filesystem::path path_;
    std::uint32_t shards_;
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
        for (const std::uint32_t shards : {1U, 2U}) {
            testing::RegisterTest(shards == 1 ? "OneShard" : "TwoShards", name.c_str(), nullptr,
                                  nullptr, __FILE__, __LINE__, [path, shards]() -> ScriptTest* {
                                      return new ScriptTest(path, shards);
                                  });
        }
    }
    return true;
}

const bool kRegistered = register_scripts();

}  // namespace
}  // namespace vmq::conformance
