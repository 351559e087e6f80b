#include "broker/durable_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <span>

#include "support/keeping_store.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace vmq::broker {
namespace {

using store::CommitStatus;
using store::PutMessage;
using store::SessionId;
using store::WriteBatch;

constexpr Seconds kFlushPatience{30};

/// Keeps everything in memory. RocksDB's own synchronisation is not seen by ThreadSanitizer, ours
/// is.
class MemoryEngine final : public store::Engine {
public:
    explicit MemoryEngine(testing::KeptRecords& records) : records_(records) {}
    Result<void> write(std::span<const WriteBatch* const> batches,
                       store::Durability /*durability*/) override {
        if (failing) return Error{ErrorCode::StorageFull, "no space"};
        for (const WriteBatch* batch : batches) records_.apply(*batch);
        return {};
    }
    Result<void> flush() override { return {}; }
    Result<std::vector<store::StoredMessage>> load(
        const store::LoadRequest& request) const override {
        return records_.load(request);
    }
    bool reclaim() override { return false; }
    Sizes sizes() const override { return {.bytes_on_disk = 12, .memory_bytes = 34}; }
    bool stuck() const noexcept override { return failing && beyond_help; }
    Result<void> can_be_opened_anew() const override {
        return full ? Result<void>(Error{ErrorCode::StorageFull, "no space"}) : Result<void>{};
    }
    std::uint64_t failed_write() const noexcept override { return 17; }

    std::atomic<bool> failing{false};
    std::atomic<bool> beyond_help{false};
    std::atomic<bool> full{true};

private:
    testing::KeptRecords& records_;
};

/// Without RocksDB: in the thread of the store, one after the other.
class DurableStoreThreads : public ::testing::Test {
protected:
    static WriteBatch batch(std::uint64_t session, std::uint64_t sequence,
                            mqtt::MessagePtr message) {
        WriteBatch result;
        (void)result.add(PutMessage{SessionId{session}, sequence, std::move(message), nullptr, 0,
                                    mqtt::QoS::AtLeastOnce, false});
        return result;
    }
    static void wait_until_refusing(const DurableStore& store) {
        const TimePoint limit = steady_now() + kFlushPatience;
        while (store.accepting() && steady_now() < limit) runtime::pause(Millis(1));
        EXPECT_FALSE(store.accepting());
    }
    std::unique_ptr<DurableStore> make(std::uint32_t shards) {
        auto engine = std::make_unique<MemoryEngine>(records);
        engine_ = engine.get();
        return std::make_unique<DurableStore>(
            std::move(engine),
            [this](std::uint64_t leave_out) -> Result<std::unique_ptr<store::Engine>> {
                left_out = leave_out;
                return std::unique_ptr<store::Engine>(std::make_unique<MemoryEngine>(records));
            },
            shards, store::Durability::Os,
            [](ShardId /*shard*/, const std::function<void()>& work) { work(); },
            [this](ShardId /*shard*/) { ++told_of_refusing; }, metrics);
    }

    std::atomic<std::uint64_t> left_out{0};
    std::atomic<std::uint32_t> told_of_refusing{0};
    testing::KeptRecords records;
    metrics::StoreMetrics metrics;
    MemoryEngine* engine_ = nullptr;
};

TEST_F(DurableStoreThreads, SeveralShardsCommitAtOnceAndNothingIsMissing) {
    constexpr std::uint32_t kShards = 4;
    constexpr std::uint64_t kEach = 2'000;
    std::atomic<std::uint64_t> safe{0};
    auto store = make(kShards);
    {
        std::vector<std::unique_ptr<runtime::WorkThread>> shards;
        for (ShardId shard = 0; shard < kShards; ++shard) {
            shards.push_back(std::make_unique<runtime::WorkThread>([&, shard] {
                for (std::uint64_t i = 1; i <= kEach; ++i) {
                    store->commit(shard, batch(shard + 1, i, testing::message("x")),
                                  [&safe](CommitStatus) { ++safe; });
                }
            }));
        }
    }
    store.reset();
    EXPECT_EQ(safe.load(), kShards * kEach);
    EXPECT_EQ(metrics.commit.value().count(), kShards * kEach);
    EXPECT_GT(metrics.write.value().count(), 0U);
    EXPECT_EQ(metrics.bytes_on_disk.load(), 12U);
    EXPECT_EQ(metrics.memory_bytes.load(), 34U);
    EXPECT_EQ(records.messages(), kShards * kEach);
}

TEST_F(DurableStoreThreads, JointMessagesOfManyShardsNeverStandStill) {
    constexpr std::uint32_t kShards = 3;
    constexpr std::uint64_t kEach = 500;
    std::vector<mqtt::MessagePtr> joint;
    for (std::uint64_t i = 0; i < kEach; ++i) {
        joint.push_back(testing::message("x"));
        joint.back()->begin_parts(kShards);
    }
    std::atomic<std::uint64_t> safe{0};
    auto store = make(kShards);
    {
        std::vector<std::unique_ptr<runtime::WorkThread>> shards;
        for (ShardId shard = 0; shard < kShards; ++shard) {
            shards.push_back(std::make_unique<runtime::WorkThread>([&, shard] {
                for (std::uint64_t i = 0; i < kEach; ++i) {
                    // Another order on every shard, so that batches wait for each other.
                    const std::uint64_t which = i ^ shard;
                    if (which >= kEach) continue;
                    WriteBatch part = batch(shard + 1, which + 1, joint[which]);
                    part.join(joint[which]);
                    store->commit(shard, std::move(part), [&safe](CommitStatus) { ++safe; });
                }
            }));
        }
    }
    store.reset();
    EXPECT_GT(safe.load(), 0U);
    EXPECT_EQ(records.messages(), safe.load());
}

TEST_F(DurableStoreThreads, ADiskThatRefusesIsTriedAgainAndNothingIsAnsweredMeanwhile) {
    auto store = make(1);
    engine_->failing = true;
    std::promise<CommitStatus> done;
    auto future = done.get_future();
    store->commit(0, batch(1, 1, testing::message("x")),
                  [&done](CommitStatus status) { done.set_value(status); });
    wait_until_refusing(*store);
    EXPECT_EQ(future.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
    engine_->failing = false;
    EXPECT_EQ(future.get(), CommitStatus::Safe);
    EXPECT_TRUE(store->accepting());
    EXPECT_EQ(records.messages(), 1U);
    EXPECT_EQ(told_of_refusing, 1U);
}

TEST_F(DurableStoreThreads, AnEngineThatIsStuckIsReplacedWhenTheDiskHasRoom) {
    auto store = make(1);
    engine_->failing = true;
    engine_->beyond_help = true;
    std::promise<void> done;
    store->commit(0, batch(1, 1, testing::message("x")),
                  [&done](CommitStatus) { done.set_value(); });
    wait_until_refusing(*store);
    EXPECT_EQ(left_out, 0U);
    engine_->full = false;
    done.get_future().get();
    EXPECT_EQ(left_out, 17U);
    EXPECT_TRUE(store->accepting());
    EXPECT_EQ(records.messages(), 1U);
}

TEST_F(DurableStoreThreads, WhileTheDiskRefusesLoadsWaitOnlyForWhatTheyRead) {
    auto store = make(2);
    std::promise<void> before;
    store->commit(0, batch(1, 1, testing::message("old")),
                  [&before](CommitStatus) { before.set_value(); });
    before.get_future().get();
    engine_->failing = true;
    store->commit(0, batch(1, 20, testing::message("new")), [](CommitStatus) {});
    store->commit(0, batch(2, 5, testing::message("other")), [](CommitStatus) {});
    wait_until_refusing(*store);
    const auto load = [&](std::uint64_t from, std::uint64_t to) {
        auto loaded = std::make_shared<std::promise<std::size_t>>();
        store::LoadRequest request;
        request.session = SessionId{1};
        request.from = from;
        request.to = to;
        request.max_count = 100;
        request.max_bytes = 1 << 20;
        store->load(0, request, [loaded](std::vector<store::StoredMessage> messages) {
            loaded->set_value(messages.size());
        });
        return loaded->get_future();
    };
    auto all = load(1, 30);  // has to wait for message 20
    EXPECT_EQ(load(1, 10).get(), 1U);
    EXPECT_FALSE(store->accepting());
    engine_->failing = false;
    EXPECT_EQ(all.get(), 2U);
}

#ifdef __SANITIZE_THREAD__
#define VMQ_SKIP_ROCKSDB() GTEST_SKIP() << "RocksDB is not instrumented for ThreadSanitizer"
#else
#define VMQ_SKIP_ROCKSDB() (void)0
#endif

class DurableStoreShards : public ::testing::Test {
protected:
    void SetUp() override {
        VMQ_SKIP_ROCKSDB();
        open();
    }
    void TearDown() override { store_.reset(); }

    void open() {
        store::EngineOptions options;
        options.directory = folder_.path();
        auto engine = store::Engine::open(options);
        ASSERT_TRUE(engine) << engine.error().detail;
        // The shard is played by the threads of the store themselves.
        store_ = std::make_unique<DurableStore>(
            std::move(engine).value(),
            [options](std::uint64_t leave_out) mutable {
                options.leave_out = leave_out;
                return store::Engine::open(options);
            },
            2, store::Durability::Os,
            [](ShardId /*shard*/, const std::function<void()>& work) { work(); },
            [](ShardId /*shard*/) {}, metrics_);
    }
    static WriteBatch batch(std::uint64_t sequence, mqtt::MessagePtr message) {
        WriteBatch result;
        (void)result.add(PutMessage{SessionId{1}, sequence, std::move(message), nullptr, 0,
                                    mqtt::QoS::AtLeastOnce, false});
        return result;
    }
    std::future<CommitStatus> commit(ShardId shard, WriteBatch batch) {
        auto promise = std::make_shared<std::promise<CommitStatus>>();
        store_->commit(shard, std::move(batch),
                       [promise](CommitStatus status) { promise->set_value(status); });
        return promise->get_future();
    }
    std::vector<std::string> load(ShardId shard) {
        std::promise<std::vector<std::string>> promise;
        store::LoadRequest request;
        request.session = SessionId{1};
        request.from = 1;
        request.to = 1000;
        request.max_count = 1000;
        request.max_bytes = 1 << 20;
        store_->load(shard, request, [&promise](std::vector<store::StoredMessage> messages) {
            std::vector<std::string> payloads;
            for (const auto& each : messages) payloads.emplace_back(each.message->payload());
            promise.set_value(payloads);
        });
        return promise.get_future().get();
    }

    testing::TemporaryFolder folder_;
    metrics::StoreMetrics metrics_;
    std::unique_ptr<DurableStore> store_;
};

TEST_F(DurableStoreShards, GivesBackWhatWasCommittedBeforeInOrder) {
    auto last = commit(0, batch(1, testing::message("a")));
    (void)commit(0, batch(2, testing::message("b")));
    EXPECT_EQ(load(0), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(last.get(), CommitStatus::Safe);
    EXPECT_TRUE(store_->accepting());
}

TEST_F(DurableStoreShards, WritesOutWhatWaitsBeforeItCloses) {
    for (std::uint64_t i = 1; i <= 100; ++i) (void)commit(i % 2, batch(i, testing::message("x")));
    store_.reset();
    open();
    EXPECT_EQ(load(0).size(), 100U);
}

// Exactly once over a crash: the packet id on one shard and the copies on others are written as
// one.
TEST_F(DurableStoreShards, AMessageOfSeveralShardsIsWrittenWhenAllHaveDoneTheirPart) {
    const auto message = testing::message("joint");
    message->begin_parts(2);
    WriteBatch first = batch(1, message);
    first.join(message);
    auto here = commit(0, std::move(first));
    auto unrelated = commit(1, batch(10, testing::message("other")));
    ASSERT_EQ(unrelated.wait_for(kFlushPatience), std::future_status::ready);
    EXPECT_EQ(here.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
    WriteBatch second = batch(2, message);
    second.join(message);
    auto there = commit(1, std::move(second));
    EXPECT_EQ(here.get(), CommitStatus::Safe);
    EXPECT_EQ(there.get(), CommitStatus::Safe);
    EXPECT_EQ(load(0).size(), 3U);
}

// Damage that cannot be mended under RocksDB is repaired by opening the store anew; who asked
// meanwhile gets what is left, and what comes then.
TEST_F(DurableStoreShards, ATableThatIsCutOffWhileItIsInUseIsRepairedWithoutARestart) {
    EXPECT_EQ(commit(0, batch(1, testing::message("cut off"))).get(), CommitStatus::Safe);
    store_.reset();
    open();
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
        if (entry.path().extension() != ".sst") continue;
        std::ifstream stream(entry.path(), std::ios::binary);
        const std::string content{std::istreambuf_iterator<char>(stream), {}};
        if (content.find("cut off") != std::string::npos) {
            std::filesystem::resize_file(entry.path(), 10);
        }
    }
    EXPECT_EQ(load(0), std::vector<std::string>{});
    EXPECT_EQ(commit(0, batch(2, testing::message("new"))).get(), CommitStatus::Safe);
    EXPECT_EQ(load(0), std::vector<std::string>{"new"});
}

}  // namespace
}  // namespace vmq::broker
