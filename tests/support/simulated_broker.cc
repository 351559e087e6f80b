#include "support/simulated_broker.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <utility>

#include "store/memory_store.h"

namespace vmq::testing {
namespace {

/// Rounds in which nothing moved before the broker counts as at rest.
constexpr int kQuietRounds = 6;
constexpr int kMostRounds = 100'000;
constexpr std::uint64_t kSeed = 20'260'101;

}  // namespace

SimulatedBroker::SimulatedBroker(std::uint32_t shards, std::unique_ptr<store::MessageStore> store,
                                 std::size_t max_retained_messages)
    : now_(kStart), shared_(shards, kSeed, max_retained_messages) {
    shared_.store = store ? std::move(store) : std::make_unique<store::MemoryStore>();
    make_shards();
}

SimulatedBroker::SimulatedBroker(std::uint32_t shards, KeptRecords& records,
                                 std::size_t max_retained_messages, TimePoint now,
                                 store::WallMillis wall)
    : now_(now), shared_(shards, kSeed, max_retained_messages) {
    records.begin_process();
    auto keeping = std::make_unique<KeepingStore>(
        records, shards, [this](ShardId shard, std::function<void()> work) {
            boost::asio::post(shards_[shard]->loop().io(), std::move(work));
        });
    keeping_ = keeping.get();
    shared_.store = std::move(keeping);
    shared_.wall_anchor = wall;
    shared_.boot = static_cast<std::uint32_t>(wall / 1000 % 1'000'000);
    make_shards();
    for (store::StoredSession& session : records.sessions()) {
        const ShardId home =
            shards_.front()->home_of(session.record.key.mountpoint, session.record.key.client_id);
        shards_[home]->restore(std::move(session));
    }
    for (mqtt::MessagePtr& message : records.retained()) shared_.retained.set(std::move(message));
}

void SimulatedBroker::make_shards() {
    shared_.lazy_write_delay = Millis(0);
    shared_.steady_anchor = now_;
    for (ShardId id = 0; id < shared_.shards; ++id) {
        shards_.push_back(std::make_unique<broker::Shard>(id, shared_, kSeed + id, now_));
        shared_.peers.push_back(shards_.back().get());
    }
}

SimulatedBroker::~SimulatedBroker() {
    // Descriptors on their way between shards are closed by whoever takes them.
    (void)settle([] { return false; });
}

broker::Listener& SimulatedBroker::listener(const std::string& name) {
    for (const auto& each : listeners_) {
        if (each->name == name) return *each;
    }
    listeners_.push_back(
        std::make_unique<broker::Listener>(std::string(name), broker::ListenerKind::Mqtt));
    return *listeners_.back();
}

Result<int> SimulatedBroker::connect(broker::Listener& listener) {
    broker::Shard& shard = *shards_[next_shard_];
    next_shard_ = (next_shard_ + 1) % shards_.size();
    return connect(listener, shard);
}

Result<int> SimulatedBroker::connect(broker::Listener& listener, broker::Shard& accepting) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) != 0) {
        return Error{ErrorCode::SystemError, "socketpair failed"};
    }
    accepting.on_accept(listener, pair[1], {"127.0.0.1", 40'000});
    return pair[0];
}

Result<void> SimulatedBroker::settle(const Exchange& exchange) {
    int quiet = 0;
    for (int round = 0; quiet < kQuietRounds; ++round) {
        if (round == kMostRounds) {
            return Error{ErrorCode::Unavailable, "the broker does not come to rest"};
        }
        bool busy = false;
        for (const auto& shard : shards_) {
            busy = busy || shard->has_mail();
            busy = turn(*shard) || busy;
        }
        busy = exchange() || busy;
        quiet = busy ? 0 : quiet + 1;
    }
    return {};
}

Result<void> SimulatedBroker::advance(Millis time, const Exchange& exchange) {
    const TimePoint end = now_ + time;
    while (now_ < end) {
        TimePoint next = end;
        for (const auto& shard : shards_) next = std::min(next, shard->loop().timers().next_wake());
        now_ = std::max(next, now_ + Millis(1));
        if (auto settled = settle(exchange); !settled) return settled;
    }
    return {};
}

Result<void> SimulatedBroker::shut_down(const Exchange& exchange) {
    for (const auto& shard : shards_) shard->shut_down(now_ + Seconds(5));
    return settle(exchange);
}

}  // namespace vmq::testing
