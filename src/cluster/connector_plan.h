// ConnectorPlan: when to dial which address of a host. No sockets, no clock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/random.h"

namespace vmq::cluster {

struct DialSettings {
    Millis attempt_limit{5'000};  // from the name to the connection
    Millis first_pause{100};      // after a failure; doubles with each
    Millis longest_pause{5'000};
    Millis extra_pause{0};  // with each, where the other end dials as well and is to be first
};

/// Told what happens, says what is to be done. Owned by a Connector, used on its thread.
///
/// An attempt looks the name up and tries its addresses one after the other, each with its share of
/// the time that is left, so that an address that does not answer leaves some for the next. After a
/// failure there is a pause: half of it is sure, half is up to chance, so that nodes that lost each
/// other at the same moment do not come back at the same one.
class ConnectorPlan final {
public:
    ConnectorPlan(DialSettings settings, std::uint64_t seed) noexcept
        : settings_(settings), random_(seed) {}

    enum class Do : std::uint8_t {
        Nothing,  // until expired() or something else happens
        Resolve,
        Connect,  // to address()
        Done,     // a connection is there
    };

    /// Dials, whatever was; first waits for `wait`.
    [[nodiscard]] Do start(TimePoint now, Millis wait = Millis(0)) noexcept;
    /// No more until start().
    void stop() noexcept;

    [[nodiscard]] Do resolved(std::size_t addresses, TimePoint now) noexcept;
    [[nodiscard]] Do resolving_failed(TimePoint now) noexcept;
    [[nodiscard]] Do connected(TimePoint now) noexcept;
    [[nodiscard]] Do connecting_failed(TimePoint now) noexcept;
    /// deadline() has passed.
    [[nodiscard]] Do expired(TimePoint now) noexcept;
    /// There is a connection, perhaps because the other end dialled.
    void taken(TimePoint now) noexcept;
    /// The connection of Done or taken() has ended; `was_good` if it has been of use. Dials after
    /// the pause, which begins anew if the connection was good for longer than the longest pause.
    void ended(bool was_good, TimePoint now) noexcept;

    enum class Stage : std::uint8_t { Stopped, Resolving, Connecting, Connected, Pausing };
    [[nodiscard]] Stage stage() const noexcept { return stage_; }
    /// kNever: only events count.
    [[nodiscard]] TimePoint deadline() const noexcept { return deadline_; }
    /// Index among those that were found. Requires Connecting.
    [[nodiscard]] std::size_t address() const noexcept { return address_; }

private:
    [[nodiscard]] Do connect_next(TimePoint now) noexcept;
    void pause(TimePoint now) noexcept;

    const DialSettings settings_;
    Random random_;
    Stage stage_ = Stage::Stopped;
    TimePoint deadline_ = kNever;
    TimePoint give_up_at_ = kNever;  // on this attempt
    TimePoint connected_at_{};
    std::size_t addresses_ = 0;
    std::size_t address_ = 0;
    Millis pause_{0};  // the last one, without chance
};

}  // namespace vmq::cluster
