// Topic functions against their definitions, written here a second time and in another way.
#include "mqtt/topic.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"

namespace vmq::mqtt {
namespace {

/// The levels behind the first one; requires a '/'.
std::string_view behind_slash(std::string_view text) { return text.substr(text.find('/') + 1); }

bool has_more(std::string_view text) { return text.find('/') != std::string_view::npos; }

std::string_view head(std::string_view text) { return text.substr(0, text.find('/')); }

/// Matches level by level from the left, by recursion [v5 4.7.1].
bool matches_recursively(std::string_view filter, std::string_view topic) {
    if (filter == "#") return true;
    if (head(filter) != "+" && head(filter) != head(topic)) return false;
    if (!has_more(filter)) return !has_more(topic);
    if (!has_more(topic)) return behind_slash(filter) == "#";
    return matches_recursively(behind_slash(filter), behind_slash(topic));
}

bool matches(std::string_view filter, std::string_view topic) {
    const bool hidden = topic[0] == '$' && (filter[0] == '+' || filter[0] == '#');
    return !hidden && matches_recursively(filter, topic);
}

/// Character by character [v5 MQTT-4.7.1-1, -2].
bool has_legal_wildcards(std::string_view filter) {
    for (std::size_t at = 0; at < filter.size(); ++at) {
        if (filter[at] != '+' && filter[at] != '#') continue;
        const bool begins = at == 0 || filter[at - 1] == '/';
        const bool is_last = at + 1 == filter.size();
        const bool ends = is_last || (filter[at] == '+' && filter[at + 1] == '/');
        if (!begins || !ends) return false;
    }
    return true;
}

bool is_legal_name(std::string_view topic) {
    return !topic.empty() && topic.size() < 65'536 && is_valid_utf8(topic) &&
           topic.find('+') == std::string_view::npos && topic.find('#') == std::string_view::npos;
}

void check_filter(std::string_view filter) {
    const bool shared = filter.substr(0, 7) == "$share/";
    const auto parts = parse_shared_filter(filter);
    VMQ_ASSERT(shared || !parts);
    const bool legal = !filter.empty() && filter.size() < 65'536 && is_valid_utf8(filter);
    if (!shared) {
        VMQ_ASSERT(is_valid_topic_filter(filter) == (legal && has_legal_wildcards(filter)));
    } else if (!parts) {
        VMQ_ASSERT(!is_valid_topic_filter(filter));
    } else {
        VMQ_ASSERT("$share/" + std::string(parts->group) + "/" + std::string(parts->filter) ==
                   filter);
        VMQ_ASSERT(!parts->group.empty() &&
                   parts->group.find_first_of("/+#") == std::string_view::npos);
        VMQ_ASSERT(is_valid_topic_filter(filter) == (legal && has_legal_wildcards(parts->filter)));
    }
}

void check_levels(std::string_view topic) {
    std::string joined;
    std::size_t count = 0;
    for (LevelCursor cursor(topic); !cursor.done(); ++count) {
        if (count != 0) joined += '/';
        joined += cursor.next();
    }
    VMQ_ASSERT(joined == topic);
    VMQ_ASSERT(count == level_count(topic));
}

}  // namespace
}  // namespace vmq::mqtt

// Input := filter, 0x0A, topic.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::mqtt;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t end = input.find('\n');
    const std::string_view filter = input.substr(0, end);
    const std::string_view topic = end == std::string_view::npos ? "" : input.substr(end + 1);
    VMQ_ASSERT(is_valid_topic_name(topic) == is_legal_name(topic));
    check_filter(filter);
    check_levels(filter);
    check_levels(topic);
    if (filter.starts_with("$share/")) return 0;
    if (!is_valid_topic_filter(filter) || !is_valid_topic_name(topic)) return 0;
    VMQ_ASSERT(filter_matches(filter, topic) == matches(filter, topic));
    VMQ_ASSERT(filter_matches(topic, topic));  // a name is a filter without wildcards
    return 0;
}
