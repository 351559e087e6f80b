#include "routing/filter_subscribers.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/random.h"

namespace vmq::routing {
namespace {

LocalSubscription subscription(std::uint32_t id) { return {nullptr, id, {}}; }

std::vector<std::uint32_t> ids(const FilterSubscribers& list) {
    std::vector<std::uint32_t> result;
    for (const LocalSubscription& each : list.all()) result.push_back(each.subscription_id);
    return result;
}

TEST(FilterSubscribers, TheLastOneTakesTheSlotOfTheRemoved) {
    FilterSubscribers list(nullptr);
    for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(list.add(subscription(i)), i);
    list.remove(1);
    EXPECT_EQ(ids(list), (std::vector<std::uint32_t>{0, 3, 2}));
    list.remove(2);
    EXPECT_EQ(ids(list), (std::vector<std::uint32_t>{0, 3}));
}

TEST(FilterSubscribers, AMoveTakesTheListAlong) {
    for (const std::uint32_t size : {0U, 1U, 2U, 9U}) {
        FilterSubscribers from(nullptr);
        for (std::uint32_t i = 0; i < size; ++i) from.add(subscription(i));
        const auto expected = ids(from);
        const FilterSubscribers to(std::move(from));
        EXPECT_EQ(ids(to), expected);
    }
}

TEST(FilterSubscribers, GrowsAndShrinksLikeAVector) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    FilterSubscribers list(nullptr);
    std::vector<std::uint32_t> model;
    for (std::uint32_t i = 0; i < 50'000; ++i) {
        const bool grows = (i / 5000) % 2 == 0;
        if (model.empty() || random.below(10) < (grows ? 6U : 4U)) {
            list.add(subscription(i));
            model.push_back(i);
        } else {
            const std::uint32_t slot = random.below(static_cast<std::uint32_t>(model.size()));
            list.remove(slot);
            model[slot] = model.back();
            model.pop_back();
        }
        if (i % 64 == 0 || model.size() < 4) {
            ASSERT_EQ(ids(list), model);
        }
    }
}

}  // namespace
}  // namespace vmq::routing
