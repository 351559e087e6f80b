// What the tests of this folder share: configurations given as text.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/setting_table.h"

namespace vmq::config {

inline LoadResult load_text(std::string text, std::map<std::string, std::string> variables = {}) {
    MemoryFiles files;
    files.files["vernemq.conf"] = std::move(text);
    files.variables = std::move(variables);
    return Config::load(files, "vernemq.conf");
}

inline std::vector<std::string> lines_of(const std::vector<Diagnostic>& diagnostics) {
    std::vector<std::string> lines;
    for (const Diagnostic& diagnostic : diagnostics) lines.push_back(to_string(diagnostic));
    return lines;
}

inline std::string all_of(const std::vector<Diagnostic>& diagnostics) {
    std::string text;
    for (const std::string& line : lines_of(diagnostics)) text += line + "\n";
    return text;
}

/// The names of `text`, one or more per line, that the table does not know.
inline std::vector<std::string> unknown_among(const std::string& text) {
    std::vector<std::string> unknown;
    std::string key;
    for (const char c : text + " ") {
        if (c != ' ' && c != '\n') {
            key += c;
        } else if (!key.empty()) {
            if (SettingTable::instance().find(key) == nullptr) unknown.push_back(key);
            key.clear();
        }
    }
    return unknown;
}

}  // namespace vmq::config
