#include "vmq-admin/remote.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "admin/commands/wire.h"

namespace vmq::admin_tool {
namespace {

/// A broker that has said `answer` already, and the two streams of who asks.
class Remote : public ::testing::Test {
public:
    ~Remote() override {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    Remote(const Remote&) = delete;
    Remote& operator=(const Remote&) = delete;

protected:
    Remote() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0); }

    int run(const std::string& answer) {
        EXPECT_EQ(::send(ends_[1], answer.data(), answer.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(answer.size()));
        ::shutdown(ends_[1], SHUT_WR);
        std::FILE* out = ::open_memstream(&out_, &out_size_);
        std::FILE* err = ::open_memstream(&err_, &err_size_);
        const int status = run_remotely(ends_[0], {"cluster", "show"}, true, out, err);
        std::fclose(out);
        std::fclose(err);
        said_ = {out_, out_size_};
        complained_ = {err_, err_size_};
        std::free(out_);  // NOLINT(cppcoreguidelines-no-malloc): of open_memstream
        std::free(err_);  // NOLINT(cppcoreguidelines-no-malloc)
        return status;
    }

    std::array<int, 2> ends_{-1, -1};
    std::string said_;
    std::string complained_;

private:
    char* out_ = nullptr;
    char* err_ = nullptr;
    std::size_t out_size_ = 0;
    std::size_t err_size_ = 0;
};

TEST_F(Remote, PrintsBothStreamsAndReturnsTheStatus) {
    EXPECT_EQ(run(admin::commands::encode(admin::commands::Printed{"table", "hint", 1})), 1);
    EXPECT_EQ(said_, "table");
    EXPECT_EQ(complained_, "hint");
    std::array<char, 256> asked{};
    const ssize_t size = ::recv(ends_[1], asked.data(), asked.size(), 0);
    const auto request =
        admin::commands::decode_request({asked.data(), static_cast<std::size_t>(size - 1)});
    ASSERT_TRUE(request);
    EXPECT_EQ(request.value().words, (std::vector<std::string>{"cluster", "show"}));
    EXPECT_TRUE(request.value().terminal);
}

TEST_F(Remote, AnAnswerThatBreaksOffIsAFailure) {
    const auto whole = admin::commands::encode(admin::commands::Printed{"table", "", 0});
    EXPECT_EQ(run(whole.substr(0, whole.size() - 1)), -1);
}

TEST_F(Remote, AnInterruptionEndsAnAnswerThatGoesOn) {
    std::array<int, 2> input{};
    ASSERT_EQ(::pipe(input.data()), 0);
    Interruption interruption(input[0]);
    ::close(input[1]);
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* out = ::open_memstream(&text, &size);
    EXPECT_EQ(run_remotely(ends_[0], {"trace"}, true, out, out, &interruption), 0);
    std::fclose(out);
    EXPECT_EQ(std::string(text, size), "Done.\n");
    std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): of open_memstream
    ::close(input[0]);
}

TEST_F(Remote, WhatIsNoAnswerIsAFailure) { EXPECT_EQ(run("error: unknown request\n"), -1); }

}  // namespace
}  // namespace vmq::admin_tool
