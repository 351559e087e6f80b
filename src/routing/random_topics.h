// For tests: random topic names and filters from so few words that they meet.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace vmq::routing {

/// `pick(bound)` answers a number in [0, bound); it may draw from a generator or from fuzz input.
template <typename Pick>
[[nodiscard]] std::string random_topic(Pick&& pick) {
    static constexpr std::array<std::string_view, 8> kWords{"a",  "b",  "",  "a!",
                                                            "$a", "ab", "b", "a"};
    std::string topic(kWords[pick(8)]);
    for (std::uint32_t more = pick(4); more > 0; --more) {
        topic += '/';
        topic += kWords[pick(8)];
    }
    return topic.empty() ? "/" : topic;
}

/// Valid, not shared.
template <typename Pick>
[[nodiscard]] std::string random_filter(Pick&& pick) {
    std::string topic = random_topic(pick);
    std::string filter;
    std::size_t begin = 0;
    for (;;) {
        const std::size_t slash = topic.find('/', begin);
        const std::uint32_t kind = pick(8);
        if (kind == 7) return filter + "#";
        filter += kind >= 5 ? "+" : topic.substr(begin, slash - begin);
        if (slash == std::string::npos) return filter.empty() ? "/" : filter;
        filter += '/';
        begin = slash + 1;
    }
}

}  // namespace vmq::routing
