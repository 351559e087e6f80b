// Calls into a plugin, which must not let exceptions out but may be wrong about it.
#pragma once

#include <exception>
#include <optional>
#include <string>

namespace vmq::plugins::native {

/// Calls `call`. What it threw, in words; nothing if it returned.
template <typename Call>
[[nodiscard]] std::optional<std::string> guarded(const Call& call) {
    try {
        call();
        return std::nullopt;
    } catch (const std::exception& exception) {
        return exception.what();
    } catch (...) {
        return "not a std::exception";
    }
}

}  // namespace vmq::plugins::native
