#include "broker/trace.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <utility>

#include "mqtt/topic.h"

namespace vmq::broker {

std::string trace_time(std::int64_t wall_ms) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ} ",
                       fmt::gmtime(static_cast<std::time_t>(wall_ms / 1000)));
}

bool Trace::wants(const TracedClient& client) const noexcept {
    const auto fits = [](const std::optional<std::string>& wanted, std::string_view found) {
        return !wanted || *wanted == found;
    };
    if (options_.username && !client.username) return false;
    return fits(options_.client_id, client.client_id) &&
           fits(options_.mountpoint, client.mountpoint) &&
           fits(options_.username, client.username.value_or("")) &&
           fits(options_.peer, client.peer);
}

bool Trace::wants_topic(std::string_view topic) const noexcept {
    if (!options_.topic) return true;
    if (topic.empty()) return false;  // an alias that stands for nothing
    if (const auto shared = mqtt::parse_shared_filter(topic)) topic = shared->filter;
    return topic == *options_.topic || mqtt::filter_matches(*options_.topic, topic);
}

void Trace::add(std::string_view lines, TimePoint now, std::int64_t wall_ms) {
    if (over()) return;
    const bool too_many = waiting_.with([&](Waiting& waiting) {
        if (now - waiting.interval > options_.rate_interval) {
            waiting.interval = now;
            waiting.events = 0;
        }
        if (++waiting.events > options_.rate_max) return true;
        if (waiting.text.size() + lines.size() > kMaxWaiting) {
            ++waiting.lost;
        } else {
            waiting.text += lines;
        }
        return false;
    });
    if (too_many) end(trace_time(wall_ms) + "Trace rate limit triggered.\n");
}

void Trace::tell(std::string_view line) {
    if (over()) return;
    waiting_.with([line](Waiting& waiting) {
        if (waiting.text.size() + line.size() > kMaxWaiting) {
            ++waiting.lost;
        } else {
            waiting.text += line;
        }
    });
}

void Trace::tell_first(std::string_view line) {
    waiting_.with([line](Waiting& waiting) { waiting.text.insert(0, line); });
}

void Trace::end(std::string_view last_line) {
    // The line goes with the first end, and whoever sees the end sees the line.
    waiting_.with([&](Waiting& waiting) {
        if (over()) return;
        waiting.text += last_line;
        over_.store(true, std::memory_order_relaxed);
    });
}

Trace::Taken Trace::take(std::int64_t wall_ms) {
    Taken taken;
    const std::uint64_t lost = waiting_.with([&](Waiting& waiting) {
        taken.text.swap(waiting.text);
        taken.over = over();
        return std::exchange(waiting.lost, 0U);
    });
    if (lost > 0) {
        taken.text += fmt::format("{}{} events lost: they came faster than they were read\n",
                                  trace_time(wall_ms), lost);
    }
    return taken;
}

}  // namespace vmq::broker
