#include "store/reference_ledger.h"

#include <gtest/gtest.h>

#include <map>

#include "store/counted_body.h"
#include "store/engine_fixture.h"
#include "store/keys.h"

namespace vmq::store {
namespace {

using test::message;

/// Collects the merges of a batch: id -> count, and whether the body is with it.
class Merges final : public rocksdb::WriteBatch::Handler {
public:
    rocksdb::Status MergeCF(std::uint32_t /*family*/, const rocksdb::Slice& key,
                            const rocksdb::Slice& value) override {
        CountedBody change;
        EXPECT_TRUE(decode_counted_body(to_view(value), change));
        found[*parse_message_key(to_view(key))] = {change.count, !change.body.empty()};
        return rocksdb::Status::OK();
    }
    std::map<std::uint64_t, std::pair<std::int64_t, bool>> found;
};

class ReferenceLedgerTest : public testing::Test {
protected:
    /// The merges of what the ledger holds, which is then written.
    auto write() {
        rocksdb::WriteBatch batch;
        ledger_.append_to(batch, nullptr, {});
        ledger_.written();
        Merges merges;
        EXPECT_TRUE(batch.Iterate(&merges).ok());
        return merges.found;
    }

    ReferenceLedger ledger_;
    const mqtt::MessagePtr message_ = message("body", 7);
};

using Found = std::map<std::uint64_t, std::pair<std::int64_t, bool>>;

TEST_F(ReferenceLedgerTest, OneMergeSumsUpAWrite) {
    ledger_.hold(*message_);
    ledger_.hold(*message_);
    ledger_.hold(*message_);
    ledger_.release(7);
    ledger_.release(8);
    EXPECT_EQ(write(), (Found{{7, {2, true}}, {8, {-1, false}}}));
    EXPECT_EQ(ledger_.take_released(), 2U);
    EXPECT_EQ(ledger_.take_released(), 0U);
}

TEST_F(ReferenceLedgerTest, TheBodyIsWrittenOnceWhileNobodyLetsGo) {
    ledger_.hold(*message_);
    EXPECT_EQ(write(), (Found{{7, {1, true}}}));
    ledger_.hold(*message_);
    EXPECT_EQ(write(), (Found{{7, {1, false}}}));
}

TEST_F(ReferenceLedgerTest, AfterAReleaseTheBodyIsWrittenAgain) {
    ledger_.hold(*message_);
    (void)write();
    ledger_.release(7);
    EXPECT_EQ(write(), (Found{{7, {-1, false}}}));
    ledger_.hold(*message_);
    EXPECT_EQ(write(), (Found{{7, {1, true}}}));
}

TEST_F(ReferenceLedgerTest, AfterAFailedWriteTheBodyIsWrittenAgain) {
    ledger_.hold(*message_);
    rocksdb::WriteBatch failed;
    ledger_.append_to(failed, nullptr, {});
    ledger_.dropped();
    ledger_.hold(*message_);
    EXPECT_EQ(write(), (Found{{7, {1, true}}}));
}

TEST_F(ReferenceLedgerTest, NoChangeNoMerge) {
    ledger_.hold(*message_);
    ledger_.release(7);
    EXPECT_EQ(write(), Found{});
}

TEST(RecentIds, StayBoundedAndForgetTheOldest) {
    RecentIds ids(3);
    for (std::uint64_t id = 1; id <= 100; ++id) ids.insert(id);
    EXPECT_TRUE(ids.contains(100));
    EXPECT_TRUE(ids.contains(98));
    EXPECT_FALSE(ids.contains(90));
    ids.erase(100);
    EXPECT_FALSE(ids.contains(100));
}

}  // namespace
}  // namespace vmq::store
