#include "runtime/io_thread.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <future>
#include <thread>

namespace vmq::runtime {
namespace {

TEST(IoThreadShards, RunsWhatIsPostedOnAThreadOfItsOwnUntilDestroyed) {
    boost::asio::io_context io(1);
    std::promise<std::thread::id> ran_on;
    {
        const IoThread thread(io);
        boost::asio::post(io, [&] { ran_on.set_value(std::this_thread::get_id()); });
        EXPECT_NE(ran_on.get_future().get(), std::this_thread::get_id());
    }
    EXPECT_TRUE(io.stopped());
}

}  // namespace
}  // namespace vmq::runtime
