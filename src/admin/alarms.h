// What an operator should look at now.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/node_view.h"

namespace vmq::admin {

struct Alarm {
    enum class Severity : std::uint8_t { Danger, Warning };

    Severity severity = Severity::Warning;
    std::string_view kind;  // for programs: "listener_not_running"
    std::string text;       // for people; names no client, no user and no topic
};

/// As VerneMQ's status page writes it.
[[nodiscard]] std::string_view word_of(Alarm::Severity severity) noexcept;

/// The gravest first. Anybody who reaches the status page may read them.
[[nodiscard]] std::vector<Alarm> alarms_of(const NodeView& view);

}  // namespace vmq::admin
