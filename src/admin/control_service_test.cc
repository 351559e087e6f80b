#include "admin/control_service.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "admin/commands/wire.h"
#include "support/temporary_folder.h"

namespace vmq::admin {
namespace {

using commands::Printed;

/// Who asks, with a blocking socket.
class Asker {
public:
    explicit Asker(const std::string& path)
        : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        const timeval patience{30, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    ~Asker() { ::close(fd_); }
    Asker(const Asker&) = delete;
    Asker& operator=(const Asker&) = delete;

    void send(const std::string& bytes) {
        (void)::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    std::string receive(std::size_t most = 4096) {
        std::string bytes(most, '\0');
        const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
        bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return bytes;
    }
    /// Until the end.
    std::string rest() {
        std::string all;
        for (std::string some = receive(); !some.empty(); some = receive()) all += some;
        return all;
    }
    std::string ask(const std::string& bytes) {
        send(bytes);
        return rest();
    }

private:
    int fd_;
};

class ControlServiceShards : public ::testing::Test {
public:
    ~ControlServiceShards() override {
        service_.reset();
        ::close(listening_);
    }
    ControlServiceShards(const ControlServiceShards&) = delete;
    ControlServiceShards& operator=(const ControlServiceShards&) = delete;

protected:
    ControlServiceShards() : path_(folder_.path() + "/x.ctl") {
        listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path_.data(), path_.size());
        EXPECT_EQ(::bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listening_, 16), 0);
        actions_.command = [](const std::vector<std::string>& words, bool terminal) {
            return Printed{words.front() + (terminal ? "!" : "."), "e", 3};
        };
        actions_.request = [](std::string_view line) {
            return line == "ping" ? std::string("pong") : std::string();
        };
        actions_.stop = [this](int waiter) { stopped_.set_value(waiter); };
    }
    void serve(ControlLimits limits = {}) { service_.emplace(listening_, actions_, limits); }
    static std::string command(const std::string& word) {
        return commands::encode(commands::Request{{word}, false});
    }
    static std::string answer(const std::string& out) {
        return commands::encode(Printed{out, "e", 3});
    }

    testing::TemporaryFolder folder_;
    const std::string path_;
    int listening_ = -1;
    ControlService::Actions actions_;
    std::promise<int> stopped_;
    std::optional<ControlService> service_;
};

TEST_F(ControlServiceShards, AnswersRequestsAndCommands) {
    serve();
    EXPECT_EQ(Asker(path_).ask("ping\n"), "pong\n");
    EXPECT_EQ(Asker(path_).ask("what\n"), "error: unknown request\n");
    EXPECT_EQ(Asker(path_).ask(command("x")), answer("x."));
    EXPECT_EQ(Asker(path_).ask("admin {\n"), "error: not a request of vmq-admin\n");
}

TEST_F(ControlServiceShards, ARequestMayComeInPieces) {
    serve();
    Asker asker(path_);
    for (const char c : command("abc")) asker.send(std::string(1, c));
    EXPECT_EQ(asker.rest(), answer("abc."));
}

TEST_F(ControlServiceShards, AnAnswerOfAnySizeArrives) {
    actions_.command = [](const std::vector<std::string>& /*words*/, bool /*terminal*/) {
        return Printed{std::string(5'000'000, 'x'), "e", 3};
    };
    serve();
    EXPECT_EQ(Asker(path_).ask(command("x")), answer(std::string(5'000'000, 'x')));
}

TEST_F(ControlServiceShards, ARequestThatIsTooLongIsRefused) {
    serve();
    EXPECT_EQ(Asker(path_).ask(std::string(commands::kMaxRequest + 1, 'x')),
              "error: the request is too long\n");
}

TEST_F(ControlServiceShards, WhoSaysNothingIsSentAway) {
    serve({.request = Millis(20)});
    EXPECT_EQ(Asker(path_).rest(), "");
}

TEST_F(ControlServiceShards, OneTooManyIsSentAwayAndTheOthersStay) {
    serve({.connections = 1});
    Asker first(path_);
    first.send("pi");
    EXPECT_EQ(Asker(path_).rest(), "");
    EXPECT_EQ(first.ask("ng\n"), "pong\n");
}

TEST_F(ControlServiceShards, ALongCommandHoldsNobodyUp) {
    std::promise<void> release;
    std::shared_future<void> released = release.get_future().share();
    actions_.command = [released](const std::vector<std::string>& /*words*/, bool /*terminal*/) {
        released.wait();
        return Printed{"late", "e", 3};
    };
    serve();
    Asker slow(path_);
    slow.send(command("x"));
    EXPECT_EQ(Asker(path_).ask("ping\n"), "pong\n");
    release.set_value();
    EXPECT_EQ(slow.rest(), answer("late"));
}

/// Says its number until it is told to end, and tells when it is gone.
class Counting final : public commands::Stream {
public:
    Counting(std::atomic<bool>& end, std::promise<void>& gone, std::size_t size = 1)
        : end_(end), gone_(gone), size_(size) {}
    ~Counting() override { gone_.set_value(); }
    Counting(const Counting&) = delete;
    Counting& operator=(const Counting&) = delete;
    Piece take() override {
        if (end_) return {"end", 5};
        return {std::string(size_, '.'), {}};
    }

private:
    std::atomic<bool>& end_;
    std::promise<void>& gone_;
    const std::size_t size_;
};

class ControlServiceStreamShards : public ControlServiceShards {
protected:
    void stream(std::size_t size = 1) {
        actions_.command = [this, size](const std::vector<std::string>& /*words*/, bool) {
            Printed printed{"begin", "", 0};
            printed.stream = std::make_shared<Counting>(end_, gone_, size);
            return printed;
        };
        serve();
    }

    std::atomic<bool> end_{false};
    std::promise<void> gone_;
};

TEST_F(ControlServiceStreamShards, AnAnswerGoesOnUntilItEnds) {
    stream();
    Asker asker(path_);
    asker.send(command("x"));
    std::string got;
    const std::string begin = "o" + std::string("\0\0\0\5", 4) + "begin";
    const std::string dot = "o" + std::string("\0\0\0\1", 4) + ".";
    while (got.size() < begin.size() + 3 * dot.size()) got += asker.receive();
    EXPECT_TRUE(got.starts_with(begin + dot + dot + dot));
    end_ = true;
    EXPECT_TRUE(asker.rest().ends_with(commands::encode(commands::Stream::Piece{"end", 5})));
    gone_.get_future().wait();
}

TEST_F(ControlServiceStreamShards, ItEndsWhenItsReaderIsGone) {
    stream();
    {
        Asker asker(path_);
        asker.send(command("x"));
        EXPECT_NE(asker.receive(), "");
    }
    gone_.get_future().wait();
    EXPECT_EQ(Asker(path_).ask("ping\n"), "pong\n");
}

TEST_F(ControlServiceStreamShards, AReaderWhoStopsHoldsNobodyUp) {
    stream(1'000'000);
    Asker asker(path_);
    asker.send(command("x"));
    EXPECT_EQ(Asker(path_).ask("ping\n"), "pong\n");
    end_ = true;
    EXPECT_TRUE(asker.rest().ends_with(commands::encode(commands::Stream::Piece{"end", 5})));
}

TEST_F(ControlServiceStreamShards, TheEndOfTheBrokerIsToldToTheReader) {
    stream();
    Asker asker(path_);
    asker.send(command("x"));
    EXPECT_NE(asker.receive(), "");
    service_->close();
    EXPECT_TRUE(asker.rest().ends_with(
        commands::encode(commands::Stream::Piece{".the broker is stopping\n", 1})));
}

TEST_F(ControlServiceShards, WhoAsksForTheEndSeesIt) {
    serve();
    Asker asker(path_);
    asker.send("stop\n");
    EXPECT_EQ(asker.receive(3), "ok\n");
    const int waiter = stopped_.get_future().get();
    std::atomic<bool> ended{false};
    std::future<std::string> end = std::async(std::launch::async, [&] {
        std::string rest = asker.rest();
        EXPECT_TRUE(ended.load());
        return rest;
    });
    service_->close();
    service_.reset();  // the process is not at its end yet
    ended.store(true);
    ::close(waiter);
    EXPECT_EQ(end.get(), "");
}

}  // namespace
}  // namespace vmq::admin
