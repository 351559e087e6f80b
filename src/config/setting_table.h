// The table of every setting there is, and the search in it.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/setting.h"

namespace vmq::config {

/// Every setting of VerneMQ and of this broker. One per process, made at first use, never changed,
/// so any thread may read it.
class SettingTable final {
public:
    [[nodiscard]] static const SettingTable& instance();

    SettingTable(const SettingTable&) = delete;
    SettingTable& operator=(const SettingTable&) = delete;

    /// The row for a key as it stands in a file. An exact row beats a pattern, a pattern a family.
    [[nodiscard]] const Setting* find(std::string_view key) const;

    [[nodiscard]] std::span<const Setting> rows() const noexcept { return rows_; }

    /// The `count` known keys most like `key`, nearest first; free words of patterns are filled in
    /// from `key`.
    [[nodiscard]] std::vector<std::string> nearest(std::string_view key, std::size_t count) const;

private:
    struct Pattern {
        const Setting* setting;
        std::vector<std::string_view> words;
    };

    SettingTable();
    void add_listener_settings();

    std::vector<Setting> rows_;
    std::deque<std::string> generated_keys_;  // what the keys of listener rows point to
    std::unordered_map<std::string_view, const Setting*> exact_;
    std::vector<Pattern> patterns_;
    std::vector<const Setting*> families_;
};

/// Whether the row stands for keys it does not name: `plugins.$N`, `erlang.*`.
[[nodiscard]] bool is_pattern(const Setting& setting) noexcept;
/// What stands for every setting of a plugin that only that plugin knows; not in the table.
[[nodiscard]] const Setting& foreign_plugin_setting() noexcept;
[[nodiscard]] bool is_family(const Setting& setting) noexcept;

/// Whether the row is the address of a listener.
[[nodiscard]] bool is_listener_address(const Setting& setting) noexcept;

/// Whether the value of `key`, described by `setting`, must not be shown.
[[nodiscard]] bool is_secret(const Setting& setting, std::string_view key);

/// The key meant by one that documentation of VerneMQ misspells, empty if it is none of those.
[[nodiscard]] std::string meant_by(std::string_view key);

/// The words of a key as they are written: `\.` stays what it is.
[[nodiscard]] std::vector<std::string_view> raw_words(std::string_view key);

/// Insertions, deletions and replacements that turn one text into the other; any number above
/// `limit` if they are more than that.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b,
                                        std::size_t limit = static_cast<std::size_t>(-1));

}  // namespace vmq::config
