#include "store/inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/counted_body.h"
#include "store/engine_fixture.h"
#include "store/keys.h"

namespace vmq::store {
namespace {

using test::message;
using test::put;
using test::put_session;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

/// A good store, opened behind the engine's back.
class Inventory : public test::EngineTest {
protected:
    void SetUp() override {
        open();
        write_all(put_session(1, "a"), put_session(2, "b"),
                  PutSubscription{SessionId{1}, "x", {}, 0}, put(1, 1, message("own")),
                  put(1, 2, message("shared", 77)), put(2, 1, message("shared", 77)),
                  put(2, 2, message("other", 78)), PutRetained{message("r"), 1});
        close();
        DatabaseOptions database_options;
        database_options.directory = directory();
        ASSERT_TRUE(
            Database::open(database_options, DatabaseLayout(database_options), database_).ok());
    }

    void set(Family family, std::string_view key, std::string_view value) {
        ASSERT_TRUE(database_->db()
                        .Put({}, database_->family(family), to_slice(key), to_slice(value))
                        .ok());
    }
    void remove(Family family, std::string_view key) {
        ASSERT_TRUE(database_->db().Delete({}, database_->family(family), to_slice(key)).ok());
    }
    std::vector<std::string> problems() {
        auto report = check_store(*database_, {});
        EXPECT_TRUE(report);
        return report.value().problems;
    }
    Restored restore() {
        auto restored = restore_consistency(*database_);
        EXPECT_TRUE(restored);
        EXPECT_THAT(problems(), IsEmpty());
        return restored.value();
    }

    std::unique_ptr<Database> database_;
};

TEST_F(Inventory, AGoodStoreHasNoProblemsAndNothingIsChangedInIt) {
    std::uint64_t seen = 0;
    const auto report = check_store(*database_, [&](std::uint64_t records) { seen = records; });
    ASSERT_TRUE(report);
    EXPECT_TRUE(report.value().good());
    EXPECT_EQ(report.value().records, 10U);
    EXPECT_EQ(seen, 10U);
    const Restored restored = restore();
    EXPECT_EQ(restored.unreadable + restored.messages_lost + restored.recounted +
                  restored.queues_orphaned,
              0U);
}

TEST_F(Inventory, AWrongCountIsFoundAndCorrected) {
    std::string change;
    encode_counted_body({5, {}}, change);
    const auto key = message_key(77);
    ASSERT_TRUE(database_->db()
                    .Merge({}, database_->family(Family::Messages), to_slice(key.view()), change)
                    .ok());
    EXPECT_THAT(problems(), Contains(HasSubstr("shared message 77 is counted 7 times, 2 queues")));
    EXPECT_EQ(restore().recounted, 1U);
}

TEST_F(Inventory, AMissingBodyIsFoundAndItsRecordsGo) {
    remove(Family::Messages, message_key(77).view());
    EXPECT_THAT(problems(), Contains(HasSubstr("shared message 77 is missing, 2 queues hold it")));
    EXPECT_EQ(restore().messages_lost, 2U);
}

TEST_F(Inventory, ABodyThatNobodyHoldsIsFoundAndGoes) {
    std::string value;
    encode_counted_body({1, "x"}, value);
    set(Family::Messages, message_key(99).view(), value);
    EXPECT_THAT(problems(), Contains(HasSubstr("shared message 99")));
    (void)restore();
}

TEST_F(Inventory, RecordsThatCannotBeDecodedAreFoundAndGo) {
    set(Family::Queues, queue_key(SessionId{1}, 9).view(), "\xFF");
    set(Family::Sessions, subscription_key(SessionId{1}, "y"), "\xFF");
    set(Family::Retained, retained_key("", "t"), "\xFF");
    set(Family::Facts, fact_key("f"), "\xFF");
    set(Family::Messages, message_key(78).view(), "\xFF");
    set(Family::Queues, "short", "");
    EXPECT_GE(problems().size(), 6U);
    const Restored restored = restore();
    EXPECT_EQ(restored.unreadable, 6U);
    EXPECT_EQ(restored.messages_lost, 1U);
}

TEST_F(Inventory, AQueueWithoutItsSessionIsFoundAndDoomed) {
    remove(Family::Sessions, session_key(SessionId{1}, SessionKeyKind::Main).view());
    EXPECT_THAT(problems(), Contains(HasSubstr("session 1, which does not exist")));
    EXPECT_EQ(restore().queues_orphaned, 1U);
    database_.reset();
    open();
    EXPECT_EQ(sessions().size(), 1U);
    reclaim_all();
    expect_consistent();
    EXPECT_EQ(load(2).size(), 2U);
}

TEST_F(Inventory, ProblemsAreLimited) {
    for (std::uint64_t i = 100; i < 300; ++i) {
        set(Family::Queues, queue_key(SessionId{1}, i).view(), "\xFF");
    }
    EXPECT_EQ(problems().size(), 100U);
}

}  // namespace
}  // namespace vmq::store
