#include "routing/topic_order.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "mqtt/topic.h"

namespace vmq::routing {
namespace {

int rank(char byte) noexcept { return byte == '/' ? -1 : static_cast<unsigned char>(byte); }

std::size_t common_prefix(std::string_view a, std::string_view b) noexcept {
    const std::size_t size = std::min(a.size(), b.size());
    std::size_t at = 0;
    for (; at + 8 <= size; at += 8) {
        std::uint64_t x = 0;
        std::uint64_t y = 0;
        std::memcpy(&x, a.data() + at, 8);
        std::memcpy(&y, b.data() + at, 8);
        if (x != y) break;
    }
    while (at < size && a[at] == b[at]) ++at;
    return at;
}

FilterStep matches() noexcept { return {FilterStep::Verdict::Matches, {}, {}}; }

FilterStep finished() noexcept { return {FilterStep::Verdict::Finished, {}, {}}; }

FilterStep skip_subtree(std::string_view prefix) noexcept {
    return {.verdict = FilterStep::Verdict::Seek,
            .prefix = prefix,
            .word = {},
            .append = false,
            .behind_subtree = true};
}

FilterStep seek_word(std::string_view prefix, std::string_view word, bool append) noexcept {
    return {.verdict = FilterStep::Verdict::Seek,
            .prefix = prefix,
            .word = word,
            .append = append,
            .behind_subtree = false};
}

}  // namespace

int compare_topics(std::string_view a, std::string_view b) noexcept {
    const std::size_t at = common_prefix(a, b);
    if (at == a.size() || at == b.size()) {
        return static_cast<int>(a.size() > at) - static_cast<int>(b.size() > at);
    }
    return rank(a[at]) - rank(b[at]);
}

bool comes_before(std::string_view topic, const TopicPlace& place) noexcept {
    if (place.behind_subtree && topic.starts_with(place.topic) &&
        (topic.size() == place.topic.size() || topic[place.topic.size()] == '/')) {
        return true;
    }
    return compare_topics(topic, place.topic) < 0;
}

FilterStep step(std::string_view filter, std::string_view topic) noexcept {
    if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) {
        return seek_word("", "%", false);  // '%' follows '$': the first name that does not begin so
    }
    mqtt::LevelCursor filter_levels(filter);
    mqtt::LevelCursor topic_levels(topic);
    std::size_t end = 0;  // of the topic's levels looked at so far
    bool first = true;
    bool passed_plus = false;
    std::string_view up_to_plus;  // the topic up to and with its level under the last '+'
    while (!filter_levels.done()) {
        const std::string_view wanted = filter_levels.next();
        if (wanted == "#") return matches();
        const std::string_view parent = topic.substr(0, end);
        if (topic_levels.done()) {
            // What could match is below this topic, where it can only begin with `wanted`.
            return seek_word(parent, wanted == "+" ? "" : wanted, true);
        }
        const std::string_view level = topic_levels.next();
        end = static_cast<std::size_t>(level.data() + level.size() - topic.data());
        const bool append = !std::exchange(first, false);
        if (wanted == "+") {
            passed_plus = true;
            up_to_plus = topic.substr(0, end);
            continue;
        }
        const int order = compare_topics(level, wanted);
        if (order < 0) return seek_word(parent, wanted, append);
        if (order > 0) return passed_plus ? skip_subtree(up_to_plus) : finished();
    }
    if (topic_levels.done()) return matches();
    return skip_subtree(topic.substr(0, end));
}

std::string_view literal_prefix(std::string_view filter) noexcept {
    std::size_t end = 0;
    for (mqtt::LevelCursor levels(filter); !levels.done();) {
        const std::string_view level = levels.next();
        if (level == "+" || level == "#") return filter.substr(0, end);
        end = static_cast<std::size_t>(level.data() + level.size() - filter.data());
    }
    return filter;
}

}  // namespace vmq::routing
