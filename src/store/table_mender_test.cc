// Damaged table files, met while the store is open or when it is opened: exactly what stands in a
// damaged block is lost.
#include "store/table_mender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <numeric>
#include <set>

#include "base/random.h"
#include "store/coding.h"
#include "store/engine_fixture.h"
#include "store/keys.h"

namespace vmq::store {
namespace {

using test::message;
using test::put;
using test::put_session;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::uint64_t kQueuedMessages = 60;  // of a queue: several blocks
constexpr std::uint64_t kSessions = 3;
constexpr std::uint64_t kShared = 1000;  // store id of the first shared message

using Numbers = std::vector<std::uint64_t>;

Numbers numbers(std::uint64_t first, std::uint64_t last) {
    Numbers result(last - first + 1);
    std::iota(result.begin(), result.end(), first);
    return result;
}

/// Cannot be compressed, so that it is found in the file.
std::string payload(std::uint64_t session, std::uint64_t sequence) {
    std::string text = "[" + std::to_string(session) + "/" + std::to_string(sequence) + "]";
    Random random(session << 32U | sequence);
    while (text.size() < 1000) text.push_back(static_cast<char>(random.next()));
    return text;
}

std::string content_of(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// Of a footer: where the block of the index begins.
std::uint64_t index_offset(const std::string& content) {
    detail::ByteReader reader(std::string_view(content).substr(content.size() - 52, 40));
    std::uint64_t skipped = 0;
    std::uint64_t offset = 0;
    EXPECT_TRUE(reader.read_varint(skipped) && reader.read_varint(skipped) &&
                reader.read_varint(offset));
    return offset;
}

/// How the damage is met.
enum class Met : std::uint8_t { Running, AfterAStart, AtANotedStart };

std::string name_of(const testing::TestParamInfo<Met>& info) {
    constexpr const char* kNames[] = {"Running", "AfterAStart", "AtANotedStart"};
    return kNames[static_cast<std::size_t>(info.param)];
}

class DamagedTable : public test::EngineTest, public testing::WithParamInterface<Met> {
protected:
    void SetUp() override { open(); }

    /// Queues of three sessions; every message of the third is also in the second.
    void fill() {
        WriteBatch batch;
        for (std::uint64_t s = 1; s <= kSessions; ++s) {
            batch.add(put_session(s, "client-" + std::to_string(s)));
        }
        for (std::uint64_t i = 1; i <= kQueuedMessages; ++i) {
            batch.add(put(1, i, message(payload(1, i))));
            const auto shared = message(payload(3, i), kShared + i);
            batch.add(put(2, i, shared));
            batch.add(put(3, i, shared));
        }
        write(batch);
        ASSERT_TRUE(engine_->flush());
    }

    static void damage_at(const std::string& path, std::uint64_t at) {
        std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
        std::string bytes(8, '\0');
        stream.seekg(static_cast<std::streamoff>(at));
        stream.read(bytes.data(), 8);
        for (char& byte : bytes) byte = static_cast<char>(byte ^ 0x55);
        stream.seekp(static_cast<std::streamoff>(at));
        stream.write(bytes.data(), 8);
    }
    /// The table file that holds this text.
    [[nodiscard]] std::string table_with(std::string_view text) const {
        for (const std::string& path : test::files_named(directory(), ".sst")) {
            if (content_of(path).find(text) != std::string::npos) return path;
        }
        ADD_FAILURE() << "no table with " << text;
        return {};
    }
    std::string damage(std::string_view text) const {
        const std::string path = table_with(text);
        damage_at(path, content_of(path).rfind(text));
        return path;
    }
    [[nodiscard]] static TableExamination examined(const std::string& path) {
        TableExamination found;
        EXPECT_TRUE(examine_table(*rocksdb::Env::Default(), path, "", found).ok());
        return found;
    }
    /// Of a queue, what the gaps of a damaged file do not cover.
    [[nodiscard]] static Numbers outside(const TableExamination& found, std::uint64_t session) {
        Numbers result;
        for (std::uint64_t i = 1; i <= kQueuedMessages; ++i) {
            const auto key = queue_key(SessionId{session}, i);
            bool lost = false;
            for (const KeyRange& gap : found.gaps) {
                lost = lost || (key.view() > gap.after && key.view() <= gap.through);
            }
            if (!lost) result.push_back(i);
        }
        return result;
    }
    [[nodiscard]] Numbers left(std::uint64_t session) const {
        Numbers result;
        for (const StoredMessage& each : load(session)) {
            const std::uint64_t sender = session == 2 ? 3 : session;
            EXPECT_EQ(each.message->payload(), payload(sender, each.sequence));
            result.push_back(each.sequence);
        }
        return result;
    }

    void with_closed_store(const std::function<void()>& work) {
        if (GetParam() == Met::Running) return work();
        close();
        work();
        if (GetParam() == Met::AtANotedStart) {
            std::ofstream(directory() + "/DAMAGED") << "by a test\n";
        }
        open();
    }
    /// In the end the store is in order, whenever it was repaired, and nothing more is lost.
    void expect_repaired() {
        const std::vector<Numbers> before{left(1), left(2), left(3)};
        EXPECT_FALSE(engine_->needs_reopening());
        open();
        EXPECT_EQ((std::vector{left(1), left(2), left(3)}), before);
        expect_consistent();
        write_all(put(1, 1000, message(payload(1, 1000))));
        EXPECT_EQ(left(1).back(), 1000U);
        open();
        EXPECT_THAT(engine_->notices(), IsEmpty());
        bool kept = false;
        for (const auto& entry : std::filesystem::directory_iterator(directory())) {
            const bool folder = entry.path().filename().string().starts_with("damaged-");
            kept = kept || (folder && !test::files_named(entry.path(), ".sst").empty());
        }
        EXPECT_TRUE(kept) << "the damaged table";
    }
    /// A block of a queue is damaged: the one that holds `text`.
    void expect_only_the_block_is_lost(std::string_view text) {
        std::string path;
        with_closed_store([&] { path = damage(text); });
        const TableExamination found = examined(path);
        ASSERT_THAT(found.gaps, SizeIs(1));
        for (std::uint64_t s = 1; s <= kSessions; ++s) EXPECT_EQ(left(s), outside(found, s));
        const std::size_t lost =
            kSessions * kQueuedMessages - left(1).size() - left(2).size() - left(3).size();
        EXPECT_EQ(found.lost_records, lost);
        EXPECT_EQ(found.lost_deletions, 0U);
        EXPECT_GT(lost, 0U);
        if (GetParam() != Met::AtANotedStart) {
            EXPECT_EQ(engine_->stats().unreadable_messages, lost);
        }
        // What comes now comes out, also in the range of the block.
        write_all(put(1, kQueuedMessages + 1, message(payload(1, kQueuedMessages + 1))),
                  put(2, kQueuedMessages + 1, message(payload(3, kQueuedMessages + 1))));
        EXPECT_EQ(left(1).back(), kQueuedMessages + 1);
        EXPECT_EQ(left(2).back(), kQueuedMessages + 1);
        const auto newest = engine_->load({SessionId{1}, 0, ~0ULL, 1000, 1U << 30U, true});
        ASSERT_TRUE(newest);
        EXPECT_THAT(newest.value(), SizeIs(left(1).size()));
        expect_repaired();
    }
};

INSTANTIATE_TEST_SUITE_P(EveryTime, DamagedTable,
                         testing::Values(Met::Running, Met::AfterAStart, Met::AtANotedStart),
                         name_of);

TEST_P(DamagedTable, TheFirstBlockOfQueues) {
    fill();
    expect_only_the_block_is_lost("[1/1]");
    EXPECT_EQ(left(1).front(), 16U);
    EXPECT_EQ(left(2).front(), 1U);
}

TEST_P(DamagedTable, ABlockInTheMiddleOfAQueue) {
    fill();
    expect_only_the_block_is_lost("[1/30]");
    EXPECT_THAT(left(1),
                AllOf(Contains(15U), Not(Contains(16U)), Not(Contains(30U)), Contains(31U)));
}

TEST_P(DamagedTable, ABlockWithTheEndOfAQueueAndOthersBehindIt) {
    fill();
    expect_only_the_block_is_lost("[1/60]");
    EXPECT_THAT(left(1), AllOf(Contains(45U), Not(Contains(46U)), Not(Contains(60U))));
}

TEST_P(DamagedTable, TwoBlocks) {
    fill();
    std::string path;
    with_closed_store([&] {
        path = damage("[1/1]");
        (void)damage("[1/40]");
    });
    const TableExamination found = examined(path);
    ASSERT_THAT(found.gaps, SizeIs(2));
    EXPECT_EQ(left(1), outside(found, 1));
    Numbers kept = numbers(16, 30);
    for (const std::uint64_t i : numbers(46, kQueuedMessages)) kept.push_back(i);
    EXPECT_THAT(left(1), testing::ElementsAreArray(kept));
    EXPECT_EQ(left(2), numbers(1, kQueuedMessages));
    expect_repaired();
}

TEST_P(DamagedTable, TheLastBlockOfSharedMessagesTakesThemFromAllTheirQueues) {
    fill();
    with_closed_store([&] { (void)damage("[3/60]"); });
    EXPECT_EQ(left(1), numbers(1, kQueuedMessages));
    EXPECT_EQ(left(2), left(3));
    EXPECT_THAT(left(3),
                AllOf(SizeIs(testing::Ge(kQueuedMessages - 9)), Not(Contains(kQueuedMessages))));
    const Numbers left_before = left(3);
    EXPECT_EQ(left_before, numbers(1, left_before.size()));
    const std::uint64_t lost = kQueuedMessages - left_before.size();
    if (GetParam() == Met::AtANotedStart) {
        EXPECT_THAT(engine_->notices(),
                    Contains("client-2 lost " + std::to_string(lost) + " messages"));
    } else {
        EXPECT_EQ(engine_->stats().unreadable_messages, 2 * lost) << "each once";
    }
    expect_repaired();
    EXPECT_EQ(left(3), left_before);
}

TEST_P(DamagedTable, ABlockOfSessionsTakesOnlyTheirRecords) {
    WriteBatch batch;
    for (std::uint64_t s = 1; s <= 200; ++s) {
        batch.add(put_session(s, "<" + std::to_string(s) + ">" + std::string(100, 'x')));
        batch.add(put(s, 1, message(payload(1, 1))));
    }
    write(batch);
    ASSERT_TRUE(engine_->flush());
    std::string path;
    with_closed_store([&] { path = damage("<100>"); });
    std::set<std::uint64_t> found;
    for (const StoredSession& session : sessions()) {
        EXPECT_EQ(session.queue.count, 1U);
        found.insert(static_cast<std::uint64_t>(session.id));
    }
    EXPECT_GT(found.size(), 100U);
    EXPECT_FALSE(found.contains(100));
    const std::uint64_t lost = 200 - found.size();
    EXPECT_EQ(*found.begin(), 1U);
    EXPECT_EQ(*found.rbegin(), 200U);
    open();
    EXPECT_THAT(sessions(), SizeIs(found.size()));
    expect_consistent();
    if (GetParam() == Met::Running) {
        EXPECT_THAT(engine_->notices(),
                    Contains(HasSubstr("of sessions was damaged: " + std::to_string(lost))));
        EXPECT_THAT(engine_->notices(),
                    Contains(HasSubstr(std::to_string(lost) + " queues had lost their session")));
    }
    reclaim_all();
    EXPECT_EQ(engine_->stats().queued_messages, found.size());
    expect_consistent();
}

TEST_P(DamagedTable, ABlockOfRetainedMessages) {
    WriteBatch batch;
    for (std::uint64_t i = 1; i <= kQueuedMessages; ++i) {
        const auto each = mqtt::Message::make({.topic = "topic/" + std::to_string(100 + i),
                                               .payload = payload(1, i),
                                               .qos = mqtt::QoS::AtLeastOnce,
                                               .retain = true});
        batch.add(PutRetained{each, i});
    }
    write(batch);
    ASSERT_TRUE(engine_->flush());
    with_closed_store([&] { (void)damage("[1/30]"); });
    const auto topics = [this] {
        Numbers found;
        EXPECT_TRUE(engine_->for_each_retained([&](const mqtt::MessagePtr& each) {
            found.push_back(std::stoull(std::string(each->topic().substr(6))) - 100);
        }));
        return found;
    };
    Numbers expected = numbers(1, 24);
    for (const std::uint64_t i : numbers(33, kQueuedMessages)) expected.push_back(i);
    EXPECT_EQ(topics(), expected);
    open();
    EXPECT_EQ(topics(), expected);
    expect_consistent();
}

TEST_P(DamagedTable, CompressedTablesOfALowerLevel) {
    fill();
    close();
    {
        DatabaseOptions low;
        low.directory = directory();
        std::unique_ptr<Database> database;
        ASSERT_TRUE(Database::open(low, DatabaseLayout(low), database).ok());
        ASSERT_TRUE(database->compact_everything().ok());
    }
    open();
    expect_only_the_block_is_lost("[1/30]");
    EXPECT_THAT(left(1), AllOf(Contains(15U), Not(Contains(30U)), Contains(34U)));
}

/// Deletions and what they delete in different tables.
class DamagedDeletions : public DamagedTable {
protected:
    /// The newest table of queues has only deletions.
    void delete_and_damage(const std::function<bool(std::uint64_t)>& deleted) {
        fill();
        WriteBatch batch;
        for (std::uint64_t i = 1; i <= kQueuedMessages; ++i) {
            if (deleted(i)) batch.add(DeleteMessage{SessionId{1}, i, 0});
        }
        write(batch);
        ASSERT_TRUE(engine_->flush());
        close();
        std::string newest;
        for (const std::string& path : test::files_named(directory(), ".sst")) {
            if (examined(path).family == "queues") newest = path;
        }
        damage_at(newest, 3);
        std::ofstream(directory() + "/DAMAGED") << "by a test\n";
        open();
    }
};

INSTANTIATE_TEST_SUITE_P(Once, DamagedDeletions, testing::Values(Met::AtANotedStart), name_of);

TEST_P(DamagedDeletions, AreMadeAgainIfTheyAreBeyondDoubt) {
    delete_and_damage([](std::uint64_t i) { return i <= 20; });
    EXPECT_EQ(left(1), numbers(21, kQueuedMessages));
    EXPECT_THAT(engine_->notices(), Contains(HasSubstr("20 records that had come back")));
    expect_repaired();
}

TEST_P(DamagedDeletions, KeepWhatTheyMayNotHaveDeleted) {
    delete_and_damage([](std::uint64_t i) { return i <= 20 && i % 2 == 0; });
    EXPECT_EQ(left(1), numbers(1, kQueuedMessages));
    EXPECT_THAT(engine_->notices(), Contains(HasSubstr("messages may come again")));
    expect_repaired();
}

TEST_P(DamagedDeletions, InWholeBlocksStillDelete) {
    WriteBatch puts;
    puts.add(put_session(1, "client-1"));
    for (std::uint64_t i = 1; i <= 5000; ++i) puts.add(put(1, i, message("x")));
    write(puts);
    ASSERT_TRUE(engine_->flush());
    WriteBatch deletes;
    for (std::uint64_t i = 1; i <= 4000; ++i) deletes.add(DeleteMessage{SessionId{1}, i, 0});
    write(deletes);
    ASSERT_TRUE(engine_->flush());
    close();
    std::string newest;
    for (const std::string& path : test::files_named(directory(), ".sst")) {
        if (examined(path).family == "queues") newest = path;
    }
    damage_at(newest, 20'000);
    std::ofstream(directory() + "/DAMAGED") << "by a test\n";
    const TableExamination found = examined(newest);
    EXPECT_GT(found.lost_deletions, 0U);
    EXPECT_LT(found.lost_deletions, 1500U);
    open();
    EXPECT_EQ(load(1).front().sequence, 4001U);
    EXPECT_THAT(load(1), SizeIs(1000));
}

/// Parts of a table file that are no data.
class DamagedParts : public DamagedTable {
protected:
    /// Damages the table of queues at an offset that is found in its content.
    void damage_part(const std::function<std::uint64_t(const std::string&)>& where) {
        fill();
        with_closed_store([&] {
            const std::string path = table_with("[1/30]");
            damage_at(path, where(content_of(path)));
        });
    }
    void expect_nothing_is_lost() {
        for (std::uint64_t s = 1; s <= kSessions; ++s)
            EXPECT_EQ(left(s), numbers(1, kQueuedMessages));
        EXPECT_EQ(engine_->stats().unreadable_messages, 0U);
        expect_repaired();
    }
    /// The file itself; all other tables stay.
    void expect_the_file_is_lost() {
        EXPECT_THAT(engine_->notices(), Contains(HasSubstr("was taken out")));
        EXPECT_THAT(left(1), IsEmpty());
        EXPECT_THAT(sessions(), SizeIs(kSessions));
        expect_repaired();
    }
};

INSTANTIATE_TEST_SUITE_P(AtStarts, DamagedParts,
                         testing::Values(Met::AfterAStart, Met::AtANotedStart), name_of);

TEST_P(DamagedParts, TheIndexIsMadeAnew) {
    damage_part([](const std::string& content) { return index_offset(content) + 5; });
    expect_nothing_is_lost();
}

TEST_P(DamagedParts, TheFooterIsMadeAnew) {
    damage_part([](const std::string& content) { return content.size() - 50; });
    expect_nothing_is_lost();
}

TEST_P(DamagedParts, TheFilterIsMadeAnew) {
    fill();
    close();
    const std::string path = table_with("[1/30]");
    damage_at(path, index_offset(content_of(path)) - 30);
    ASSERT_THAT(examined(path).remade, ElementsAre("filter"));
    std::ofstream(directory() + "/DAMAGED") << "by a test\n";
    open();
    expect_nothing_is_lost();
}

TEST_P(DamagedParts, IndexAndDataTogetherTakeTheWholeFile) {
    fill();
    close();
    const std::string path = damage("[1/30]");
    damage_at(path, index_offset(content_of(path)) + 5);
    std::ofstream(directory() + "/DAMAGED") << "by a test\n";
    open();
    EXPECT_THAT(engine_->notices(), Contains(HasSubstr("its index and its data are damaged")));
    expect_the_file_is_lost();
}

TEST_P(DamagedParts, APropertiesBlockTakesTheWholeFile) {
    damage_part([](const std::string& content) { return content.find("raw.key.size"); });
    expect_the_file_is_lost();
}

TEST_P(DamagedParts, AFileWithoutBytes) {
    fill();
    with_closed_store([&] { std::filesystem::resize_file(table_with("[1/30]"), 0); });
    EXPECT_THAT(engine_->notices(), Contains(HasSubstr("it has only 0 bytes")));
    expect_the_file_is_lost();
}

TEST_P(DamagedParts, AMissingFileTakesWhatItHeld) {
    fill();
    const std::string path = table_with("[1/30]");
    with_closed_store([&] { std::filesystem::remove(path); });
    EXPECT_THAT(left(1), IsEmpty());
    EXPECT_THAT(sessions(), SizeIs(kSessions));
    open();
    EXPECT_THAT(engine_->notices(), IsEmpty());
    expect_consistent();
}

TEST_P(DamagedParts, TheNumbersOfTheStoreStandTwice) {
    fill();
    const std::uint64_t seed = engine_->seed();
    for (const char* family : {"meta", "default"}) {
        open();
        const std::uint32_t boot = engine_->boot();
        ASSERT_TRUE(engine_->flush());
        with_closed_store([&] {
            for (const std::string& path : test::files_named(directory(), ".sst")) {
                if (examined(path).family == family) damage_at(path, 3);
            }
        });
        EXPECT_EQ(engine_->seed(), seed) << family;
        EXPECT_EQ(engine_->boot(), boot + 1) << family;
        EXPECT_EQ(left(1), numbers(1, kQueuedMessages));
        expect_consistent();
    }
}

/// What cannot be mended while the store is open is an error and not the end of a queue.
using DamagedWhileOpen = DamagedTable;

INSTANTIATE_TEST_SUITE_P(Once, DamagedWhileOpen, testing::Values(Met::Running), name_of);

TEST_P(DamagedWhileOpen, AShortenedFileIsRepairedWhenTheStoreIsOpenedAnew) {
    fill();
    std::filesystem::resize_file(table_with("[1/30]"), 100);
    const auto loaded = engine_->load({SessionId{1}, 0, ~0ULL, 1000, 1U << 30U, false});
    EXPECT_FALSE(loaded);
    EXPECT_TRUE(engine_->needs_reopening());
    write_all(put(1, kQueuedMessages + 1, message(payload(1, kQueuedMessages + 1))));
    open();
    EXPECT_FALSE(engine_->needs_reopening());
    EXPECT_THAT(left(1), ElementsAre(kQueuedMessages + 1));
    expect_consistent();
}

TEST_P(DamagedWhileOpen, AFileThatABackupHasALinkToIsMendedWhenTheStoreIsOpenedAnew) {
    fill();
    const std::string backup = folder_.path() + "/backup";
    ASSERT_TRUE(engine_->checkpoint(backup));
    const std::string path = damage("[1/30]");
    const std::string damaged = content_of(path);
    EXPECT_FALSE(engine_->load({SessionId{1}, 0, ~0ULL, 1000, 1U << 30U, false}));
    EXPECT_TRUE(engine_->needs_reopening());
    open();
    EXPECT_THAT(left(1), SizeIs(kQueuedMessages - 15));
    EXPECT_EQ(left(2), numbers(1, kQueuedMessages));
    const std::string in_backup = backup + "/" + std::filesystem::path(path).filename().string();
    EXPECT_EQ(content_of(in_backup), damaged);
    expect_repaired();
}

TEST_P(DamagedWhileOpen, AMendedTableIsCompactedAsAnyOther) {
    fill();
    (void)damage("[1/30]");
    EXPECT_THAT(left(1), SizeIs(kQueuedMessages - 15));
    close();
    DatabaseOptions low;
    low.directory = directory();
    std::unique_ptr<Database> database;
    ASSERT_TRUE(Database::open(low, DatabaseLayout(low), database).ok());
    ASSERT_TRUE(database->compact_everything().ok());
    database.reset();
    open();
    EXPECT_THAT(left(1), SizeIs(kQueuedMessages - 15));
    expect_repaired();
}

}  // namespace
}  // namespace vmq::store
