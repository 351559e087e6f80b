// The cluster's state machines number members as the broker does.
#pragma once

#include <cstdint>

#include "broker/node_outbox.h"
#include "cluster/registrar.h"

namespace vmq::broker {

[[nodiscard]] constexpr cluster::PeerNumber to_peer(NodeNumber node) noexcept {
    return cluster::PeerNumber{static_cast<std::uint32_t>(node)};
}
/// cluster::kThisNode has no number among NodeNumbers: it gives one that is nobody's.
[[nodiscard]] constexpr NodeNumber to_node(cluster::PeerNumber peer) noexcept {
    return NodeNumber{static_cast<std::uint32_t>(peer)};
}

}  // namespace vmq::broker
