#include "runtime/byte_queue.h"

#include <gtest/gtest.h>

#include <string>

#include "runtime/work_queue.h"

namespace vmq::runtime {
namespace {

bool push(ByteQueue& queue, const std::string& text, bool urgent = false) {
    return queue.push(text.size(), urgent, [&](std::string& bytes) { bytes += text; });
}

TEST(ByteQueue, GivesAllThereIsAtOnce) {
    ByteQueue queue(100);
    EXPECT_TRUE(push(queue, "a"));
    EXPECT_TRUE(push(queue, "b"));
    std::string out = "before";
    std::uint64_t refused = 1;
    EXPECT_TRUE(queue.take(out, refused, Millis(0)));
    EXPECT_EQ(out, "ab");
    EXPECT_EQ(refused, 0U);
}

TEST(ByteQueue, KeepsTheLastEighthForWhatIsUrgent) {
    ByteQueue queue(80);
    EXPECT_TRUE(push(queue, std::string(70, 'x')));
    EXPECT_FALSE(push(queue, "x"));
    EXPECT_TRUE(push(queue, std::string(10, 'u'), true));
    EXPECT_FALSE(push(queue, "u", true));
    std::string out;
    std::uint64_t refused = 0;
    EXPECT_TRUE(queue.take(out, refused, Millis(0)));
    EXPECT_EQ(out.size(), 80U);
    EXPECT_EQ(refused, 2U);
    EXPECT_TRUE(push(queue, "x"));
}

TEST(ByteQueue, CanStillBeEmptiedWhenItIsClosed) {
    ByteQueue queue(80);
    EXPECT_TRUE(push(queue, "x"));
    queue.close();
    EXPECT_FALSE(push(queue, "y"));
    std::string out;
    std::uint64_t refused = 0;
    EXPECT_TRUE(queue.take(out, refused, Millis(10'000)));
    EXPECT_EQ(out, "x");
    EXPECT_FALSE(queue.take(out, refused, Millis(10'000)));
}

TEST(ByteQueue, DrainWaitsUntilItIsDoneWith) {
    ByteQueue queue(80);
    std::string done;
    const WorkThread thread([&] {
        std::string out;
        std::uint64_t refused = 0;
        while (queue.take(out, refused, Millis(10'000))) done += out;
    });
    EXPECT_TRUE(push(queue, "a"));
    EXPECT_TRUE(push(queue, "b"));
    EXPECT_TRUE(queue.drain(Millis(100'000)));
    EXPECT_EQ(done, "ab");
    queue.close();
}

TEST(ByteQueue, DrainGivesUp) {
    ByteQueue queue(80);
    EXPECT_TRUE(push(queue, "a"));
    EXPECT_FALSE(queue.drain(Millis(1)));
}

}  // namespace
}  // namespace vmq::runtime
