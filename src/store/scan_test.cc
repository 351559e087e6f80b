#include "store/scan.h"

#include <gtest/gtest.h>

#include "store/engine_fixture.h"
#include "store/keys.h"

namespace vmq::store {
namespace {

TEST(ScanTest, TheAnchorIsNotSeenAndTheOrderIsThatOfTheKeys) {
    test::TemporaryDirectory folder;
    DatabaseOptions options;
    options.directory = folder.path();
    std::unique_ptr<Database> database;
    ASSERT_TRUE(Database::open(options, DatabaseLayout(options), database).ok());
    Scan empty(*database, Family::Queues);
    empty.seek("");
    EXPECT_FALSE(empty.valid());
    rocksdb::WriteBatch batch;
    for (const std::uint64_t sequence : {3U, 1U, 2U}) {
        const auto key = queue_key(SessionId{0}, sequence);
        (void)batch.Put(database->family(Family::Queues), to_slice(key.view()), "value");
    }
    ASSERT_TRUE(database->write(batch, Durability::Os));
    Scan scan(*database, Family::Queues);
    std::vector<std::uint64_t> sequences;
    for (scan.seek(""); scan.valid(); scan.next()) {
        sequences.push_back(parse_queue_key(scan.key())->sequence);
        EXPECT_EQ(scan.value(), "value");
    }
    EXPECT_EQ(sequences, (std::vector<std::uint64_t>{1, 2, 3}));
    EXPECT_TRUE(scan.status().ok());
    EXPECT_EQ(scan.gaps(), 0U);
}

}  // namespace
}  // namespace vmq::store
