#include "runtime/published.h"

#include <gtest/gtest.h>

#include <memory>

#include "runtime/work_queue.h"

namespace vmq::runtime {
namespace {

/// A value that is good as long as its halves are the same.
struct Pair {
    int left;
    int right;
};

TEST(Published, HandsOutTheLatestValueAndKeepsWhatIsHeld) {
    Published<Pair> published(std::make_shared<const Pair>(Pair{1, 1}));
    const auto held = published.load();
    published.store(std::make_shared<const Pair>(Pair{2, 2}));
    EXPECT_EQ(held->left, 1);
    EXPECT_EQ(published.load()->left, 2);
    const std::weak_ptr<const Pair> old = held;
    EXPECT_EQ(old.use_count(), 1);
}

TEST(Published, ReadersSeeWholeValuesInOrderWhileTheyAreReplaced) {
    Published<Pair> published(std::make_shared<const Pair>(Pair{0, 0}));
    const auto read = [&published] {
        int last = 0;
        while (last < 1000) {
            const auto value = published.load();
            ASSERT_EQ(value->left, value->right);
            ASSERT_GE(value->left, last);
            last = value->left;
        }
    };
    const WorkThread one(read);
    const WorkThread two(read);
    for (int i = 1; i <= 1000; ++i) published.store(std::make_shared<const Pair>(Pair{i, i}));
}

}  // namespace
}  // namespace vmq::runtime
