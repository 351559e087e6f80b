// The order of topics in the retained index: level by level, a topic right before its subtree.
#pragma once

#include <cstddef>
#include <string_view>

namespace vmq::routing {

/// A place among ordered topics: at `topic`, or behind it and everything below it.
struct TopicPlace {
    std::string_view topic;
    bool behind_subtree = false;
};

/// Below zero, zero or above zero as `a` comes before, at or after `b`. '/' sorts before every
/// other byte, so "a", "a/b", "a!" is in order and every subtree is one unbroken run.
[[nodiscard]] int compare_topics(std::string_view a, std::string_view b) noexcept;

/// Whether `topic` comes before `place`.
[[nodiscard]] bool comes_before(std::string_view topic, const TopicPlace& place) noexcept;

/// What a filter makes of one topic of the ordered set, and where the next candidate can be.
struct FilterStep {
    enum class Verdict : unsigned char { Matches, Seek, Finished };
    Verdict verdict;
    // For Seek: nothing between the topic and this place, which is behind the topic, can match.
    std::string_view prefix;  // of the topic
    std::string_view word;    // goes behind the prefix, after a '/' if `append`
    bool append = false;
    bool behind_subtree = false;
};

/// `filter` is valid and not shared. Wildcards at the first level pass over the topics that begin
/// with '$' [v5 MQTT-4.7.2-1].
[[nodiscard]] FilterStep step(std::string_view filter, std::string_view topic) noexcept;

/// The part of `filter` before its first wildcard, without the '/' at its end: the first topic that
/// can match is not before it.
[[nodiscard]] std::string_view literal_prefix(std::string_view filter) noexcept;

}  // namespace vmq::routing
