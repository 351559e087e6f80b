// The setting table as people read it: sections, and the configuration file that packages install.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/setting.h"

namespace vmq::config {

/// Settings that belong together, in the order of the table. Text is static.
struct Section {
    std::string_view title;
    std::string_view doc;  // may be empty
    std::vector<const Setting*> settings;
};

/// Every setting of the table but those of listeners, which listener_options() lists, and those of
/// older versions. Empty sections are left out.
[[nodiscard]] std::vector<Section> sections();

/// Rows that stand for an option of listeners, or for the address of one, at any level.
[[nodiscard]] bool is_listener_setting(const Setting& setting) noexcept;

/// What to say of a setting besides its doc, as sentences: values, unit, whether it can be changed
/// at run time, whether this version makes use of it.
[[nodiscard]] std::string facts(const Setting& setting);

/// /etc/vernemq/vernemq.conf as packages install it: every setting that has a meaning here, with
/// its doc. Those that VerneMQ's own file sets, and paths, are set; the others are comments that
/// show their defaults. It means what an empty file means, but for default_file_changes().
[[nodiscard]] std::string default_file();

/// A setting that default_file() gives another value than an empty file does.
struct Change {
    std::string_view key;
    std::string_view value;
    std::string_view why;
};
[[nodiscard]] std::span<const Change> default_file_changes() noexcept;

}  // namespace vmq::config
