// Narrator: what the nodes log, with the time of the run and which node it is.
#pragma once

#include <cstddef>

#include "base/log.h"
#include "sim/world.h"

namespace vmq::sim {

/// For the log of the process, on standard output. One per process, one thread.
class Narrator final : public log::Output {
public:
    void write(const log::Line& line) noexcept override;

    /// What is logged next is of this node; `world` outlives that. Costs nothing to say.
    static void hear(const World& world, std::size_t node) noexcept {
        world_ = &world;
        node_ = node;
    }

private:
    static inline const World* world_ = nullptr;
    static inline std::size_t node_ = 0;
};

}  // namespace vmq::sim
