// Calm: since when nothing has disturbed whom, by which is judged what nodes have to know.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/clock.h"
#include "sim/world.h"

namespace vmq::sim {

/// Told of everything that is done to nodes and links; knows nothing of what the nodes make of it.
class Calm final {
public:
    /// After so long without a disturbance everything is as if there had never been one: links are
    /// dialled again after 6 s at the latest, and silence is noticed after 3 s.
    static constexpr Millis kSettled{10'000};

    /// At first all is calm, and has been.
    Calm(const World& world, std::size_t nodes)
        : world_(world), nodes_(nodes), pairs_(nodes * nodes) {}

    /// Something is in the way between the two, whichever direction, until as many end() calls.
    void begin(std::size_t one, std::size_t other) {
        for (Pair* pair : {&at(one, other), &at(other, one)}) {
            pair->known = known(*pair);
            ++pair->troubles;
        }
        last_trouble_ = world_.now;
        ++troubles_;
    }
    void end(std::size_t one, std::size_t other) {
        for (Pair* pair : {&at(one, other), &at(other, one)}) {
            --pair->troubles;
            pair->calm_since = world_.now;
        }
        last_trouble_ = world_.now;
        --troubles_;
    }
    void begin(std::size_t node) {
        for (std::size_t other = 0; other < nodes_; ++other) {
            if (other != node) begin(node, other);
        }
    }
    void end(std::size_t node) {
        for (std::size_t other = 0; other < nodes_; ++other) {
            if (other != node) end(node, other);
        }
    }
    /// It has to learn anew what the others have; they keep what they know.
    void forgets(std::size_t node) {
        for (std::size_t other = 0; other < nodes_; ++other) {
            at(node, other).known = TimePoint::min();
        }
    }

    /// What `other` had at that time, `node` knows.
    [[nodiscard]] TimePoint knows_as_of(std::size_t node, std::size_t other) const {
        return node == other ? world_.now : known(pairs_[node * nodes_ + other]);
    }
    /// Nobody is disturbed, and nobody has been for so long.
    [[nodiscard]] bool all_for(Millis time) const {
        return troubles_ == 0 && world_.now - last_trouble_ >= time;
    }
    [[nodiscard]] TimePoint last_trouble() const noexcept { return last_trouble_; }
    [[nodiscard]] bool now() const noexcept { return troubles_ == 0; }

private:
    struct Pair {
        int troubles = 0;
        TimePoint calm_since = TimePoint(Millis(0));
        TimePoint known = TimePoint(Millis(0));
    };
    [[nodiscard]] Pair& at(std::size_t node, std::size_t other) {
        return pairs_[node * nodes_ + other];
    }
    [[nodiscard]] TimePoint known(const Pair& pair) const {
        const bool settled = pair.troubles == 0 && world_.now - pair.calm_since >= kSettled;
        return settled ? world_.now : pair.known;
    }

    const World& world_;
    const std::size_t nodes_;
    std::vector<Pair> pairs_;  // node * nodes + other
    TimePoint last_trouble_{Millis(0)};
    int troubles_ = 0;
};

}  // namespace vmq::sim
