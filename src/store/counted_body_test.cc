#include "store/counted_body.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace vmq::store {
namespace {

std::string encoded(std::int64_t count, std::string_view body) {
    std::string bytes;
    encode_counted_body({count, body}, bytes);
    return bytes;
}

std::string merged(const std::string* base, const std::vector<std::string>& changes) {
    const rocksdb::Slice existing = base == nullptr ? rocksdb::Slice() : rocksdb::Slice(*base);
    const std::vector<rocksdb::Slice> operands(changes.begin(), changes.end());
    std::string result;
    rocksdb::Slice unused;
    rocksdb::MergeOperator::MergeOperationOutput out(result, unused);
    EXPECT_TRUE(make_counting_merge_operator()->FullMergeV2(
        rocksdb::MergeOperator::MergeOperationInput("key", base == nullptr ? nullptr : &existing,
                                                    operands, nullptr),
        &out));
    return result;
}

std::string partly_merged(const std::vector<std::string>& changes) {
    const std::deque<rocksdb::Slice> operands(changes.begin(), changes.end());
    std::string result;
    EXPECT_TRUE(
        make_counting_merge_operator()->PartialMergeMulti("key", operands, &result, nullptr));
    return result;
}

TEST(CountedBody, CountsAddUpAndTheBodyStays) {
    const std::string base = encoded(2, "body");
    EXPECT_EQ(merged(&base, {encoded(3, ""), encoded(-1, "")}), encoded(4, "body"));
    EXPECT_EQ(merged(nullptr, {encoded(1, "body"), encoded(1, "")}), encoded(2, "body"));
}

TEST(CountedBody, WithoutAHolderThereIsNoBody) {
    const std::string base = encoded(2, "body");
    EXPECT_EQ(merged(&base, {encoded(-2, "")}), encoded(0, ""));
}

TEST(CountedBody, ABodyBroughtAgainCounts) {
    const std::string base = encoded(0, "");
    EXPECT_EQ(merged(&base, {encoded(1, "body")}), encoded(1, "body"));
}

TEST(CountedBody, MergingInPartsGivesTheSame) {
    const std::string base = encoded(1, "body");
    const std::vector<std::string> changes{encoded(-1, ""), encoded(1, "body"), encoded(2, "")};
    EXPECT_EQ(merged(&base, changes), encoded(3, "body"));
    for (std::size_t split = 0; split <= changes.size(); ++split) {
        const auto middle = changes.begin() + static_cast<std::ptrdiff_t>(split);
        const std::string head = partly_merged({changes.begin(), middle});
        const std::string tail = partly_merged({middle, changes.end()});
        EXPECT_EQ(merged(&base, {head, tail}), encoded(3, "body")) << split;
    }
}

TEST(CountedBody, UnreadableBytesCountAsNothing) {
    const std::string base = encoded(1, "body");
    EXPECT_EQ(merged(&base, {"\xFF\xFF", ""}), encoded(1, "body"));
}

TEST(CountedBody, TheFilterDropsWhatNobodyHoldsAndWhatChangesNothing) {
    std::string unused;
    bool changed = false;
    const auto* filter = dead_body_filter();
    EXPECT_TRUE(filter->Filter(0, "12345678", encoded(0, ""), &unused, &changed));
    EXPECT_TRUE(filter->Filter(0, "12345678", encoded(-1, "body"), &unused, &changed));
    EXPECT_FALSE(filter->Filter(0, "12345678", encoded(1, "body"), &unused, &changed));
    EXPECT_FALSE(filter->Filter(0, "anchor", encoded(0, ""), &unused, &changed));
    EXPECT_FALSE(filter->Filter(0, "12345678", "\xFF", &unused, &changed));
    EXPECT_TRUE(filter->FilterMergeOperand(0, "12345678", encoded(0, "")));
    EXPECT_FALSE(filter->FilterMergeOperand(0, "12345678", encoded(0, "body")));
    EXPECT_FALSE(filter->FilterMergeOperand(0, "12345678", encoded(-1, "")));
}

}  // namespace
}  // namespace vmq::store
