#include "store/memory_store.h"

#include <gtest/gtest.h>

namespace vmq::store {
namespace {

TEST(MemoryStore, ReportsEveryBatchSafeAtOnceAndLetsGoOfItsMessages) {
    MemoryStore store;
    const auto message = mqtt::Message::make({.topic = "a", .payload = "b"});
    WriteBatch batch;
    batch.add(PutMessage{ClientNumber{1}, 1, message, mqtt::QoS::AtLeastOnce, false, 0});
    int safe = 0;
    store.commit(0, std::move(batch),
                 [&](CommitStatus status) { safe += status == CommitStatus::Safe ? 1 : 0; });
    EXPECT_EQ(safe, 1);
}

}  // namespace
}  // namespace vmq::store
