#include "transport/stream_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>

namespace vmq::transport {
namespace {

class NoTurns final : public runtime::TurnHandler {
public:
    [[nodiscard]] bool has_mail() const override { return false; }
    void on_mail() override {}
    void on_turn_end() override {}
};

struct Told final : runtime::ReadyHandler {
    void on_ready(std::uint8_t events) override {
        readable += (events & kReadable) != 0 ? 1 : 0;
        writable += (events & kWritable) != 0 ? 1 : 0;
        broken += (events & kBroken) != 0 ? 1 : 0;
    }
    int readable = 0;
    int writable = 0;
    int broken = 0;
};

/// A StreamSocket and the bare other end of it.
class StreamSocketTest : public ::testing::Test {
protected:
    StreamSocketTest() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
            abort();
        peer_ = ends[1];
        socket_ = std::make_unique<StreamSocket>(loop_, ends[0], told_);
    }
    ~StreamSocketTest() override { hang_up(); }

    void hang_up() {
        if (peer_ >= 0) ::close(peer_);
        peer_ = -1;
    }
    std::string peer_reads() {
        std::string all;
        std::array<char, 65'536> buffer;
        for (ssize_t got = 0; (got = ::read(peer_, buffer.data(), buffer.size())) > 0;) {
            all.append(buffer.data(), static_cast<std::size_t>(got));
        }
        return all;
    }
    void turn(runtime::ShardLoop& loop) {
        NoTurns idle;
        loop.step(idle, steady_now());
    }

    runtime::ShardLoop loop_{0};
    Told told_;
    int peer_ = -1;
    std::unique_ptr<StreamSocket> socket_;
    std::array<char, 64> buffer_;
};

TEST_F(StreamSocketTest, ReadsWhatIsThereAndThenWouldBlock) {
    ASSERT_EQ(::write(peer_, "hello", 5), 5);
    auto result = socket_->read(buffer_);
    EXPECT_EQ(result.status, IoStatus::Ok);
    EXPECT_EQ(std::string(buffer_.data(), result.size), "hello");
    EXPECT_EQ(socket_->read(buffer_).status, IoStatus::WouldBlock);
}

TEST_F(StreamSocketTest, KnowsWhetherSomethingWaitsWithoutReadingIt) {
    EXPECT_FALSE(socket_->has_unread());
    ASSERT_EQ(::write(peer_, "hello", 5), 5);
    EXPECT_TRUE(socket_->has_unread());
    EXPECT_EQ(socket_->read(buffer_).size, 5U);
    EXPECT_FALSE(socket_->has_unread());
}

TEST_F(StreamSocketTest, SaysThatThePeerEndedTheStream) {
    hang_up();
    EXPECT_EQ(socket_->read(buffer_).status, IoStatus::Closed);
}

TEST_F(StreamSocketTest, WritingToAPeerThatIsGoneFailsWithoutASignal) {
    hang_up();
    OutputBuffer output;
    output.bytes() = "hello";
    std::size_t written = 0;
    EXPECT_EQ(socket_->write(output, written), IoStatus::Failed);
    EXPECT_EQ(written, 0U);
}

TEST_F(StreamSocketTest, WritesCopiedAndReferencedBytesInOrderHoweverLittleFits) {
    OutputBuffer output;
    std::string expected;
    for (int i = 0; i < 100; ++i) {
        const std::string small = "[" + std::to_string(i) + "]";
        output.bytes() += small;
        auto large = std::make_shared<const std::string>(std::string(
            static_cast<std::size_t>(10'000 + 977 * i), static_cast<char>('a' + i % 26)));
        output.append_reference(*large, large);
        expected += small + *large;
    }
    output.bytes() += "end";
    expected += "end";
    ASSERT_EQ(output.size(), expected.size());

    std::string got;
    std::size_t total = 0;
    int blocked = 0;
    while (true) {
        std::size_t written = 0;
        const IoStatus status = socket_->write(output, written);
        total += written;
        got += peer_reads();
        if (status == IoStatus::Ok) break;
        ASSERT_EQ(status, IoStatus::WouldBlock);
        ASSERT_FALSE(output.empty());
        ++blocked;
    }
    EXPECT_GT(blocked, 0);
    EXPECT_TRUE(output.empty());
    EXPECT_EQ(total, expected.size());
    EXPECT_TRUE(got == expected);
}

TEST_F(StreamSocketTest, TellsAsLongAsThereIsSomethingToReadAndRoomToWrite) {
    socket_->want(true, true);
    turn(loop_);
    EXPECT_EQ(told_.readable, 0);
    EXPECT_EQ(told_.writable, 1);
    ASSERT_EQ(::write(peer_, "x", 1), 1);
    socket_->want(true, false);
    turn(loop_);
    turn(loop_);
    EXPECT_EQ(told_.readable, 2);
    EXPECT_EQ(told_.writable, 1);
    socket_->want(false, false);
    turn(loop_);
    EXPECT_EQ(told_.readable, 2);
}

TEST_F(StreamSocketTest, APeerThatIsGoneIsToldEvenToOneWhoDoesNotRead) {
    socket_->want(false, false);
    hang_up();
    turn(loop_);
    EXPECT_EQ(told_.broken, 1);
}

TEST_F(StreamSocketTest, ClosingEndsTheTelling) {
    socket_->want(true, true);
    socket_->close();
    turn(loop_);
    EXPECT_EQ(told_.writable, 0);
}

TEST_F(StreamSocketTest, AfterShutdownWriteThePeerSeesTheEndAndMayStillSend) {
    OutputBuffer output;
    output.bytes() = "bye";
    std::size_t written = 0;
    ASSERT_EQ(socket_->write(output, written), IoStatus::Ok);
    socket_->shutdown_write();
    EXPECT_EQ(peer_reads(), "bye");
    ASSERT_EQ(::write(peer_, "late", 4), 4);
    EXPECT_EQ(socket_->read(buffer_).size, 4U);
}

TEST_F(StreamSocketTest, AReleasedDescriptorGoesOnInAnotherLoop) {
    socket_->want(true, false);
    turn(loop_);
    const int fd = socket_->release();
    ASSERT_GE(fd, 0);

    runtime::ShardLoop home(1);
    Told told;
    StreamSocket moved(home, fd, told);
    moved.want(true, false);
    ASSERT_EQ(::write(peer_, "hello", 5), 5);
    turn(home);
    turn(loop_);
    EXPECT_EQ(told.readable, 1);
    EXPECT_EQ(told_.readable, 0);
    EXPECT_EQ(moved.read(buffer_).size, 5U);
    EXPECT_EQ(moved.read(buffer_).status, IoStatus::WouldBlock);
    OutputBuffer output;
    output.bytes() = "back";
    std::size_t written = 0;
    EXPECT_EQ(moved.write(output, written), IoStatus::Ok);
    EXPECT_EQ(peer_reads(), "back");
}

}  // namespace
}  // namespace vmq::transport
