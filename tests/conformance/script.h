// A conformance script as parsed: cases, what they configure, and their steps.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "conformance/wire.h"
#include "conformance/words.h"

namespace vmq::conformance {

/// `set KEY = VALUE`, or `listener NAME KEY = VALUE`: keys and values as in vernemq.conf.
struct Setting {
    std::string listener;  // empty: not of one listener
    std::string key;
    std::string value;
};

/// `hook NAME k=v... -> ok|error|continue k=v...`: what a plugin answers to calls that match.
struct HookRule {
    std::string hook;
    std::vector<Word> match;
    std::string outcome;
    std::vector<Word> changes;
};

struct Step {
    int line = 0;
    std::string text;
    std::vector<Word> words;
};

struct Case {
    std::string name;
    int line = 0;
    std::string known_gap;       // why it is expected to fail, empty: it is not
    std::string simulated_only;  // why it cannot run against a process, empty: it can
    std::vector<Setting> settings;
    std::vector<HookRule> hooks;
    std::vector<Step> steps;
};

struct Script {
    std::filesystem::path path;
    std::string name;               // "v5_connect" of v5/connect.mqtt
    std::vector<Version> versions;  // each case is played once per version
    std::vector<Case> cases;
};

/// Errors name the line.
[[nodiscard]] Result<Script> parse_script(const std::filesystem::path& path);

}  // namespace vmq::conformance
