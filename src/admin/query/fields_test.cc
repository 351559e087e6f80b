#include "admin/query/fields.h"

#include <gtest/gtest.h>

#include "admin/query/sample_rows.h"

namespace vmq::admin::query {
namespace {

TEST(QueryFields, AreFoundByName) {
    EXPECT_EQ(find_field(kSampleFields, "client_id").value(), 0U);
    EXPECT_EQ(find_field(kSampleFields, "topic").value(), 4U);
}

TEST(QueryFields, AnUnknownOneIsNamedWithTheNearest) {
    const auto found = find_field(kSampleFields, "clientid");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::UnknownKey);
    EXPECT_EQ(found.error().detail.find("there is no field clientid; the nearest are client_id, "),
              0U)
        << found.error().detail;
}

TEST(QueryFields, AnErrorIsNoLongerThanItHasToBe) {
    EXPECT_LT(find_field(kSampleFields, std::string(100'000, 'x')).error().detail.size(), 200U);
}

}  // namespace
}  // namespace vmq::admin::query
