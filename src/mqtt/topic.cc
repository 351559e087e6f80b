#include "mqtt/topic.h"

#include <algorithm>
#include <cstdint>

#include "mqtt/byte_words.h"
#include "mqtt/topic_size.h"

namespace vmq::mqtt {
namespace {

constexpr std::string_view kSharePrefix = "$share/";

/// ASCII without wildcards and without U+0000: what nearly every topic name is.
bool is_plain_name(std::string_view topic) noexcept {
    if (topic.size() < sizeof(std::uint64_t)) {
        return std::all_of(topic.begin(), topic.end(),
                           [](char c) { return c > 0 && c != '+' && c != '#'; });
    }
    return detail::no_word(topic, [](std::uint64_t word) {
        return detail::beyond_ascii_or_zero(word) | detail::equals_byte(word, '+') |
               detail::equals_byte(word, '#');
    });
}

bool has_wildcard(std::string_view text) noexcept {
    return text.find_first_of("+#") != std::string_view::npos;
}

/// Wildcards stand alone in their level, '#' in the last one [v5 MQTT-4.7.1-1, -2]
/// [v3.1.1 MQTT-4.7.1-2, -3].
bool has_valid_levels(std::string_view filter) noexcept {
    LevelCursor levels(filter);
    while (!levels.done()) {
        const std::string_view level = levels.next();
        if (!has_wildcard(level)) continue;
        if (level.size() != 1) return false;
        if (level == "#" && !levels.done()) return false;
    }
    return true;
}

}  // namespace

bool is_valid_topic_name(std::string_view topic) noexcept {
    // [v5 MQTT-4.7.3-1, -2, -3] [v3.1.1 MQTT-4.7.3-1, -2, -3]
    if (topic.empty() || topic.size() > kMaxTopicSize) return false;
    if (is_plain_name(topic)) return true;
    // [v5 MQTT-3.3.2-2] [v3.1.1 MQTT-3.3.2-2]
    return !has_wildcard(topic) && is_valid_utf8(topic);
}

bool is_valid_topic_filter(std::string_view filter) noexcept {
    // [v5 MQTT-4.7.3-1, -2, -3] [v3.1.1 MQTT-4.7.3-1, -2, -3]
    if (filter.empty() || filter.size() > kMaxTopicSize || !is_valid_utf8(filter)) return false;
    if (!filter.starts_with(kSharePrefix)) return has_valid_levels(filter);
    const auto shared = parse_shared_filter(filter);
    return shared && has_valid_levels(shared->filter);
}

std::size_t level_count(std::string_view topic) noexcept {
    return static_cast<std::size_t>(std::count(topic.begin(), topic.end(), '/')) + 1;
}

std::optional<SharedFilter> parse_shared_filter(std::string_view filter) noexcept {
    if (!filter.starts_with(kSharePrefix)) return std::nullopt;
    filter.remove_prefix(kSharePrefix.size());
    const std::size_t slash = filter.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const SharedFilter shared{filter.substr(0, slash), filter.substr(slash + 1)};
    // [v5 MQTT-4.8.2-1, -2]
    if (shared.group.empty() || has_wildcard(shared.group) || shared.filter.empty()) {
        return std::nullopt;
    }
    return shared;
}

bool filter_matches(std::string_view filter, std::string_view topic) noexcept {
    // [v5 MQTT-4.7.2-1] [v3.1.1 MQTT-4.7.2-1]
    if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#')))
        return false;
    LevelCursor wanted(filter);
    LevelCursor levels(topic);
    while (!wanted.done()) {
        const std::string_view want = wanted.next();
        if (want == "#") return true;  // also the parent level itself [v5 4.7.1.2]
        if (levels.done()) return false;
        const std::string_view level = levels.next();
        if (want != "+" && want != level) return false;
    }
    return levels.done();
}

}  // namespace vmq::mqtt
