#include "runtime/name_lookup.h"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <latch>
#include <optional>
#include <thread>

namespace vmq::runtime {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class NameLookupShards : public ::testing::Test {
protected:
    /// What comes of it.
    void ask(std::string host, NameLookup::Resolve resolve = {}) {
        lookup_.emplace(
            io_, std::move(host), 7,
            [this](error_code error, const NameLookup::Addresses& found) {
                thread_ = std::this_thread::get_id();
                error_ = error;
                found_ = found;
                lookup_.reset();
            },
            std::move(resolve));
        while (lookup_) io_.run_one();
        EXPECT_EQ(thread_, std::this_thread::get_id());
    }

    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    std::optional<NameLookup> lookup_;
    std::thread::id thread_;
    error_code error_;
    NameLookup::Addresses found_;
};

TEST_F(NameLookupShards, FindsNamesAndAddresses) {
    ask("localhost");
    ASSERT_FALSE(error_) << error_.message();
    ASSERT_FALSE(found_.empty());
    EXPECT_TRUE(found_.begin()->endpoint().address().is_loopback());
    EXPECT_EQ(found_.begin()->endpoint().port(), 7);
    const auto never = [](const std::string&, std::uint16_t, error_code&) {
        ADD_FAILURE() << "an address needs no name server";
        return NameLookup::Addresses();
    };
    ask("127.0.0.9", never);
    EXPECT_EQ(found_.begin()->endpoint().address().to_string(), "127.0.0.9");
    ask("::1", never);
    EXPECT_TRUE(found_.begin()->endpoint().address().is_v6());
}

TEST_F(NameLookupShards, TellsWhatWentWrong) {
    ask("a", [](const std::string&, std::uint16_t, error_code& error) {
        error = asio::error::host_not_found;
        return NameLookup::Addresses();
    });
    EXPECT_EQ(error_, asio::error::host_not_found);
}

TEST_F(NameLookupShards, WhoNoLongerWantsToKnowDoesNotWait) {
    struct Latches {
        std::latch begun{1}, go{1}, done{1};
    };
    const auto latches = std::make_shared<Latches>();
    {
        const NameLookup lookup(
            io_, "a", 7,
            [](error_code, const NameLookup::Addresses&) { ADD_FAILURE() << "nobody asks"; },
            [latches](const std::string&, std::uint16_t, error_code&) {
                latches->begun.count_down();
                latches->go.wait();
                latches->done.count_down();
                return NameLookup::Addresses();
            });
        latches->begun.wait();
    }
    latches->go.count_down();
    latches->done.wait();
    io_.poll();
}

}  // namespace
}  // namespace vmq::runtime
