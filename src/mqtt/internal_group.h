// Shared groups that only nodes name: no client can subscribe to one.
#pragma once

#include <string>
#include <string_view>

#include "mqtt/topic.h"

namespace vmq::mqtt {

/// The group of one client id's sessions, which take turns (queue_deliver_mode = balance). It
/// begins with a byte that no UTF-8 string has [v5 MQTT-1.5.4-1], so that no client can join it by
/// its name, and has none of the characters that a group must not have [v5 MQTT-4.8.2-2].
[[nodiscard]] std::string group_of_sessions(std::string_view client_id);
[[nodiscard]] bool is_internal_group(std::string_view group) noexcept;

/// A topic filter as clients send it, or "$share/GROUP/FILTER" with an internal group.
[[nodiscard]] bool is_valid_filter_of_nodes(std::string_view filter) noexcept;

/// Whether "$share/GROUP/FILTER" is not longer than a filter may be.
[[nodiscard]] bool is_short_enough(const SharedFilter& filter) noexcept;

/// FILTER of "$share/GROUP/FILTER" if the group is internal, else all of `filter`.
[[nodiscard]] std::string_view as_subscribed(std::string_view filter) noexcept;

}  // namespace vmq::mqtt
