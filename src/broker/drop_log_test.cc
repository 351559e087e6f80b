#include "broker/drop_log.h"

#include <gtest/gtest.h>

namespace vmq::broker {
namespace {

using hooks::DropReason;

std::string id_of(std::uint64_t number) { return "c" + std::to_string(number); }

struct Fixture {
    std::optional<DropLog::Report> drop(std::uint64_t number,
                                        DropReason reason = DropReason::QueueFull) {
        return log.add(ClientNumber{number}, id_of(number), reason);
    }
    DropLog log;
};

TEST(DropLog, TheFirstOneIsToldAtOnceAndTheOthersTogether) {
    Fixture f;
    EXPECT_FALSE(f.log.active());
    const auto first = f.drop(1);
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->client_id, "c1");
    EXPECT_EQ(first->messages, 1U);
    EXPECT_TRUE(f.log.active());
    EXPECT_FALSE(f.drop(1).has_value());
    EXPECT_FALSE(f.drop(1, DropReason::MaxPacketSizeExceeded).has_value());
    const auto due = f.log.take_due();
    ASSERT_EQ(due.size(), 1U);
    EXPECT_EQ(due[0].client_id, "c1");
    EXPECT_EQ(due[0].messages, 2U);
    EXPECT_EQ(due[0].reason, DropReason::MaxPacketSizeExceeded);
}

TEST(DropLog, TheEndOfAFloodIsToldWithoutAnotherDrop) {
    Fixture f;
    for (int i = 0; i < 100; ++i) (void)f.drop(1);
    EXPECT_EQ(f.log.take_due()[0].messages, 99U);
    EXPECT_TRUE(f.log.active());
    EXPECT_TRUE(f.log.take_due().empty());
    EXPECT_FALSE(f.log.active());
    EXPECT_TRUE(f.drop(1).has_value()) << "a new flood is told at once again";
}

TEST(DropLog, ManyClientsAreSummedUp) {
    Fixture f;
    for (std::uint64_t i = 0; i < DropLog::kMaxLines + 5; ++i) {
        (void)f.drop(i);
        (void)f.drop(i);
    }
    const auto due = f.log.take_due();
    ASSERT_EQ(due.size(), DropLog::kMaxLines + 1);
    EXPECT_EQ(due.back().client_id, "");
    EXPECT_EQ(due.back().clients, 5U);
    EXPECT_EQ(due.back().messages, 5U);
}

TEST(DropLog, OneClientMoreThanItsMaximumIsCountedWithTheOthers) {
    Fixture f;
    for (std::uint64_t i = 0; i < DropLog::kMaxClients; ++i) EXPECT_TRUE(f.drop(i).has_value());
    EXPECT_FALSE(f.drop(DropLog::kMaxClients).has_value());
    const auto due = f.log.take_due();
    ASSERT_EQ(due.size(), 1U);
    EXPECT_EQ(due[0].client_id, "");
    EXPECT_EQ(due[0].messages, 1U);
}

}  // namespace
}  // namespace vmq::broker
