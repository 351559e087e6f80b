#include "cluster/connector_plan.h"

#include <algorithm>

namespace vmq::cluster {

using Do = ConnectorPlan::Do;

Do ConnectorPlan::start(TimePoint now, Millis wait) noexcept {
    pause_ = Millis(0);
    if (wait > Millis(0)) {
        stage_ = Stage::Pausing;
        deadline_ = now + wait;
        return Do::Nothing;
    }
    stage_ = Stage::Resolving;
    deadline_ = give_up_at_ = now + settings_.attempt_limit;
    return Do::Resolve;
}

void ConnectorPlan::stop() noexcept {
    stage_ = Stage::Stopped;
    deadline_ = kNever;
}

Do ConnectorPlan::resolved(std::size_t addresses, TimePoint now) noexcept {
    if (stage_ != Stage::Resolving) return Do::Nothing;
    addresses_ = addresses;
    address_ = 0;
    return connect_next(now);
}

Do ConnectorPlan::resolving_failed(TimePoint now) noexcept {
    if (stage_ == Stage::Resolving) pause(now);
    return Do::Nothing;
}

/// The address that address_ names, if there is one and time for it.
Do ConnectorPlan::connect_next(TimePoint now) noexcept {
    if (address_ >= addresses_ || now >= give_up_at_) {
        pause(now);
        return Do::Nothing;
    }
    stage_ = Stage::Connecting;
    const auto left = static_cast<Millis::rep>(addresses_ - address_);
    deadline_ = now + (give_up_at_ - now) / left;
    return Do::Connect;
}

Do ConnectorPlan::connected(TimePoint now) noexcept {
    if (stage_ != Stage::Connecting) return Do::Nothing;
    stage_ = Stage::Connected;
    deadline_ = kNever;
    connected_at_ = now;
    return Do::Done;
}

Do ConnectorPlan::connecting_failed(TimePoint now) noexcept {
    if (stage_ != Stage::Connecting) return Do::Nothing;
    ++address_;
    return connect_next(now);
}

Do ConnectorPlan::expired(TimePoint now) noexcept {
    switch (stage_) {
        case Stage::Resolving:
            return resolving_failed(now);
        case Stage::Connecting:
            return connecting_failed(now);
        case Stage::Pausing:
            stage_ = Stage::Resolving;
            deadline_ = give_up_at_ = now + settings_.attempt_limit;
            return Do::Resolve;
        case Stage::Stopped:
        case Stage::Connected:
            break;
    }
    return Do::Nothing;
}

void ConnectorPlan::taken(TimePoint now) noexcept {
    stage_ = Stage::Connected;
    deadline_ = kNever;
    connected_at_ = now;
}

void ConnectorPlan::ended(bool was_good, TimePoint now) noexcept {
    if (stage_ != Stage::Connected) return;
    if (was_good && now - connected_at_ >= settings_.longest_pause) pause_ = Millis(0);
    pause(now);
}

void ConnectorPlan::pause(TimePoint now) noexcept {
    pause_ =
        pause_ == Millis(0) ? settings_.first_pause : std::min(pause_ * 2, settings_.longest_pause);
    const Millis sure = pause_ / 2;
    const auto chance = static_cast<std::uint32_t>((pause_ - sure).count());
    stage_ = Stage::Pausing;
    deadline_ = now + settings_.extra_pause + sure + Millis(random_.below(chance + 1));
}

}  // namespace vmq::cluster
