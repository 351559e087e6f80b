#include "broker/late_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmq::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using StoredPairs = std::vector<std::pair<std::string, std::string>>;

store::PutFact some_record() {
    return put_of({0x0102030405060708, "m", "client", {"a/#", "+/b"}, {"n2@h 01", "n3@h 02"}});
}

TEST(LateRecords, AreReadAsTheyWereWritten) {
    const store::PutFact put = some_record();
    const auto records = read_late_records({{"S", "another's"}, {put.key, put.value}});
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].number, 0x0102030405060708U);
    EXPECT_EQ(records[0].mountpoint, "m");
    EXPECT_EQ(records[0].client_id, "client");
    EXPECT_THAT(records[0].filters, ElementsAre("a/#", "+/b"));
    EXPECT_THAT(records[0].from, ElementsAre("n2@h 01", "n3@h 02"));
    EXPECT_EQ(delete_of_late_record(records[0].number).key, put.key);
}

TEST(LateRecords, ThatCannotBeReadHaveANumberAlone) {
    const store::PutFact put = some_record();
    const auto is_only_a_number = [&](const std::string& value) {
        const auto records = read_late_records(StoredPairs{{put.key, value}});
        return records.size() == 1 && records[0].filters.empty() &&
               records[0].number == 0x0102030405060708U;
    };
    for (std::size_t size = 0; size < put.value.size(); ++size) {
        EXPECT_TRUE(is_only_a_number(put.value.substr(0, size))) << size;
    }
    EXPECT_TRUE(is_only_a_number(put.value + "x"));
    EXPECT_THAT(read_late_records(StoredPairs{{put.key + "x", put.value}}), IsEmpty());
    EXPECT_THAT(read_late_records(StoredPairs{{"L", put.value}, {"", ""}}), IsEmpty());
}

}  // namespace
}  // namespace vmq::broker
