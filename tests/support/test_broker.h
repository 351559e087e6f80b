// A small language for tests of the broker: clients that send and expect packets in words.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/script_client.h"
#include "metrics/counters.h"
#include "support/simulated_broker.h"

namespace vmq::testing {

class TestBroker;

/// One client of a TestBroker, which owns it. Words are those of the conformance scripts.
class TestClient final {
public:
    TestClient(TestBroker& broker, int fd, conformance::Version version);

    /// "PUBLISH topic=a qos=1 id=5 payload=x". Bytes leave when the broker settles.
    void send(std::string_view words);
    void send_bytes(std::string_view bytes) { socket_.send(bytes); }
    /// The next packet that came, in words without what is 0 in every other packet: dup, retain and
    /// CONNACK's properties. "nothing" if none came and "closed" after the end.
    std::string next();
    /// All packets that came, in words.
    std::vector<std::string> all();
    /// Payloads of all PUBLISH packets that came; other packets are forgotten. Those with QoS 1 are
    /// acknowledged.
    std::vector<std::string> take_payloads();
    /// Closes the socket without a word.
    void drop() { socket_.drop(); }
    /// Neither reads nor lets the broker's writes through, until it does again.
    void set_reading(bool reading) { socket_.reading = reading; }
    bool exchange() { return socket_.exchange(); }

private:
    TestBroker& broker_;
    conformance::ScriptClient socket_;
};

/// The shards, a listener for anonymous clients, and the clients. Used from one thread.
class TestBroker final {
public:
    struct Options {
        std::uint32_t shards = 1;
        std::unique_ptr<store::MessageStore> store = nullptr;  // null: always safe at once
        KeptRecords* records = nullptr;  // not null: a store that gives back what they hold
        Millis since_start{0};           // with records: how much later than the first broker
        std::size_t max_retained_messages = 0;  // 0: unlimited
        session::Settings settings = {};
        std::unique_ptr<hooks::Plugin> plugin =
            nullptr;  // of shard 0, before one that allows everything
    };
    static constexpr TimePoint kStart = SimulatedBroker::kStart;
    TestBroker() : TestBroker(Options{}) {}
    explicit TestBroker(Options options);
    ~TestBroker();

    /// For connections from then on; anonymous clients are let in unless there is a plugin.
    void use(session::Settings settings);
    /// A connection that has not said anything yet.
    TestClient& open(std::string_view version = "v5");
    TestClient& open_on(broker::Shard& shard, std::string_view version = "v5");
    /// A client whose CONNECT was accepted: connect("v5 client_id=a receive_maximum=1"). Its
    /// session is present or not as `present` says.
    TestClient& connect(std::string_view words, bool present = false);
    /// connect() with a subscription: subscribe("v5 client_id=a", "topic=a qos=1").
    TestClient& subscribe(std::string_view words, std::string_view subscription);

    void settle();
    void advance(Millis time);
    void shut_down();

    /// A client id that begins with `prefix` and whose home is this shard.
    [[nodiscard]] std::string id_on(ShardId shard, std::string_view prefix) const;
    [[nodiscard]] broker::Shard& shard(ShardId id = 0) { return *simulation_.shards()[id]; }
    [[nodiscard]] broker::Listener& listener() { return simulation_.listener("default"); }
    [[nodiscard]] SimulatedBroker& simulation() noexcept { return simulation_; }
    /// Of all shards.
    [[nodiscard]] std::uint64_t count(metrics::Counter counter) const;
    /// Of both versions.
    [[nodiscard]] std::uint64_t count(metrics::VersionCounter counter) const;
    /// All shards together.
    [[nodiscard]] std::uint64_t count(metrics::PacketKind kind) const;
    /// Moves the bytes of all clients; the broker does nothing.
    bool exchange();

private:
    TestClient& add(Result<int> fd, std::string_view version);

    bool anonymous_ = true;  // nobody asks a plugin who the clients are
    std::unique_ptr<SimulatedBroker> made_;
    SimulatedBroker& simulation_;
    std::vector<std::unique_ptr<TestClient>> clients_;
};

}  // namespace vmq::testing
