#include "store/salvage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "store/engine_fixture.h"

namespace vmq::store {
namespace {

using test::message;
using test::put;
using test::put_session;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t kMessages = 300;

/// A store that has been damaged between two starts.
class Salvage : public test::EngineTest {
protected:
    /// 300 messages in a queue, every third of them shared with another.
    void fill() {
        open();
        write_all(put_session(1, "a"), put_session(2, "b"));
        for (std::uint64_t i = 1; i <= kMessages; ++i) {
            const auto each =
                message(std::to_string(i) + std::string(100, 'x'), i % 3 == 0 ? i : 0);
            WriteBatch batch;
            batch.add(put(1, i, each));
            if (i % 3 == 0) batch.add(put(2, i, each));
            write(batch);
        }
    }
    /// With the log as it is after a crash: a clean end would leave it in place, too.
    void copy_of_running_store() {
        const std::string copy = folder_.path() + "/copy";
        std::filesystem::create_directory(copy);
        for (const std::string& each : test::files_named(directory(), "")) {
            // One that the engine deletes meanwhile it does not need.
            std::error_code gone;
            std::filesystem::copy(each, copy, gone);
            ASSERT_TRUE(!gone || gone == std::errc::no_such_file_or_directory) << gone.message();
        }
        close();
        std::filesystem::remove_all(directory());
        std::filesystem::rename(copy, directory());
    }
    std::string file(std::string_view end) {
        std::string largest;
        std::uintmax_t size = 0;
        for (const std::string& each : test::files_named(directory(), end)) {
            if (std::filesystem::file_size(each) < size) continue;
            size = std::filesystem::file_size(each);
            largest = each;
        }
        EXPECT_FALSE(largest.empty());
        return largest;
    }
    static void flip_bytes(const std::string& path, std::uint64_t at, int count) {
        std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
        for (int i = 0; i < count; ++i) {
            stream.seekg(static_cast<std::streamoff>(at) + i);
            const int byte = stream.get();
            stream.seekp(static_cast<std::streamoff>(at) + i);
            stream.put(static_cast<char>(byte ^ 0x55));
        }
    }
    void expect_salvaged() {
        ASSERT_TRUE(engine_);
        EXPECT_THAT(engine_->notices(), Contains(HasSubstr("is damaged")));
        EXPECT_THAT(engine_->notices(), Contains(HasSubstr("copies of its files are in")));
        EXPECT_THAT(engine_->notices(), Contains(HasSubstr("the store was repaired")));
        bool kept = false;
        for (const auto& entry : std::filesystem::directory_iterator(directory())) {
            kept = kept || entry.path().filename().string().starts_with("damaged-");
        }
        EXPECT_TRUE(kept);
        expect_consistent();
        // And it works.
        write_all(put(1, 1000, message("new")));
        EXPECT_EQ(load(1).back().message->payload(), "new");
        open();
        EXPECT_THAT(engine_->notices(), IsEmpty()) << "the next start finds nothing wrong";
    }
};

TEST_F(Salvage, ATornEndOfTheLogIsNormal) {
    fill();
    copy_of_running_store();
    const std::string log = file(".log");
    std::filesystem::resize_file(log, std::filesystem::file_size(log) - 10);
    open();
    EXPECT_THAT(engine_->notices(), IsEmpty());
    EXPECT_EQ(load(1).size(), kMessages - 1);
    EXPECT_EQ(load(2).size(), kMessages / 3 - 1);
    expect_consistent();
}

TEST_F(Salvage, ADamagedRecordOfTheLogIsLeftOut) {
    fill();
    copy_of_running_store();
    const std::string log = file(".log");
    flip_bytes(log, std::filesystem::file_size(log) / 2, 4);
    open();
    EXPECT_THAT(engine_->notices(), Contains(HasSubstr("damaged records of its log")));
    const std::size_t left = load(1).size();
    EXPECT_LT(left, kMessages);
    EXPECT_GE(left, kMessages / 3);
    expect_salvaged();
}

TEST_F(Salvage, ADamagedTableThatIsFoundWhileRunningIsRepairedAtTheNextStart) {
    fill();
    ASSERT_TRUE(engine_->flush());
    close();
    const std::string table = file(".sst");
    flip_bytes(table, 20, 40);
    open();
    EXPECT_THAT(engine_->notices(), IsEmpty());
    const auto report = engine_->check({});
    ASSERT_TRUE(report);
    EXPECT_THAT(report.value().problems, Contains(HasSubstr("1 damaged places in queues")));
    const std::uint64_t lost = engine_->stats().unreadable_messages;
    EXPECT_GT(lost, 0U);
    EXPECT_EQ(load(1).size(), kMessages - lost);
    EXPECT_THAT(sessions(), testing::SizeIs(2));
    open();
    EXPECT_THAT(engine_->notices(),
                Contains(HasSubstr("of queues was damaged: " + std::to_string(lost) +
                                   " records are lost")));
    EXPECT_THAT(engine_->notices(), Contains(HasSubstr("they may be of: a")));
    EXPECT_THAT(engine_->notices(), Contains(HasSubstr("the store was repaired")));
    EXPECT_EQ(load(1).size(), kMessages - lost);
    EXPECT_THAT(sessions(), testing::SizeIs(2));
    expect_consistent();
    write_all(put(1, 1000, message("new")));
    EXPECT_EQ(load(1).back().message->payload(), "new");
    open();
    EXPECT_THAT(engine_->notices(), IsEmpty()) << "the next start finds nothing wrong";
}

TEST_F(Salvage, AMissingTableFileIsFoundAtTheStart) {
    fill();
    ASSERT_TRUE(engine_->flush());
    close();
    std::filesystem::remove(file(".sst"));
    open();
    EXPECT_THAT(sessions(), testing::SizeIs(2));
    expect_salvaged();
}

TEST_F(Salvage, AShortenedTableFileIsFoundAtTheStart) {
    fill();
    ASSERT_TRUE(engine_->flush());
    close();
    const std::string table = file(".sst");
    std::filesystem::resize_file(table, std::filesystem::file_size(table) / 2);
    open();
    expect_salvaged();
}

TEST_F(Salvage, WithoutManifestNothingIsLost) {
    fill();
    copy_of_running_store();
    for (const auto& entry : std::filesystem::directory_iterator(directory())) {
        if (entry.path().filename().string().starts_with("MANIFEST-")) {
            std::filesystem::remove(entry.path());
        }
    }
    open();
    EXPECT_EQ(load(1).size(), kMessages);
    EXPECT_EQ(load(2).size(), kMessages / 3);
    EXPECT_THAT(sessions(), testing::SizeIs(2));
    EXPECT_EQ(engine_->boot(), 2U);
    expect_salvaged();
}

TEST_F(Salvage, WithoutCurrentNothingIsLost) {
    fill();
    ASSERT_TRUE(engine_->flush());
    write_all(put(2, 1000, message("only in the log")));
    copy_of_running_store();
    std::filesystem::remove(directory() + "/CURRENT");
    open();
    EXPECT_EQ(load(1).size(), kMessages);
    EXPECT_EQ(load(2).size(), kMessages / 3 + 1);
    expect_salvaged();
}

TEST_F(Salvage, WithoutCurrentALogAndTheTableMadeOfItAreOne) {
    fill();
    // As if the engine had not come to deleting it, which it does in its own time.
    const std::string log = file(".log");
    const std::string kept = folder_.path() + "/kept";
    std::filesystem::copy(log, kept);
    ASSERT_TRUE(engine_->flush());
    write_all(put(2, 1000, message("only in the log")));
    copy_of_running_store();
    std::filesystem::copy_file(kept, log, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::remove(directory() + "/CURRENT");
    open();
    EXPECT_EQ(load(1).size(), kMessages);
    EXPECT_EQ(load(2).size(), kMessages / 3 + 1);
    expect_salvaged();
}

TEST_F(Salvage, AStoreThatIsInUseIsNotSalvaged) {
    fill();
    std::filesystem::remove(directory() + "/CURRENT");
    const auto second = Engine::open(options());
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().detail, HasSubstr("another broker uses it"));
    EXPECT_EQ(load(1).size(), kMessages);
}

}  // namespace
}  // namespace vmq::store
