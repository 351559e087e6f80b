#include "sim/narrator.h"

#include <fmt/format.h>

namespace vmq::sim {

void Narrator::write(const log::Line& line) noexcept {
    const auto at = world_ == nullptr ? 0 : world_->now.time_since_epoch().count();
    fmt::print("{:>9} n{} {}: {}\n", at, node_ + 1, log::name_of(line.level), line.text);
}

}  // namespace vmq::sim
