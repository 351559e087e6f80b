#include "broker/readiness.h"

namespace vmq::broker {
namespace {

constexpr Millis kRefusalsQuiet{10'000};  // between two lines of one kind

}  // namespace

void Readiness::put(const Wanted& wanted) noexcept {
    std::uint8_t state = wanted.ready ? 0 : kNotReady;
    const auto refuse = [&](ClientAction action, bool allowed) {
        if (!wanted.ready && !allowed) state |= bit(action);
    };
    refuse(ClientAction::Register, wanted.permissions.register_clients);
    refuse(ClientAction::Publish, wanted.permissions.publish);
    refuse(ClientAction::Subscribe, wanted.permissions.subscribe);
    refuse(ClientAction::Unsubscribe, wanted.permissions.unsubscribe);
    state_.store(state, std::memory_order_release);
}

void Readiness::set_ready(bool ready) {
    wanted_.with([&](Wanted& wanted) {
        wanted.ready = ready;
        put(wanted);
    });
}

void Readiness::allow(const NetsplitPermissions& permissions) {
    wanted_.with([&](Wanted& wanted) {
        wanted.permissions = permissions;
        put(wanted);
    });
}

std::optional<std::uint64_t> Readiness::refused(ClientAction action, TimePoint now) noexcept {
    Noted& noted = noted_[static_cast<std::size_t>(action)];
    noted.total.fetch_add(1, std::memory_order_relaxed);
    noted.untold.fetch_add(1, std::memory_order_relaxed);
    const auto at = now.time_since_epoch().count();
    auto told = noted.told_at.load(std::memory_order_relaxed);
    const TimePoint again = told == TimePoint::min().time_since_epoch().count()
                                ? TimePoint::min()
                                : TimePoint(TimePoint::duration(told)) + kRefusalsQuiet;
    if (now < again || !noted.told_at.compare_exchange_strong(told, at)) return std::nullopt;
    return noted.untold.exchange(0, std::memory_order_relaxed);
}

std::array<std::uint64_t, kClientActions> Readiness::take_refused() noexcept {
    std::array<std::uint64_t, kClientActions> counts{};
    for (std::size_t i = 0; i < counts.size(); ++i) {
        counts[i] = noted_[i].total.exchange(0, std::memory_order_relaxed);
        noted_[i].untold.store(0, std::memory_order_relaxed);
        noted_[i].told_at.store(TimePoint::min().time_since_epoch().count(),
                                std::memory_order_relaxed);
    }
    return counts;
}

std::string_view packet_of(ClientAction action) noexcept {
    static constexpr std::array<std::string_view, kClientActions> kNames{
        "CONNECT", "PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE"};
    return kNames[static_cast<std::size_t>(action)];
}

std::string_view setting_of(ClientAction action) noexcept {
    static constexpr std::array<std::string_view, kClientActions> kNames{
        "allow_register_during_netsplit", "allow_publish_during_netsplit",
        "allow_subscribe_during_netsplit", "allow_unsubscribe_during_netsplit"};
    return kNames[static_cast<std::size_t>(action)];
}

}  // namespace vmq::broker
