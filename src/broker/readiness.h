// Readiness: what clients may do while members of the cluster are away.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "runtime/guarded.h"

namespace vmq::broker {

enum class ClientAction : std::uint8_t { Register, Publish, Subscribe, Unsubscribe };
inline constexpr std::size_t kClientActions = 4;

/// The settings allow_*_during_netsplit.
struct NetsplitPermissions {
    bool register_clients = false;
    bool publish = false;
    bool subscribe = false;
    bool unsubscribe = false;

    friend bool operator==(const NetsplitPermissions&, const NetsplitPermissions&) = default;
};

/// One per broker, used on any thread. To ask it costs one load of an atomic.
class Readiness final {
public:
    /// Whether as many members run as netsplit_policy wants; true without a cluster.
    [[nodiscard]] bool ready() const noexcept {
        return (state_.load(std::memory_order_acquire) & kNotReady) == 0;
    }
    /// Clients may not do it now.
    [[nodiscard]] bool refuses(ClientAction action) const noexcept {
        return (state_.load(std::memory_order_acquire) & bit(action)) != 0;
    }

    void set_ready(bool ready);
    void allow(const NetsplitPermissions& permissions);

    /// Counts something that was refused. A number: so many of them are worth a line in the log,
    /// which has said nothing of it for a while.
    [[nodiscard]] std::optional<std::uint64_t> refused(ClientAction action, TimePoint now) noexcept;
    /// What refused() has counted since this was called last.
    [[nodiscard]] std::array<std::uint64_t, kClientActions> take_refused() noexcept;

private:
    static constexpr std::uint8_t kNotReady = 1U << kClientActions;
    [[nodiscard]] static constexpr std::uint8_t bit(ClientAction action) noexcept {
        return static_cast<std::uint8_t>(1U << static_cast<unsigned>(action));
    }

    struct Wanted {
        bool ready = true;
        NetsplitPermissions permissions;
    };
    /// Lines of one kind, and what they count. No event is lost when shards race, but a line may be
    /// written twice.
    struct Noted {
        std::atomic<TimePoint::rep> told_at{TimePoint::min().time_since_epoch().count()};
        std::atomic<std::uint64_t> untold{0};
        std::atomic<std::uint64_t> total{0};
    };

    void put(const Wanted& wanted) noexcept;

    std::atomic<std::uint8_t> state_{0};  // a bit for each action that is refused, and kNotReady
    runtime::Guarded<Wanted> wanted_;
    std::array<Noted, kClientActions> noted_;
};

/// As the log and the settings call it: "PUBLISH", "allow_publish_during_netsplit".
[[nodiscard]] std::string_view packet_of(ClientAction action) noexcept;
[[nodiscard]] std::string_view setting_of(ClientAction action) noexcept;

}  // namespace vmq::broker
