// Topic names and filters: validity, levels, shared subscriptions, matching [v5 4.7].
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace vmq::mqtt {

/// Well-formed UTF-8 without U+0000 and without surrogates [v5 MQTT-1.5.4-1, -2].
[[nodiscard]] bool is_valid_utf8(std::string_view text) noexcept;

/// A name to publish to: not empty, valid UTF-8, no wildcard, at most 65,535 bytes.
[[nodiscard]] bool is_valid_topic_name(std::string_view topic) noexcept;

/// A filter to subscribe to: not empty, valid UTF-8, wildcards only as whole levels, '#' last.
/// A filter beginning with "$share/" must have a group name without wildcards and a filter.
[[nodiscard]] bool is_valid_topic_filter(std::string_view filter) noexcept;

/// Number of levels; "a//b" has three.
[[nodiscard]] std::size_t level_count(std::string_view topic) noexcept;

struct SharedFilter {
    std::string_view group;
    std::string_view filter;
};
/// Splits "$share/GROUP/FILTER"; nothing if `filter` is not of that form.
[[nodiscard]] std::optional<SharedFilter> parse_shared_filter(std::string_view filter) noexcept;

/// Whether a valid filter (not a shared one) matches a valid name. Wildcards at the first level do
/// not match names that begin with '$' [v5 MQTT-4.7.2-1]. The naive reference for the indexes.
[[nodiscard]] bool filter_matches(std::string_view filter, std::string_view topic) noexcept;

/// Walks the levels of a topic from left to right without allocating.
class LevelCursor final {
public:
    explicit LevelCursor(std::string_view topic) noexcept : rest_(topic) {}

    [[nodiscard]] bool done() const noexcept { return done_; }
    /// Requires !done().
    std::string_view next() noexcept {
        const std::size_t slash = rest_.find('/');
        if (slash == std::string_view::npos) {
            done_ = true;
            return rest_;
        }
        const std::string_view level = rest_.substr(0, slash);
        rest_.remove_prefix(slash + 1);
        return level;
    }

private:
    std::string_view rest_;
    bool done_ = false;
};

}  // namespace vmq::mqtt
