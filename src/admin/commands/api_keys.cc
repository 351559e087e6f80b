#include "admin/commands/api_keys.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace vmq::admin::commands {
namespace {

/// In the order of ApiScope.
constexpr std::array<std::string_view, 6> kNames{"status", "mgmt", "metrics",
                                                 "health", "api2", "httppub"};

}  // namespace

std::string_view name_of(ApiScope scope) noexcept {
    return kNames[static_cast<std::size_t>(scope)];
}

std::optional<ApiScope> scope_of(std::string_view name) noexcept {
    const auto* found = std::ranges::find(kNames, name);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<ApiScope>(found - kNames.begin());
}

}  // namespace vmq::admin::commands
