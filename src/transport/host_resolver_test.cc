#include "transport/host_resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vmq::transport {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

/// A loop in the test's thread that sleeps until something comes.
class HostResolverTest : public ::testing::Test, protected runtime::TurnHandler {
protected:
    [[nodiscard]] bool has_mail() const override { return false; }
    void on_mail() override {}
    void on_turn_end() override {
        if (answers_.size() >= awaited_) loop_.stop();
    }

    void ask(const std::string& host, std::uint16_t port = 44'053) {
        ++awaited_;
        last_ = resolver_->resolve(host, port,
                                   [this](auto answer) { answers_.push_back(std::move(answer)); });
    }
    void wait() { loop_.run(*this); }

    runtime::ShardLoop loop_{0};
    std::unique_ptr<HostResolver> resolver_ = std::make_unique<HostResolver>(loop_);
    std::vector<Result<HostResolver::Addresses>> answers_;
    std::size_t awaited_ = 0;
    std::uint64_t last_ = 0;
};

TEST_F(HostResolverTest, AnAddressIsItself) {
    ask("127.0.0.1");
    ask("::1", 1883);
    EXPECT_TRUE(answers_.empty()) << "not before resolve() has returned";
    wait();
    ASSERT_EQ(answers_.size(), 2U);
    std::vector<PeerAddress> peers;
    for (const auto& answer : answers_) {
        ASSERT_TRUE(answer) << answer.error().detail;
        for (const SocketAddress& address : answer.value()) peers.push_back(address.peer());
    }
    EXPECT_THAT(peers, ::testing::UnorderedElementsAre(PeerAddress{"127.0.0.1", 44'053},
                                                       PeerAddress{"::1", 1883}));
}

TEST_F(HostResolverTest, ANameGivesItsAddresses) {
    ask("localhost");
    wait();
    ASSERT_TRUE(answers_[0]) << answers_[0].error().detail;
    for (const SocketAddress& address : answers_[0].value()) {
        EXPECT_THAT(address.peer().address, AnyOf("127.0.0.1", "::1"));
        EXPECT_EQ(address.peer().port, 44'053);
    }
}

TEST_F(HostResolverTest, ANameWithoutAnAddressIsNamed) {
    const std::string name(70, 'x');  // longer than a label may be
    ask(name);
    wait();
    ASSERT_FALSE(answers_[0]);
    EXPECT_EQ(answers_[0].error().code, ErrorCode::NotFound);
    EXPECT_THAT(answers_[0].error().detail, HasSubstr("the name " + name + " gives no address ("));
}

TEST_F(HostResolverTest, MoreThanItsThreadsWaitForTheirTurn) {
    for (int i = 0; i < 20; ++i) ask("127.0.0.1");
    EXPECT_EQ(resolver_->under_way(), HostResolver::kMostLookups);
    wait();
    EXPECT_EQ(answers_.size(), 20U);
    EXPECT_EQ(resolver_->under_way(), 0U);
}

TEST_F(HostResolverTest, WhatIsForgottenIsNotAnswered) {
    for (int i = 0; i < 10; ++i) {
        ask("127.0.0.1");
        if (i % 2 == 0) {
            resolver_->forget(last_);
            --awaited_;
        }
    }
    wait();
    EXPECT_EQ(answers_.size(), 5U);
}

TEST_F(HostResolverTest, MayGoWhileItsThreadsAsk) {
    for (int round = 0; round < 20; ++round) {
        HostResolver brief(loop_);
        for (int i = 0; i < 4; ++i) {
            brief.resolve("localhost", 1, [](const auto&) { FAIL(); });
        }
    }
    ask("127.0.0.1");
    wait();
    EXPECT_EQ(answers_.size(), 1U);
}

}  // namespace
}  // namespace vmq::transport
