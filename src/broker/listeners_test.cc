#include "broker/listeners.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "support/blocking_peer.h"
#include "support/temporary_folder.h"

namespace vmq::broker {
namespace {

using namespace std::string_view_literals;
using testing::BlockingPeer;
using testing::connect_as;

constexpr std::string_view kPing = "\xC0\0"sv;
constexpr std::string_view kPong = "\xD0\0"sv;

/// A running broker; the listeners are changed under it.
class ListenersShards : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(broker_.start()); }

    [[nodiscard]] Listeners& listeners() { return broker_.listeners(); }
    [[nodiscard]] std::uint16_t port() const { return broker_.listeners().all().front()->port; }
    static bool lives(BlockingPeer& peer) {
        peer.send(kPing);
        return peer.receive(2) == kPong;
    }
    static bool gets_in(BlockingPeer& peer, char id) {
        peer.send(connect_as(id));
        return peer.receive_packet().substr(0, 1) == "\x20"sv;
    }

    Broker broker_{testing::on_port(0)};
};

TEST_F(ListenersShards, StartWhileTheBrokerRuns) {
    ListenerOptions second = testing::on_port(0).listeners.front();
    second.name = "second";
    ASSERT_TRUE(listeners().start(second));
    const auto all = listeners().all();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_TRUE(all[1]->running());
    BlockingPeer peer(all[1]->port);
    EXPECT_TRUE(gets_in(peer, 'a'));
    EXPECT_EQ(all[1]->connections(), 1U);
    second.socket.port = all[1]->port;
    const auto again = listeners().start(second);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::AddressInUse);
}

TEST_F(ListenersShards, ReconfiguredSettingsHoldForWhoConnectsLater) {
    BlockingPeer before(port());
    ASSERT_TRUE(gets_in(before, 'a'));
    listeners().reconfigure(
        [](ListenerOptions& options) { options.settings.allow_anonymous = false; });
    BlockingPeer refused(port());
    refused.send(connect_as('b'));
    EXPECT_EQ(refused.receive_packet().substr(3, 1), "\x86"sv);  // Bad User Name or Password
    EXPECT_TRUE(lives(before));
    listeners().reconfigure(
        [](ListenerOptions& options) { options.settings.allow_anonymous = true; });
    BlockingPeer after(port());
    EXPECT_TRUE(gets_in(after, 'c'));
    EXPECT_EQ(listeners().all().front()->accepted(), 3U);
}

TEST_F(ListenersShards, ASuspendedOneLetsNobodyInAndKeepsWhoIsThere) {
    BlockingPeer stays(port());
    ASSERT_TRUE(gets_in(stays, 'a'));
    ASSERT_TRUE(listeners().suspend("127.0.0.1", port()));
    EXPECT_FALSE(listeners().all().front()->running());
    EXPECT_FALSE(BlockingPeer(port()).connected());
    EXPECT_TRUE(lives(stays));
    ASSERT_TRUE(listeners().suspend("127.0.0.1", port())) << "which it is already";
    ASSERT_TRUE(listeners().resume("127.0.0.1", port()));
    EXPECT_TRUE(listeners().all().front()->running());
    BlockingPeer again(port());
    EXPECT_TRUE(gets_in(again, 'b'));
    EXPECT_TRUE(lives(stays));
}

TEST_F(ListenersShards, StoppingSaysWhyToEverybodyOnIt) {
    ListenerOptions second = testing::on_port(0).listeners.front();
    ASSERT_TRUE(listeners().start(second));
    const std::uint16_t other = listeners().all()[1]->port;
    BlockingPeer first(port());
    BlockingPeer half(port());  // before its CONNECT
    BlockingPeer elsewhere(other);
    ASSERT_TRUE(gets_in(first, 'a'));
    ASSERT_TRUE(gets_in(elsewhere, 'b'));
    const std::uint16_t stopped = port();
    ASSERT_TRUE(listeners().stop("127.0.0.1", stopped));
    const std::string farewell = first.receive_packet();
    ASSERT_GE(farewell.size(), 3U);
    EXPECT_EQ(farewell.substr(0, 1), "\xE0"sv);
    EXPECT_EQ(farewell[2], '\x98');
    EXPECT_EQ(first.receive(1), "");
    EXPECT_EQ(half.receive(1), "");
    EXPECT_TRUE(lives(elsewhere));
    EXPECT_EQ(listeners().all().size(), 1U);
    EXPECT_FALSE(BlockingPeer(stopped).connected());
}

TEST_F(ListenersShards, RemovingClosesTheDoorOnly) {
    BlockingPeer stays(port());
    ASSERT_TRUE(gets_in(stays, 'a'));
    const std::uint16_t removed = port();
    ASSERT_TRUE(listeners().remove("127.0.0.1", removed));
    EXPECT_TRUE(listeners().all().empty());
    EXPECT_FALSE(BlockingPeer(removed).connected());
    EXPECT_TRUE(lives(stays));
    for (const auto& refused :
         {listeners().remove("127.0.0.1", removed), listeners().suspend("127.0.0.1", removed),
          listeners().resume("127.0.0.1", removed), listeners().stop("::1", 1)}) {
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::NotFound);
    }
    // The address is free again.
    ListenerOptions same = testing::on_port(removed).listeners.front();
    EXPECT_TRUE(listeners().start(same));
    EXPECT_TRUE(lives(stays));
}

TEST_F(ListenersShards, UnixSocketsAreNamedByTheirPath) {
    const testing::TemporaryFolder folder;
    ListenerOptions local;
    local.socket.unix_path = folder.path() + "/mqtt.sock";
    ASSERT_TRUE(listeners().start(local));
    EXPECT_EQ(listeners().all().back()->address, local.socket.unix_path);
    ASSERT_TRUE(listeners().suspend(local.socket.unix_path, 0));
    EXPECT_NE(::access(local.socket.unix_path.c_str(), F_OK), 0);
    ASSERT_TRUE(listeners().resume(local.socket.unix_path, 0));
    EXPECT_EQ(::access(local.socket.unix_path.c_str(), F_OK), 0);
    ASSERT_TRUE(listeners().remove(local.socket.unix_path, 0));
    EXPECT_NE(::access(local.socket.unix_path.c_str(), F_OK), 0);
}

TEST_F(ListenersShards, ACertificateThatCannotBeLoadedIsNoListener) {
    ListenerOptions tls = testing::on_port(0).listeners.front();
    tls.kind = ListenerKind::Mqtts;
    tls.tls.emplace();
    tls.tls->certificate.certfile = "/nonexistent.pem";
    const auto started = listeners().start(tls);
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().detail.find("/nonexistent.pem"), std::string::npos);
    EXPECT_EQ(listeners().all().size(), 1U);
}

}  // namespace
}  // namespace vmq::broker
