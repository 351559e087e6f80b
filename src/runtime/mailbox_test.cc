#include "runtime/mailbox.h"

#include <gtest/gtest.h>

#include <thread>

namespace vmq::runtime {
namespace {

TEST(MailboxShards, CarriesEverythingInOrderBetweenTwoThreads) {
    constexpr int kCount = 200'000;
    Mailbox<int> mailbox;
    std::thread producer([&] {
        std::vector<int> batch;
        for (int i = 0; i < kCount; ++i) {
            batch.push_back(i);
            if (i % 7 == 0) (void)mailbox.hand_over(batch);
        }
        while (!mailbox.hand_over(batch)) std::this_thread::yield();
    });
    std::vector<int> taken;
    for (int next = 0; next < kCount;) {
        mailbox.take(taken);
        for (const int value : taken) ASSERT_EQ(value, next++);
        if (taken.empty()) std::this_thread::yield();
    }
    producer.join();
}

TEST(Mailbox, LeavesTheBatchWithTheProducerWhenItIsFull) {
    Mailbox<int> mailbox;
    std::vector<int> batch(Mailbox<int>::kCapacity, 1);
    ASSERT_TRUE(mailbox.hand_over(batch));
    batch.assign(1, 2);
    EXPECT_FALSE(mailbox.hand_over(batch));
    EXPECT_EQ(batch.size(), 1U);
    std::vector<int> taken;
    mailbox.take(taken);
    EXPECT_TRUE(mailbox.hand_over(batch));
}

}  // namespace
}  // namespace vmq::runtime
