// A shard to which another node's session comes, frame by frame.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/registrations.h"
#include "broker/session_moves.h"
#include "broker/shard.h"
#include "support/quiet_cluster.h"
#include "support/test_broker.h"

namespace vmq::testing {

using broker::NodeNumber;
using broker::Shard;

inline constexpr NodeNumber kOld{7};
inline constexpr std::uint64_t kMove = 99;

/// What the cluster's thread would be told.
class RecordingCluster final : public QuietCluster {
public:
    void await_filters(ShardId /*shard*/, std::uint64_t ticket) override {
        filter_tickets.push_back(ticket);
    }
    void register_client(ShardId /*shard*/, std::uint64_t ticket, cluster::ClientKey /*key*/,
                         cluster::Purpose /*purpose*/, cluster::Epoch /*since*/) override {
        tickets.push_back(ticket);
    }
    void released(cluster::ReleaseOrder /*order*/, cluster::ReleaseReply::Code code,
                  cluster::Epoch /*held*/) override {
        answers.push_back(code);
    }
    void offer(cluster::PeerNumber node, cluster::ClientKey key) override {
        offers.emplace_back(node, key.client_id);
    }
    [[nodiscard]] std::shared_ptr<const void> tell_will(cluster::LastWill will) override {
        wills.push_back(will.topic);
        return std::shared_ptr<const void>(this, [this](const void*) { ++wills_gone; });
    }
    void claim(cluster::PeerNumber /*node*/, std::vector<cluster::Claim> told) override {
        for (const cluster::Claim& each : told) claims.push_back(each.key.client_id);
    }
    void fence(ShardId /*shard*/, std::uint64_t ticket) override { fences.push_back(ticket); }

    std::vector<std::uint64_t> filter_tickets;
    std::vector<std::uint64_t> tickets;
    std::vector<std::pair<cluster::PeerNumber, std::string>> offers;
    std::vector<std::string> wills;
    int wills_gone = 0;
    std::vector<std::uint64_t> fences;
    std::vector<std::string> claims;
    std::vector<cluster::ReleaseReply::Code> answers;
};

class SessionMovesTest : public ::testing::Test {
protected:
    SessionMovesTest() {
        shard().shared().cluster = &nodes;
        shard().add_node(kOld, {"old@host", "old@host", 1'000'000});
    }
    ~SessionMovesTest() override { shard().shared().cluster = nullptr; }

    Shard& shard() { return broker.shard(); }
    template <typename Write>
    void frame(cluster::MoveKind kind, Write write) {
        std::string bytes;
        cluster::MoveWriter writer({move_number, ++number, kind, 0, {"", "a"}}, bytes);
        write(writer);
        writer.finish();
        last = bytes.substr(cluster::kFrameOverhead);
        shard().moves().on_frame(kOld, false, last);
        broker.settle();
    }
    void begin(std::uint64_t next_sequence = 4) {
        cluster::MoveBegin content;
        content.epoch = cluster::Epoch{5};
        content.expiry_interval_s = 100;
        content.next_sequence = next_sequence;
        frame(cluster::MoveKind::Begin,
              [&](cluster::MoveWriter& writer) { writer.begin(content); });
    }
    void subscriptions() {
        frame(cluster::MoveKind::Subscriptions, [](cluster::MoveWriter& writer) {
            cluster::MovedSubscription subscription;
            subscription.filter = "t";
            subscription.options.qos = mqtt::QoS::AtLeastOnce;
            writer.subscription(subscription);
        });
    }
    void message(std::uint64_t sequence, const std::string& payload, std::uint64_t origin = 0) {
        frame(cluster::MoveKind::Messages, [&](cluster::MoveWriter& writer) {
            cluster::MovedMessage moved;
            moved.sequence = sequence;
            moved.parts = parts_of(payload, origin);
            moved.qos = mqtt::QoS::AtLeastOnce;
            writer.message(moved, shard().now());
        });
    }
    void plain(cluster::MoveKind kind) {
        frame(kind, [](cluster::MoveWriter&) {});
    }
    /// That node answers for the frame that is under way to it.
    void acknowledges(NodeNumber node = kOld,
                      cluster::MoveAck::Code code = cluster::MoveAck::Code::Done) {
        const broker::MoveOut& out = *shard().find_client("", "a")->move->out;
        std::string bytes;
        append(cluster::MoveAck{out.move, out.number, code, 0, 65'535, {"", "a"}}, bytes);
        shard().moves().on_frame(node, true, bytes.substr(cluster::kFrameOverhead));
        broker.settle();
    }
    /// The last frame once more.
    void again() {
        shard().moves().on_frame(kOld, false, last);
        broker.settle();
    }
    /// Other nodes know the filters of the session that comes, and what they had sent is here.
    void others_know() {
        (void)shard().filters_known(nodes.filter_tickets.back());
        shard().moves().fence_passed(nodes.fences.back());
    }
    /// The number of its frames that the old node may forget.
    std::uint64_t acknowledged() { return shard().find_client("", "a")->move->in->done; }
    /// As it comes from a publisher, without a detour.
    void direct(const std::string& payload, std::uint64_t origin) {
        (void)shard().route_from_node(parts_of(payload, origin), {});
        broker.settle();
    }
    /// A message that has come from its publisher; a view into `payload`.
    static mqtt::MessageParts parts_of(const std::string& payload, std::uint64_t origin) {
        mqtt::MessageParts parts;
        parts.topic = "t";
        parts.payload = payload;
        parts.qos = mqtt::QoS::AtLeastOnce;
        parts.publisher = 3;
        parts.origin = origin;
        return parts;
    }
    /// The old node wants the session.
    void is_wanted(cluster::Epoch epoch, cluster::Purpose purpose) {
        shard().registrations().release(
            {cluster::PeerNumber{7}, 1, epoch, purpose, cluster::PeerNumber{7}, {"", "a"}});
    }
    TestClient& connects() {
        TestClient& client = broker.open("v5");
        client.send("CONNECT client_id=a clean_start=0 session_expiry_interval=100");
        broker.settle();
        return client;
    }
    void grant() {
        shard().registrations().registered(nodes.tickets.back(),
                                           {{}, cluster::Epoch{5}, {cluster::PeerNumber{7}}, true});
        broker.settle();
    }

    RecordingCluster nodes;
    TestBroker broker;
    std::uint64_t move_number = kMove;
    std::uint64_t number = 0;
    std::string last;
};

}  // namespace vmq::testing
