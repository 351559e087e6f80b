// Structures of vmq_plugin.h whose maker may have known fewer or more fields than this broker.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace vmq::plugins::native {

/// The fields that both sides know; the rest is zero.
template <typename T>
[[nodiscard]] T sized_copy(const T& given) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    T copy;
    std::memset(&copy, 0, sizeof(copy));
    std::memcpy(&copy, &given, std::min(given.size, sizeof(copy)));
    return copy;
}

}  // namespace vmq::plugins::native
