// Puts, deletes and loads of small messages, and the start of a store with many sessions.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/assert.h"
#include "store/engine.h"

namespace vmq::store {
namespace {

constexpr std::uint64_t kSessions = 100;

/// A store in a folder of its own on the disk, in the current directory.
class Store final {
public:
    Store() {
        std::filesystem::remove_all(directory_);
        reopen();
    }
    ~Store() {
        engine_.reset();
        std::filesystem::remove_all(directory_);
    }
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    void reopen() {
        engine_.reset();
        EngineOptions options;
        options.directory = directory_;
        auto opened = Engine::open(options);
        VMQ_ASSERT(opened);
        engine_ = std::move(opened).value();
    }
    [[nodiscard]] Engine& engine() const { return *engine_; }
    void write(const WriteBatch& batch, Durability durability = Durability::Os) const {
        const WriteBatch* batches[] = {&batch};
        VMQ_ASSERT(engine_->write(batches, durability));
    }

private:
    const std::string directory_ = "engine_bench_store";
    std::unique_ptr<Engine> engine_;
};

mqtt::MessagePtr small_message(std::uint64_t store_id = 0) {
    static const std::string payload(64, 'x');
    return mqtt::Message::make({.topic = "sensors/12/temperature",
                                .payload = payload,
                                .qos = mqtt::QoS::AtLeastOnce,
                                .store_id = store_id});
}

PutMessage put(std::uint64_t session, std::uint64_t sequence, mqtt::MessagePtr message) {
    return {SessionId{session},     sequence, std::move(message), nullptr, 0,
            mqtt::QoS::AtLeastOnce, false};
}

/// Batches of so many messages, spread over the sessions.
void put_messages(benchmark::State& state, Durability durability) {
    const Store store;
    const auto per_batch = static_cast<std::uint64_t>(state.range(0));
    const auto message = small_message();
    std::uint64_t count = 0;
    for (auto _ : state) {
        WriteBatch batch;
        for (std::uint64_t i = 0; i < per_batch; ++i, ++count) {
            batch.add(put(1 + count % kSessions, 1 + count / kSessions, message));
        }
        store.write(batch, durability);
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(count));
}
BENCHMARK_CAPTURE(put_messages, os, Durability::Os)->Arg(200);
BENCHMARK_CAPTURE(put_messages, memory, Durability::Memory)->Arg(200);
BENCHMARK_CAPTURE(put_messages, fsync, Durability::Fsync)->Arg(1)->Arg(200);

/// Every message is deleted in the write after the one that put it, as with connected clients.
void put_and_delete(benchmark::State& state) {
    const Store store;
    const auto per_batch = static_cast<std::uint64_t>(state.range(0));
    const auto message = small_message();
    std::uint64_t count = 0;
    for (auto _ : state) {
        WriteBatch batch;
        for (std::uint64_t i = 0; i < per_batch; ++i, ++count) {
            batch.add(put(1 + count % kSessions, 1 + count / kSessions, message));
            if (count < per_batch) continue;
            const std::uint64_t old = count - per_batch;
            batch.add(DeleteMessage{SessionId{1 + old % kSessions}, 1 + old / kSessions, 0});
        }
        store.write(batch);
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(count) * 2);
}
BENCHMARK(put_and_delete)->Arg(200);

/// Messages that are on the disk.
void delete_messages(benchmark::State& state) {
    const Store store;
    const auto per_batch = static_cast<std::uint64_t>(state.range(0));
    const auto message = small_message();
    constexpr std::uint64_t kCount = 1'000'000;
    std::uint64_t count = kCount;
    std::int64_t deleted = 0;
    std::uint64_t round = 0;
    for (auto _ : state) {
        if (count >= kCount) {
            state.PauseTiming();
            ++round;
            for (std::uint64_t i = 0; i < kCount;) {
                WriteBatch batch;
                for (const std::uint64_t end = i + 1000; i < end; ++i) {
                    batch.add(put(round * kSessions + i % kSessions, 1 + i / kSessions, message));
                }
                store.write(batch);
            }
            count = 0;
            state.ResumeTiming();
        }
        WriteBatch batch;
        for (std::uint64_t i = 0; i < per_batch; ++i, ++count) {
            batch.add(DeleteMessage{SessionId{round * kSessions + count % kSessions},
                                    1 + count / kSessions, 0});
        }
        store.write(batch);
        deleted += static_cast<std::int64_t>(per_batch);
    }
    state.SetItemsProcessed(deleted);
}
BENCHMARK(delete_messages)->Arg(200);

/// One message for 10 queues: written once, referred to ten times.
void put_shared(benchmark::State& state) {
    const Store store;
    std::uint64_t id = 0;
    for (auto _ : state) {
        WriteBatch batch;
        for (int i = 0; i < 20; ++i) {
            ++id;
            const auto message = small_message(id);
            for (std::uint64_t session = 1; session <= 10; ++session) {
                batch.add(put(session, id, message));
            }
        }
        store.write(batch);
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(id) * 10);
}
BENCHMARK(put_shared);

/// One queue from its beginning to its end, over and over.
void load_queue(benchmark::State& state, bool shared) {
    const Store store;
    constexpr std::uint64_t kCount = 200'000;
    for (std::uint64_t i = 0; i < kCount;) {
        WriteBatch batch;
        for (const std::uint64_t end = i + 1000; i < end; ++i) {
            batch.add(put(1, 1 + i, small_message(shared ? 1 + i : 0)));
        }
        store.write(batch);
    }
    VMQ_ASSERT(store.engine().flush());
    const auto at_once = static_cast<std::size_t>(state.range(0));
    std::uint64_t from = 1;
    std::int64_t count = 0;
    for (auto _ : state) {
        auto loaded = store.engine().load(
            {SessionId{1}, from, kCount, at_once, std::size_t{64} << 20U, false});
        VMQ_ASSERT(loaded && !loaded.value().empty());
        from = loaded.value().back().sequence + 1;
        if (from > kCount) from = 1;
        count += static_cast<std::int64_t>(loaded.value().size());
    }
    state.SetItemsProcessed(count);
}
BENCHMARK_CAPTURE(load_queue, inline, false)->Arg(1000)->Arg(100);
BENCHMARK_CAPTURE(load_queue, shared, true)->Arg(1000);

/// A broker starts: 10,000 sessions with two subscriptions each and a million messages.
void open_store(benchmark::State& state) {
    Store store;
    constexpr std::uint64_t kManySessions = 10'000;
    const auto message = small_message();
    for (std::uint64_t session = 1; session <= kManySessions; ++session) {
        WriteBatch batch;
        PutSession main{SessionId{session}, {}};
        main.record.key.client_id = "client" + std::to_string(session);
        batch.add(std::move(main));
        batch.add(PutSubscription{SessionId{session}, "sensors/+/temperature", {}, 0});
        batch.add(
            PutSubscription{SessionId{session}, "commands/" + std::to_string(session), {}, 0});
        for (std::uint64_t i = 1; i <= 100; ++i) batch.add(put(session, i, message));
        store.write(batch);
    }
    for (auto _ : state) {
        store.reopen();
        std::uint64_t sessions = 0;
        std::uint64_t messages = 0;
        VMQ_ASSERT(store.engine().for_each_session([&](const StoredSession& session) {
            ++sessions;
            messages += session.queue.count;
        }));
        VMQ_ASSERT(sessions == kManySessions && messages == 100 * kManySessions);
    }
}
BENCHMARK(open_store)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vmq::store
