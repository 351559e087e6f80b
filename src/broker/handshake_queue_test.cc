#include "broker/handshake_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "broker/listener.h"

namespace vmq::broker {
namespace {

std::vector<std::uint64_t> drain(HandshakeQueue& queue) {
    std::vector<std::uint64_t> order;
    while (const auto next = queue.pop()) order.push_back(static_cast<std::uint64_t>(*next));
    return order;
}

TEST(HandshakeQueue, ListenersTakeTurnsAndEachKeepsItsOrder) {
    const Listener storm("storm", ListenerKind::Mqtts);
    const Listener calm("calm", ListenerKind::Mqtts);
    HandshakeQueue queue;
    EXPECT_TRUE(queue.empty());
    for (std::uint64_t i = 1; i <= 5; ++i) queue.push(storm, ConnectionNumber{i});
    for (std::uint64_t i = 101; i <= 102; ++i) queue.push(calm, ConnectionNumber{i});
    EXPECT_THAT(drain(queue), ::testing::ElementsAre(1, 101, 2, 102, 3, 4, 5));
    EXPECT_TRUE(queue.empty());
}

TEST(HandshakeQueue, WhoComesBackWaitsAgain) {
    const Listener first("a", ListenerKind::Mqtts);
    const Listener second("b", ListenerKind::MqttWss);
    HandshakeQueue queue;
    queue.push(first, ConnectionNumber{1});
    queue.push(second, ConnectionNumber{2});
    queue.push(first, ConnectionNumber{3});
    EXPECT_EQ(queue.pop(), ConnectionNumber{1});
    queue.push(first, ConnectionNumber{1});
    EXPECT_THAT(drain(queue), ::testing::ElementsAre(2, 3, 1));
}

}  // namespace
}  // namespace vmq::broker
