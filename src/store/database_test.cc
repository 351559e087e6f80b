#include "store/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/engine_fixture.h"
#include "store/keys.h"

namespace vmq::store {
namespace {

using rocksdb::Status;
using testing::HasSubstr;

class DatabaseTest : public testing::Test {
protected:
    Status open() {
        database_.reset();
        options_.directory = folder_.path();
        return Database::open(options_, DatabaseLayout(options_), database_);
    }

    test::TemporaryDirectory folder_;
    DatabaseOptions options_;
    std::unique_ptr<Database> database_;
};

TEST_F(DatabaseTest, EveryColumnFamilyHasATableFileFromTheBeginning) {
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(test::files_named(folder_.path(), ".sst").size(), kFamilies);
    for (std::size_t i = 0; i < kFamilies; ++i) {
        std::string value;
        EXPECT_TRUE(
            database_->db()
                .Get({}, database_->family(static_cast<Family>(i)), to_slice(kAnchorKey), &value)
                .ok());
    }
}

TEST_F(DatabaseTest, NumbersStandTwice) {
    ASSERT_TRUE(open().ok());
    ASSERT_TRUE(database_->write_number("n", 300));
    std::uint64_t number = 0;
    EXPECT_TRUE(database_->read_number("n", number));
    EXPECT_EQ(number, 300U);
    ASSERT_TRUE(database_->db().Put({}, database_->family(Family::Meta), "n", "damaged").ok());
    number = 0;
    EXPECT_TRUE(database_->read_number("n", number));
    EXPECT_EQ(number, 300U);
    EXPECT_FALSE(database_->read_number("m", number));
}

TEST_F(DatabaseTest, APartThatIsNotKnownMeansANewerFormat) {
    ASSERT_TRUE(open().ok());
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    ASSERT_TRUE(database_->db().CreateColumnFamily({}, "novelties", &handle).ok());
    ASSERT_TRUE(database_->db().DestroyColumnFamilyHandle(handle).ok());
    const Status status = open();
    EXPECT_TRUE(status.IsNotSupported());
    EXPECT_THAT(status.ToString(), HasSubstr("novelties"));
}

TEST_F(DatabaseTest, FailuresAreSentencesForTheOperator) {
    const Error full = storage_error(Status::NoSpace(), "cannot write", "/d");
    EXPECT_EQ(full.code, ErrorCode::StorageFull);
    EXPECT_EQ(full.detail, "cannot write in /d: the disk is full; make room there");
    const Error failed = storage_error(Status::IOError("x"), "cannot write", "/d");
    EXPECT_EQ(failed.code, ErrorCode::StorageFailed);
    EXPECT_THAT(failed.detail, HasSubstr("cannot write in /d: IO error: x"));
}

TEST_F(DatabaseTest, OneCompactionAtATimeAndClosingWaitsForIt) {
    ASSERT_TRUE(open().ok());
    ASSERT_TRUE(database_->compact_in_background(Family::Queues));
    database_->wait_for_compaction();
    EXPECT_FALSE(database_->compacting());
    EXPECT_TRUE(database_->compact_in_background(Family::Messages));
    database_.reset();
}

TEST_F(DatabaseTest, DamageIsNotedForTheNextStart) {
    ASSERT_TRUE(open().ok());
    database_->note_damage(Status::IOError("not damage"));
    EXPECT_FALSE(std::filesystem::exists(Database::damage_note(folder_.path())));
    database_->note_damage(Status::Corruption("block"));
    EXPECT_TRUE(std::filesystem::exists(Database::damage_note(folder_.path())));
}

}  // namespace
}  // namespace vmq::store
