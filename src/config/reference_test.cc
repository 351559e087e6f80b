#include "config/reference.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "config/config.h"
#include "config/listener_options.h"
#include "config/setting_table.h"

namespace vmq::config {
namespace {

/// `text` without line breaks and comment marks, so that wrapped sentences can be found.
std::string unwrapped(std::string_view text) {
    std::string result;
    std::size_t start = 0;
    while (start < text.size()) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        auto line = text.substr(start, end - start);
        if (line.starts_with("## ")) line.remove_prefix(3);
        result += std::string(line) + " ";
        start = end + 1;
    }
    return result;
}

LoadResult load(const std::string& text) {
    MemoryFiles files;
    files.files["vernemq.conf"] = text;
    return Config::load(files, "vernemq.conf");
}

std::map<std::string, std::string> values_of(const Config& config) {
    std::map<std::string, std::string> values;
    for (const auto& setting : config.effective()) values[setting.key] = setting.value;
    return values;
}

TEST(Reference, EverySettingStandsInOneSection) {
    std::set<const Setting*> seen;
    for (const Section& section : sections()) {
        for (const Setting* setting : section.settings) {
            EXPECT_TRUE(seen.insert(setting).second) << setting->key;
        }
    }
    for (const Setting& setting : SettingTable::instance().rows()) {
        const bool elsewhere = is_listener_setting(setting) || setting.status == Status::Obsolete;
        EXPECT_NE(seen.contains(&setting), elsewhere) << setting.key;
        EXPECT_FALSE(setting.doc.empty()) << setting.key;
    }
}

TEST(DefaultFile, LoadsWithoutAComplaint) {
    const LoadResult loaded = load(default_file());
    for (const auto& error : loaded.errors) ADD_FAILURE() << to_string(error);
    for (const auto& warning : loaded.warnings) ADD_FAILURE() << to_string(warning);
}

TEST(DefaultFile, MeansWhatAnEmptyFileMeansButForTheChangesItNames) {
    std::string changes;
    for (const Change& change : default_file_changes()) {
        changes += std::string(change.key) + " = " + std::string(change.value) + "\n";
    }
    const LoadResult loaded = load(default_file());
    const LoadResult wanted = load(changes);
    const LoadResult empty = load("");
    ASSERT_TRUE(loaded.config && wanted.config && empty.config);
    EXPECT_EQ(values_of(*loaded.config), values_of(*wanted.config));
    for (const Change& change : default_file_changes()) {
        EXPECT_NE(values_of(*empty.config)[std::string(change.key)], change.value) << change.key;
    }
}

TEST(DefaultFile, EverySettingThatMeansSomethingIsThereWithItsDoc) {
    const std::string file = default_file();
    const std::string text = unwrapped(file);
    for (const Setting& setting : SettingTable::instance().rows()) {
        if (setting.status == Status::NoMeaning || setting.status == Status::Obsolete) continue;
        if (is_listener_address(setting)) continue;
        EXPECT_NE(text.find(setting.doc), std::string::npos) << setting.key;
        if (is_pattern(setting) || is_listener_setting(setting)) continue;
        EXPECT_NE(file.find("\n" + std::string(setting.key) + " = ") == std::string::npos,
                  file.find("\n# " + std::string(setting.key) + " = ") == std::string::npos)
            << setting.key << " stands there once, set or as a comment";
    }
    for (const ListenerOption& option : listener_options()) {
        const bool there = text.find(option.setting.doc) != std::string::npos;
        EXPECT_TRUE(there || option.setting.status == Status::NoMeaning) << option.setting.key;
    }
}

TEST(DefaultFile, CommentsThatShowDefaultsAreSettings) {
    std::string file = default_file();
    for (std::size_t at = 0; (at = file.find("\n# ", at)) != std::string::npos;) {
        const std::size_t end = file.find('\n', at + 1);
        const std::string line = file.substr(at + 3, end - at - 3);
        const LoadResult loaded = load(line);
        EXPECT_TRUE(loaded.config || line.ends_with("VALUE")) << line;
        at = end;
    }
}

TEST(DefaultFile, LinesFitATerminal) {
    const std::string file = default_file();
    for (std::size_t start = 0; start < file.size();) {
        const std::size_t end = file.find('\n', start);
        if (file.compare(start, 2, "##") == 0) {
            EXPECT_LE(end - start, 98U) << file.substr(start, end - start);
        }
        start = end + 1;
    }
}

}  // namespace
}  // namespace vmq::config
