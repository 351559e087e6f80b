// LeaveWatch: what an operator is told while a node leaves the cluster.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "cluster/leave.h"
#include "runtime/guarded.h"

namespace vmq::broker {

/// Shared by who watches and the cluster's thread. Any thread. Lines that nobody takes are not kept
/// for ever: the oldest go.
class LeaveWatch final {
public:
    static constexpr std::size_t kMostLines = 1000;

    struct Taken {
        std::string lines;                       // each with its end of line
        std::optional<cluster::LeaveEnd> ended;  // that was all
        std::string hint;                        // what to do, if it was not done
    };
    using OnEnd = std::function<void(Taken last)>;

    /// `on_end`, if any, is called once on the cluster's thread, with what nobody has taken yet.
    explicit LeaveWatch(OnEnd on_end = {}) : on_end_(std::move(on_end)) {}

    void say(std::string line) {
        state_.with([&](State& state) { state.add(std::move(line)); });
    }
    /// Once; later ones change nothing.
    void end(cluster::LeaveEnd how, std::string line, std::string hint) {
        const bool first = state_.with([&](State& state) {
            if (state.ended) return false;
            state.add(std::move(line));
            state.ended = how;
            state.hint = std::move(hint);
            return true;
        });
        if (first && on_end_) on_end_(take());
    }

    [[nodiscard]] Taken take() {
        return state_.with([](State& state) {
            Taken taken{{}, state.ended, state.ended ? state.hint : std::string()};
            for (const std::string& line : std::exchange(state.lines, {})) {
                taken.lines += line + "\n";
            }
            state.over = state.ended.has_value();
            return taken;
        });
    }
    /// The end has been taken.
    [[nodiscard]] bool over() const {
        return state_.with([](const State& state) { return state.over; });
    }

private:
    struct State {
        void add(std::string line) {
            if (lines.size() >= kMostLines) lines.pop_front();
            lines.push_back(std::move(line));
        }

        std::deque<std::string> lines;
        std::optional<cluster::LeaveEnd> ended;
        std::string hint;
        bool over = false;
    };

    runtime::Guarded<State> state_;
    const OnEnd on_end_;
};

}  // namespace vmq::broker
