// HandshakeQueue: connections whose TLS handshake has something to do, listener by listener.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "broker/shard_message.h"

namespace vmq::broker {

/// A handshake costs as much as hundreds of messages, so handshakes wait here for what a turn has
/// left. Listeners take turns, and connections of one listener keep their order: a storm on one of
/// them does not keep others out. Owned by one shard, used on its thread.
class HandshakeQueue final {
public:
    void push(const Listener& listener, ConnectionNumber connection) {
        for (Lane& lane : lanes_) {
            if (lane.listener == &listener) return lane.waiting.push_back(connection);
        }
        lanes_.push_back({&listener, {connection}});
    }

    /// The one whose turn it is; nothing if nobody waits.
    [[nodiscard]] std::optional<ConnectionNumber> pop() {
        if (lanes_.empty()) return std::nullopt;
        if (next_ >= lanes_.size()) next_ = 0;
        Lane& lane = lanes_[next_];
        const ConnectionNumber connection = lane.waiting.front();
        lane.waiting.pop_front();
        if (lane.waiting.empty()) {
            lanes_.erase(lanes_.begin() + static_cast<std::ptrdiff_t>(next_));
        } else {
            ++next_;
        }
        return connection;
    }

    [[nodiscard]] bool empty() const noexcept { return lanes_.empty(); }

private:
    struct Lane {
        const Listener* listener;
        std::deque<ConnectionNumber> waiting;  // not empty
    };

    std::vector<Lane> lanes_;
    std::size_t next_ = 0;
};

}  // namespace vmq::broker
