#include "store/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "store/database.h"
#include "store/engine_fixture.h"

namespace vmq::store {
namespace {

using test::batch_of;
using test::message;
using test::put;
using test::put_session;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class EngineBasics : public test::EngineTest {};

TEST_F(EngineBasics, ANewStoreIsEmptyAndPrivate) {
    open();
    EXPECT_THAT(engine_->notices(), IsEmpty());
    EXPECT_EQ(engine_->boot(), 1U);
    EXPECT_THAT(sessions(), IsEmpty());
    EXPECT_THAT(load(1), IsEmpty());
    EXPECT_FALSE(engine_->reclaim());
    const auto mode = std::filesystem::status(directory()).permissions();
    EXPECT_EQ(mode & std::filesystem::perms::all, std::filesystem::perms::owner_all);
    expect_consistent();
}

TEST_F(EngineBasics, SeedStaysAndBootsAreCounted) {
    open();
    const std::uint64_t seed = engine_->seed();
    open();
    EXPECT_EQ(engine_->seed(), seed);
    EXPECT_EQ(engine_->boot(), 2U);
    EXPECT_EQ(engine_->stats().boots, 2U);
    EXPECT_EQ(engine_->stats().format_version, 1U);
}

TEST_F(EngineBasics, ASecondBrokerOnTheSameFolderIsRefused) {
    open();
    const auto second = Engine::open(options());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::Unavailable);
    EXPECT_THAT(second.error().detail, HasSubstr("another broker uses it"));
    EXPECT_THAT(second.error().detail, HasSubstr(directory()));
}

TEST_F(EngineBasics, AStoreOfANewerFormatIsRefusedAndNotTouched) {
    open();
    close();
    {
        DatabaseOptions database;
        database.directory = directory();
        std::unique_ptr<Database> raw;
        ASSERT_TRUE(Database::open(database, DatabaseLayout(database), raw).ok());
        ASSERT_TRUE(raw->write_number("format", kFormatVersion + 1));
    }
    const auto opened = Engine::open(options());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::InvalidValue);
    EXPECT_THAT(opened.error().detail, HasSubstr("newer version"));
    EXPECT_THAT(opened.error().detail, HasSubstr("format 2"));
}

TEST_F(EngineBasics, AFolderThatCannotBeMadeIsAnError) {
    std::filesystem::create_directories(folder_.path());
    test::TemporaryDirectory other;
    EngineOptions bad = options();
    bad.directory = "/proc/no_such_folder/store";
    const auto opened = Engine::open(bad);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().detail, HasSubstr(bad.directory));
}

TEST_F(EngineBasics, RetainedMessagesComeBackAndExpiredOnesDoNot) {
    open();
    const auto kept = mqtt::Message::make({.mountpoint = "m",
                                           .topic = "kept",
                                           .payload = "1",
                                           .expires_at = test::kSteady + Millis{1000}});
    const auto expired = mqtt::Message::make(
        {.topic = "expired", .payload = "2", .expires_at = test::kSteady - Millis{1}});
    write_all(PutRetained{kept, 1}, PutRetained{expired, 2}, PutRetained{message("3"), 3});
    open();
    std::vector<std::string> topics;
    ASSERT_TRUE(engine_->for_each_retained(
        [&](mqtt::MessagePtr each) { topics.emplace_back(each->topic()); }));
    EXPECT_THAT(topics, testing::UnorderedElementsAre("kept", "topic"));
}

TEST_F(EngineBasics, ALaterChangeOfARetainedMessageWinsInWhateverOrderTheyArrive) {
    open();
    const auto retained = [&] {
        std::vector<std::string> found;
        EXPECT_TRUE(engine_->for_each_retained(
            [&](mqtt::MessagePtr each) { found.emplace_back(each->payload()); }));
        return found;
    };
    write_all(PutRetained{message("new"), 7}, PutRetained{message("old"), 6});
    EXPECT_THAT(retained(), ElementsAre("new"));
    write_all(DeleteRetained{"", "topic", 5});
    EXPECT_THAT(retained(), ElementsAre("new"));
    write_all(DeleteRetained{"", "topic", 9});
    write_all(PutRetained{message("old"), 8});
    EXPECT_THAT(retained(), IsEmpty());
    write_all(PutRetained{message("newest"), 10});
    EXPECT_THAT(retained(), ElementsAre("newest"));
}

TEST_F(EngineBasics, FactsOfTheClusterAreKept) {
    open();
    const auto facts = [&] {
        std::vector<std::pair<std::string, std::string>> found;
        EXPECT_TRUE(engine_->for_each_fact(
            [&](std::string_view key, std::string_view value) { found.emplace_back(key, value); }));
        return found;
    };
    write_all(PutFact{"b", "2"}, PutFact{std::string("\0", 1), "zero"}, PutFact{"a", ""});
    write_all(PutFact{"b", "3"}, DeleteFact{"a"});
    EXPECT_THAT(facts(), ElementsAre(Pair(std::string("\0", 1), "zero"), Pair("b", "3")));
    engine_.reset();
    open();
    EXPECT_THAT(facts(), ElementsAre(Pair(std::string("\0", 1), "zero"), Pair("b", "3")));
    EXPECT_TRUE(engine_->check({}).value().good());
}

TEST_F(EngineBasics, FactsGoByTheBeginningOfTheirKeys) {
    open();
    write_all(PutFact{"a", ""}, PutFact{"b", ""}, PutFact{"b\xFF", ""}, PutFact{"b\xFF\x01", ""},
              PutFact{"b\xFF\xFF", ""}, PutFact{"c", ""});
    write_all(DeleteFacts{"b\xFF"}, PutFact{"b\xFFnew", ""});
    engine_.reset();
    open();
    std::vector<std::string> found;
    EXPECT_TRUE(engine_->for_each_fact(
        [&](std::string_view key, std::string_view) { found.emplace_back(key); }));
    EXPECT_THAT(found, ElementsAre("a", "b", "b\xFFnew", "c"));
    write_all(DeleteFacts{"b"});
    EXPECT_TRUE(engine_->check({}).value().good());
}

TEST_F(EngineBasics, StatsCountWhatIsThere) {
    open();
    write_all(put_session(1, "a"), put_session(2, "b"), PutSubscription{SessionId{1}, "x/#", {}, 0},
              put(1, 1, message("1")), put(1, 2, message("2", 7)), put(2, 1, message("2", 7)),
              PutRetained{message("r"), 1});
    const EngineStats stats = engine_->stats();
    EXPECT_EQ(stats.sessions, 2U);
    EXPECT_EQ(stats.subscriptions, 1U);
    EXPECT_EQ(stats.queued_messages, 3U);
    EXPECT_EQ(stats.shared_messages, 1U);
    EXPECT_EQ(stats.retained_messages, 1U);
    EXPECT_GT(stats.bytes_on_disk, 0U);
    EXPECT_GT(stats.memory_bytes, 0U);
}

TEST_F(EngineBasics, ACheckpointIsAStoreOfItsOwn) {
    open();
    write_all(put_session(1, "a"), put(1, 1, message("1")));
    const WriteBatch unlogged = batch_of(put(1, 2, message("2")));
    write(unlogged, Durability::Memory);
    const std::string copy = folder_.path() + "/copy";
    ASSERT_TRUE(engine_->checkpoint(copy));
    write_all(put(1, 3, message("3")));
    EXPECT_FALSE(engine_->checkpoint(copy)) << "a folder that exists is not overwritten";
    close();
    EngineOptions of_copy = options();
    of_copy.directory = copy;
    auto opened = Engine::open(of_copy);
    ASSERT_TRUE(opened) << opened.error().detail;
    engine_ = std::move(opened).value();
    EXPECT_THAT(payloads(1), ElementsAre("1", "2"));
}

TEST_F(EngineBasics, EveryDurabilitySurvivesAnOrderlyEnd) {
    open();
    const WriteBatch memory = batch_of(put(1, 1, message("memory")));
    const WriteBatch os = batch_of(put(1, 2, message("os")));
    const WriteBatch fsync = batch_of(put(1, 3, message("fsync")));
    write(memory, Durability::Memory);
    write(os, Durability::Os);
    write(fsync, Durability::Fsync);
    open();
    EXPECT_THAT(payloads(1), ElementsAre("memory", "os", "fsync"));
}

TEST_F(EngineBasics, SeveralBatchesAreWrittenInTheirOrder) {
    open();
    const WriteBatch first = batch_of(put_session(1, "first"), put(1, 1, message("1")));
    const WriteBatch second = batch_of(put_session(1, "second"), put(1, 2, message("2")));
    const WriteBatch* batches[] = {&first, &second};
    ASSERT_TRUE(engine_->write(batches, Durability::Os));
    ASSERT_THAT(sessions(), SizeIs(1));
    EXPECT_EQ(sessions()[0].record.key.client_id, "second");
    EXPECT_THAT(payloads(1), ElementsAre("1", "2"));
}

TEST_F(EngineBasics, AnotherThreadLoadsWhileThisOneWrites) {
    open();
    write_all(put_session(1, "a"), put_session(2, "b"));
    std::atomic<std::uint64_t> oldest{1};
    std::atomic<bool> done{false};
    std::thread loader([&] {
        while (!done.load()) {
            const std::uint64_t from = oldest.load();
            std::uint64_t before = 0;
            for (const StoredMessage& each : load(1, from, ~0ULL, 200)) {
                EXPECT_GT(each.sequence, before);
                EXPECT_EQ(each.message->payload(), std::to_string(each.sequence));
                before = each.sequence;
            }
        }
    });
    for (std::uint64_t i = 1; i <= 5000; ++i) {
        const std::uint64_t id = i % 2 == 0 ? i : 0;
        WriteBatch batch;
        batch.add(put(1, i, message(std::to_string(i), id)));
        if (i > 100) {
            const std::uint64_t old = i - 100;
            batch.add(DeleteMessage{SessionId{1}, old, old % 2 == 0 ? old : 0});
        }
        write(batch);
        if (i > 100) oldest.store(i - 100);
        if (i % 1000 == 0) {
            EXPECT_TRUE(engine_->flush());
        }
    }
    done.store(true);
    loader.join();
    EXPECT_EQ(engine_->stats().unreadable_messages, 0U);
    EXPECT_THAT(load(1), SizeIs(100));
    expect_consistent();
}

TEST_F(EngineBasics, CancelledWritesAreNotWritten) {
    open();
    WriteBatch batch;
    const WritePosition cancelled = batch.add(put(1, 1, message("1")));
    batch.add(put(1, 2, message("2")));
    ASSERT_TRUE(batch.cancel(cancelled));
    write(batch);
    EXPECT_THAT(payloads(1), ElementsAre("2"));
}

}  // namespace
}  // namespace vmq::store
