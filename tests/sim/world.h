// World: the one time, the one chance and the one diary of a simulated run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/random.h"

namespace vmq::sim {

/// A number that stands for everything that has happened, in its order (FNV-1a).
class Digest final {
public:
    void add(std::string_view bytes) noexcept {
        for (const char each : bytes) mix(static_cast<std::uint8_t>(each));
        mix(0xFF);
    }
    void add(std::uint64_t number) noexcept {
        for (int i = 0; i < 8; ++i)
            mix(static_cast<std::uint8_t>(number >> (8U * static_cast<unsigned>(i))));
    }
    [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

private:
    void mix(std::uint8_t byte) noexcept { value_ = (value_ ^ byte) * 0x100000001b3ULL; }

    std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

/// Everything random and every time in a run comes from here. Outlives all that is in it.
class World final {
public:
    explicit World(std::uint64_t seed) : random(seed) {}
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    using Event = std::function<void()>;
    /// Later, and behind what was planned for that moment before.
    void at(TimePoint time, Event event) {
        events_.emplace(std::pair{time < now ? now : time, ++last_event_}, std::move(event));
    }
    void after(Millis time, Event event) { at(now + time, std::move(event)); }
    /// kNever: nothing is planned.
    [[nodiscard]] TimePoint next_event() const noexcept {
        return events_.empty() ? kNever : events_.begin()->first.first;
    }
    /// All that is planned up to now.
    void run_events() {
        while (next_event() <= now) {
            const Event event = std::move(events_.begin()->second);
            events_.erase(events_.begin());
            event();
        }
    }

    [[nodiscard]] bool chance(std::uint32_t one_in) { return random.below(one_in) == 0; }
    /// Both included.
    [[nodiscard]] Millis between(std::int64_t least, std::int64_t most) {
        return Millis(least + random.below(static_cast<std::uint32_t>(most - least + 1)));
    }

    /// Something has happened: `what` with `number`, to `who`.
    void note(std::string_view what, std::uint64_t who, std::uint64_t number = 0) {
        digest.add(what);
        digest.add(static_cast<std::uint64_t>(now.time_since_epoch().count()));
        digest.add(who);
        digest.add(number);
    }

    Random random;
    TimePoint now{Millis(1'000'000)};
    Digest digest;

private:
    std::map<std::pair<TimePoint, std::uint64_t>, Event> events_;
    std::uint64_t last_event_ = 0;
};

}  // namespace vmq::sim
