// An Engine in a process of its own that is killed in the middle of its writes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "store/engine_fixture.h"

namespace vmq::store {
namespace {

using test::message;
using test::put;
using test::put_session;

constexpr int kReports = 3;  // file descriptor of the child
constexpr std::uint64_t kPerWrite = 3;

/// Stands in the folder of the child, so that the test program knows what it is to be.
constexpr const char* kChildMark = "child";

/// What the child process runs, in its folder: tells the last sequence that write() returned for.
void write_until_killed() {
    EngineOptions options;
    options.directory = "store";
    options.memory_bytes = 1 << 20;  // small, so that tables are written all the time
    auto opened = Engine::open(options);
    ASSERT_TRUE(opened);
    Engine& engine = *opened.value();
    std::uint64_t last = 0;
    const auto stored = engine.load({SessionId{1}, 0, ~0ULL, 10'000'000, ~std::size_t{0}, false});
    ASSERT_TRUE(stored);
    if (!stored.value().empty()) last = stored.value().back().sequence;
    const auto shared = message("shared", 77);
    for (;;) {
        WriteBatch batch;
        batch.add(put_session(1, "a"));
        for (std::uint64_t i = 0; i < kPerWrite; ++i) {
            ++last;
            batch.add(put(
                1, last,
                last % 5 == 0 ? shared : message(std::to_string(last) + std::string(200, 'x'))));
        }
        const WriteBatch* batches[] = {&batch};
        if (!engine.write(batches, Durability::Os)) return;
        if (write(kReports, &last, sizeof last) != sizeof last) return;
    }
}

class EngineCrash : public test::EngineTest {
protected:
    /// Runs the child until it has reported so many writes, and kills it. The last report.
    std::uint64_t run_child(int reports) {
        std::array<int, 2> ends{};
        EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
        const pid_t child = fork();
        if (child == 0) {
            // Threads of RocksDB do not survive fork(), so the child is a new program.
            const int silence = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
            if (dup2(ends[1], kReports) != kReports || dup2(silence, STDOUT_FILENO) < 0 ||
                chdir(folder_.path().c_str()) != 0) {
                _exit(1);
            }
            execl("/proc/self/exe", "vmq_store_test", "--gtest_filter=EngineCrash.*", nullptr);
            _exit(1);
        }
        close_end(ends[1]);
        std::uint64_t last = 0;
        for (int i = 0; i < reports; ++i) {
            std::uint64_t report = 0;
            if (read(ends[0], &report, sizeof report) != sizeof report) break;
            last = report;
        }
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
        std::uint64_t report = 0;
        while (read(ends[0], &report, sizeof report) == sizeof report) last = report;
        close_end(ends[0]);
        return last;
    }

    static void close_end(int end) { ::close(end); }
};

TEST_F(EngineCrash, WhatWasAcknowledgedSurvivesTheEndOfTheProcess) {
    if (std::filesystem::exists(kChildMark)) return write_until_killed();
    std::filesystem::create_directory(folder_.path() + "/" + kChildMark);
    std::uint64_t written = 0;
    for (const int reports : {1, 40, 700, 3000}) {
        const std::uint64_t acknowledged = run_child(reports);
        ASSERT_GT(acknowledged, written);
        open();
        const auto loaded = load(1);
        ASSERT_FALSE(loaded.empty());
        written = loaded.back().sequence;
        EXPECT_GE(written, acknowledged);
        EXPECT_LE(written, acknowledged + kPerWrite) << "one write may have been under way";
        EXPECT_EQ(written % kPerWrite, 0U) << "a write is all or nothing";
        EXPECT_EQ(loaded.size(), written) << "none is missing";
        EXPECT_TRUE(engine_->notices().empty());
        expect_consistent();
        engine_.reset();
    }
}

}  // namespace
}  // namespace vmq::store
