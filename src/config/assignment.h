// A setting with its value and where the value came from; what the parts of the loader hand on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "config/diagnostic.h"
#include "config/setting.h"
#include "config/value.h"

namespace vmq::config {

enum class Origin : std::uint8_t {
    Default,
    File,
    Environment,  // a line of a file that refers to an environment variable
    Runtime,
    Cluster,  // set for all nodes while they run
};

struct Assignment {
    const Setting* setting = nullptr;  // never null; the table outlives everything
    std::string text;                  // after substitution
    Value value;
    Origin origin = Origin::Default;
    Location at;            // without a line for defaults and for what was set at run time
    std::size_t order = 0;  // place among the lines of all files
};

/// By key: every setting that is set, and every one that has a default.
using Assignments = std::map<std::string, Assignment, std::less<>>;

/// The value of a setting whose type the table guarantees.
template <typename T>
[[nodiscard]] const T& get(const Assignment& assignment) {
    const T* value = std::get_if<T>(&assignment.value);
    VMQ_ASSERT(value != nullptr);
    return *value;
}

/// A number whose range the table guarantees.
template <typename T>
[[nodiscard]] T number(const Assignment& assignment) {
    const std::int64_t value = get<std::int64_t>(assignment);
    VMQ_ASSERT(std::in_range<T>(value));
    return static_cast<T>(value);
}

/// A word as the enumerator at the same place; enum classes list the words in the table's order.
template <typename Enum>
[[nodiscard]] Enum choice(const Assignment& assignment) {
    const auto words = split(assignment.setting->words, '|');
    std::uint8_t place = 0;
    while (place < words.size() && words[place] != get<std::string>(assignment)) ++place;
    VMQ_ASSERT(place < words.size());
    return static_cast<Enum>(place);
}

}  // namespace vmq::config
