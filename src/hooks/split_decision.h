// A SUBSCRIBE about which several plugins decide, each about some of its filters.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "hooks/verdicts.h"
#include "mqtt/packets.h"

namespace vmq::hooks {

/// What has been decided so far, and what is still to be asked. Holds the texts it gives out.
class SplitDecision final {
public:
    /// Whether `verdict` leaves some filters to the next plugin.
    [[nodiscard]] static bool needed(const SubscribeVerdict& verdict) noexcept;

    /// Requires needed(first).
    explicit SplitDecision(SubscribeVerdict first);

    /// The filters that are left; views into this object, valid until the next answer.
    [[nodiscard]] const std::vector<mqtt::SubscribeEntry>& left() const noexcept { return left_; }
    /// Where on the route to go on.
    [[nodiscard]] std::size_t next() const noexcept { return verdict_.next; }

    /// Takes in what was answered about left(): new filters stand in their places, more of them at
    /// the end. True: everything is decided.
    bool add(SubscribeVerdict answer);

    /// As if one plugin had decided.
    [[nodiscard]] SubscribeVerdict take() { return std::move(verdict_); }

private:
    void find_left();

    SubscribeVerdict verdict_;
    std::vector<mqtt::SubscribeEntry> left_;
};

}  // namespace vmq::hooks
