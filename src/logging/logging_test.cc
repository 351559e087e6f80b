#include "logging/logging.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "support/temporary_folder.h"

namespace vmq::logging {
namespace {

using log::Level;
using log::Module;

log::Place place_of(Module module) { return {std::source_location::current(), module}; }

class LoggingTest : public ::testing::Test {
protected:
    [[nodiscard]] std::string path(const std::string& name = "console.log") const {
        return folder_.path() + "/" + name;
    }
    [[nodiscard]] Settings settings() const {
        Settings settings;
        settings.console_file = FileOutput{{.path = path()}, Format::Text};
        settings.errors = FileOutput{{.path = path("error.log")}, Format::Json};
        return settings;
    }
    std::unique_ptr<Logging> start(const Settings& settings) {
        auto started = Logging::start(settings);
        EXPECT_TRUE(started);
        return std::move(started).value();
    }
    static std::string content(const std::string& path) {
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    }
    static bool has(const std::string& path, std::string_view text) {
        return content(path).find(text) != std::string::npos;
    }

    testing::TemporaryFolder folder_;
};

TEST_F(LoggingTest, LinesGoWhereTheirLevelLetsThem) {
    const auto logging = start(settings());
    log::debug("of no interest");
    log::info("interesting");
    log::error("bad");
    ASSERT_TRUE(logging->flush());
    EXPECT_FALSE(has(path(), "of no interest"));
    EXPECT_TRUE(has(path(), "interesting"));
    EXPECT_TRUE(has(path(), "bad"));
    EXPECT_FALSE(has(path("error.log"), "interesting"));
    EXPECT_TRUE(has(path("error.log"), R"("level":"error")"));
    EXPECT_TRUE(has(path("error.log"), R"("msg":"bad")"));
}

TEST_F(LoggingTest, WhatWasLoggedIsWrittenAtTheEnd) {
    {
        const auto logging = start(settings());
        for (int i = 0; i < 1000; ++i) log::info("line {}", i);
    }
    EXPECT_TRUE(has(path(), "line 999\n"));
}

TEST_F(LoggingTest, LevelsChangeAtOnceAndOneByOne) {
    const auto logging = start(settings());
    EXPECT_FALSE(log::enabled(Level::Debug, Module::Store));
    logging->set_level(Logger::ConsoleFile, Level::Debug);
    EXPECT_TRUE(log::enabled(Level::Debug, Module::Store));
    logging->set_level(Logger::ConsoleFile, Level::Critical);
    EXPECT_FALSE(log::enabled(Level::Warning, Module::Store));
    EXPECT_TRUE(log::enabled(Level::Error, Module::Store)) << "the file of errors wants it";
    log::error("for error.log");
    ASSERT_TRUE(logging->flush());
    EXPECT_FALSE(has(path(), "for error.log"));
    EXPECT_TRUE(has(path("error.log"), "for error.log"));
}

TEST_F(LoggingTest, AModulesLevelTakesThePlaceOfTheOutputs) {
    const auto logging = start(settings());
    logging->set_module_level(Module::Store, Level::Debug);
    logging->set_module_level(Module::Session, Level::Off);
    EXPECT_EQ(logging->module_level(Module::Store), Level::Debug);
    log::event(Level::Debug, place_of(Module::Store), {}, "store speaks");
    log::event(Level::Debug, place_of(Module::Broker), {}, "broker does not");
    log::event(Level::Warning, place_of(Module::Session), {}, "session is silent");
    log::event(Level::Error, place_of(Module::Session), {}, "but for errors");
    ASSERT_TRUE(logging->flush());
    EXPECT_TRUE(has(path(), "store speaks"));
    EXPECT_FALSE(has(path(), "broker does not"));
    EXPECT_FALSE(has(path(), "session is silent"));
    EXPECT_FALSE(has(path(), "but for errors"));
    EXPECT_TRUE(has(path("error.log"), "but for errors"));
    logging->set_module_level(Module::Store, std::nullopt);
    EXPECT_FALSE(log::enabled(Level::Debug, Module::Store));
}

TEST_F(LoggingTest, NothingPassesBelowTheFloor) {
    Settings wanted = settings();
    wanted.floor = Level::Warning;
    wanted.console_file_level = Level::Debug;
    const auto logging = start(wanted);
    logging->set_module_level(Module::Store, Level::Debug);
    EXPECT_FALSE(log::enabled(Level::Notice, Module::Store));
    EXPECT_TRUE(log::enabled(Level::Warning, Module::Store));
    logging->set_floor(Level::Debug);
    EXPECT_TRUE(log::enabled(Level::Debug, Module::Store));
}

TEST_F(LoggingTest, OutputsAreCalledAsVerneMQDoes) {
    const auto logging = start(settings());
    const auto outputs = logging->outputs();
    ASSERT_EQ(outputs.size(), 2U);
    EXPECT_EQ(name_of(outputs[0].logger), "default");
    EXPECT_EQ(outputs[0].level, Level::Error);
    EXPECT_EQ(outputs[0].file, path("error.log"));
    EXPECT_EQ(name_of(outputs[1].logger), "consolefile");
    EXPECT_FALSE(logging->has(Logger::Syslog));
}

TEST_F(LoggingTest, ReopenBeginsTheFileAnew) {
    const auto logging = start(settings());
    log::info("first");
    ASSERT_TRUE(logging->flush());
    std::filesystem::rename(path(), path("moved"));
    logging->reopen();
    EXPECT_TRUE(has(path("moved"), "first"));
    EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(LoggingTest, WhatCannotBeOpenedIsAnErrorAndNothingIsInstalled) {
    Settings wanted = settings();
    wanted.console_file->file.path = "/proc/no/log";
    EXPECT_FALSE(Logging::start(wanted));
    wanted = settings();
    wanted.syslog.emplace();
    wanted.syslog->target = {.protocol = SyslogTarget::Protocol::Tls,
                             .host = "localhost",
                             .cafile = path("nowhere.pem")};
    const auto started = Logging::start(wanted);
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().detail.find("nowhere.pem"), std::string::npos);
}

TEST_F(LoggingTest, LinesThatAreLostAreCounted) {
    Settings wanted = settings();
    wanted.console_file->file.path = "/dev/full";
    const auto logging = start(wanted);
    for (int i = 0; i < 10; ++i) log::info("for nobody");
    ASSERT_TRUE(logging->flush());
    ASSERT_TRUE(logging->flush());  // the line that says so
    std::uint64_t lost = 0;
    for (const auto& each : logging->lost()) {
        if (each.where == "consolefile") lost = each.lines;
    }
    EXPECT_GE(lost, 10U);
    EXPECT_TRUE(has(path("error.log"), "cannot write the log file /dev/full"));
}

TEST_F(LoggingTest, FilesComeBeforeAConsoleThatMayHaveToBeWaitedFor) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const int before = ::dup(1);
    ASSERT_EQ(::dup2(ends[1], 1), 1);
    Settings wanted = settings();
    wanted.console = Format::Text;
    std::array<char, 4096> piece{};
    {
        const auto logging = start(wanted);
        for (int i = 0; i < 200; ++i) {
            log::info("line {}", i);
            const ssize_t got = ::read(ends[0], piece.data(), piece.size());
            EXPECT_GT(got, 0);
            EXPECT_TRUE(has(path(), fmt::format("line {}\n", i)));
            EXPECT_TRUE(logging->flush());
        }
    }
    ::dup2(before, 1);
    for (const int each : {before, ends[0], ends[1]}) ::close(each);
}

/// A log file that takes nothing more once the pipe behind it is full, until it is read.
class PipeForALog {
public:
    explicit PipeForALog(const std::string& path) {
        ::signal(SIGPIPE, SIG_IGN);  // as the broker does
        EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
        end_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        EXPECT_GE(end_, 0);
    }
    PipeForALog(const PipeForALog&) = delete;
    PipeForALog& operator=(const PipeForALog&) = delete;
    ~PipeForALog() { close(); }

    /// Who writes fails instead of waiting for a reader.
    void close() {
        if (end_ >= 0) ::close(std::exchange(end_, -1));
    }

    bool read_until(std::string_view text) {
        std::array<char, 65536> piece{};
        for (const TimePoint until = steady_now() + Millis(60'000); steady_now() < until;) {
            const ssize_t got = ::read(end_, piece.data(), piece.size());
            if (got <= 0) {
                pollfd polled{end_, POLLIN, 0};
                ::poll(&polled, 1, 100);
                continue;
            }
            read_.append(piece.data(), static_cast<std::size_t>(got));
            if (read_.find(text) != std::string::npos) return true;
            read_.erase(0, read_.size() - std::min(read_.size(), text.size()));
        }
        return false;
    }

private:
    int end_ = -1;
    std::string read_;
};

TEST_F(LoggingTest, MoreThanCanWaitIsGivenUpAndSaid) {
    PipeForALog pipe(path());
    const auto logging = start(settings());
    const std::string text(log::kLongestText, 'x');
    const auto given_up = [&] { return logging->lost().front().lines; };
    // What the thread has taken out, and what waits behind it.
    const std::size_t enough = 4 * Logging::kMostWaiting / text.size();
    for (std::size_t i = 0; i < enough; ++i) log::info("{}", text);
    EXPECT_TRUE(
        pipe.read_until("lines that were not logged, because more came than could be written"));
    EXPECT_GT(given_up(), 0U);
    pipe.close();  // before the log's end, which waits for what is being written
}

}  // namespace
}  // namespace vmq::logging
