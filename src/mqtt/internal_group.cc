#include "mqtt/internal_group.h"

#include <fmt/format.h>

#include <iterator>

#include "mqtt/topic_size.h"

namespace vmq::mqtt {
namespace {

constexpr char kMark = '\xFF';

}  // namespace

std::string group_of_sessions(std::string_view client_id) {
    std::string group{kMark};
    for (const char each : client_id) {
        if (each == '/' || each == '+' || each == '#' || each == '%') {
            fmt::format_to(std::back_inserter(group), "%{:02X}", static_cast<unsigned char>(each));
        } else {
            group += each;
        }
    }
    return group;
}

bool is_internal_group(std::string_view group) noexcept { return group.starts_with(kMark); }

bool is_valid_filter_of_nodes(std::string_view filter) noexcept {
    const auto shared = parse_shared_filter(filter);
    if (!shared || !is_internal_group(shared->group)) return is_valid_topic_filter(filter);
    return is_short_enough(*shared) && !parse_shared_filter(shared->filter) &&
           is_valid_topic_filter(shared->filter);
}

bool is_short_enough(const SharedFilter& filter) noexcept {
    constexpr std::string_view kAround = "$share//";
    return kAround.size() + filter.group.size() + filter.filter.size() <= kMaxTopicSize;
}

std::string_view as_subscribed(std::string_view filter) noexcept {
    const auto shared = parse_shared_filter(filter);
    return shared && is_internal_group(shared->group) ? shared->filter : filter;
}

}  // namespace vmq::mqtt
