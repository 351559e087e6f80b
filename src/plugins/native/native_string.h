// Texts of vmq_plugin.h from and to views.
#pragma once

#include <string_view>

#include "plugins/native/vmq_plugin.h"

namespace vmq::plugins::native {

/// "None" and empty are the same here; where that matters ask for `data`.
[[nodiscard]] inline std::string_view view(const vmq_string& string) noexcept {
    return string.data == nullptr ? std::string_view() : std::string_view(string.data, string.size);
}

/// Never "none". Valid as long as the text.
[[nodiscard]] inline vmq_string native_string(std::string_view text) noexcept {
    return vmq_string_of(text.data(), text.size());
}

inline constexpr vmq_string kNoString{nullptr, 0};

}  // namespace vmq::plugins::native
