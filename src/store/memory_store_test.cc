#include "store/memory_store.h"

#include <gtest/gtest.h>

namespace vmq::store {
namespace {

TEST(MemoryStore, ReportsEveryBatchSafeAtOnceAndLetsGoOfItsMessages) {
    MemoryStore store;
    const auto message = mqtt::Message::make({.topic = "a", .payload = "b"});
    WriteBatch batch;
    batch.add(PutMessage{SessionId{1}, 1, message, nullptr, 0, mqtt::QoS::AtLeastOnce, false});
    int safe = 0;
    store.commit(0, std::move(batch),
                 [&](CommitStatus status) { safe += status == CommitStatus::Safe ? 1 : 0; });
    EXPECT_EQ(safe, 1);
    EXPECT_TRUE(store.always_safe());
    EXPECT_FALSE(store.keeps_messages());
}

}  // namespace
}  // namespace vmq::store
