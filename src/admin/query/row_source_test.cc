#include "admin/query/row_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/query/parser.h"
#include "admin/query/sample_rows.h"

namespace vmq::admin::query {
namespace {

using ::testing::ElementsAre;

SampleRow sample(std::string client_id, std::int64_t size) {
    return SampleRow({Value{std::move(client_id)}, Value{}, Value{size}, Value{true}, Value{}});
}

TEST(QueryRowSource, AnswersWithRowsAndWhatIsMissing) {
    SampleSource source;
    source.rows = {sample("a", 1), sample("b", 2), sample("c", 3)};
    source.missing = {"half of it"};
    const auto table =
        run(parse("SELECT queue_size,client_id FROM samples WHERE queue_size > 1").value(), source);
    ASSERT_TRUE(table);
    EXPECT_THAT(table.value().columns, ElementsAre("queue_size", "client_id"));
    EXPECT_THAT(table.value().rows, ElementsAre(ElementsAre(Value{std::int64_t{2}}, Value{"b"}),
                                                ElementsAre(Value{std::int64_t{3}}, Value{"c"})));
    EXPECT_THAT(table.value().warnings, ElementsAre("half of it"));
}

TEST(QueryRowSource, IsNotScannedFurtherThanTheLimit) {
    SampleSource source;
    for (int i = 0; i < 100; ++i) source.rows.push_back(sample("a", i));
    ASSERT_TRUE(run(parse("SELECT * FROM samples LIMIT 3").value(), source));
    EXPECT_EQ(source.scanned, 3U);
    ASSERT_TRUE(run(parse("SELECT * FROM samples LIMIT 0").value(), source));
    EXPECT_EQ(source.scanned, 3U);
}

TEST(QueryRowSource, OtherTablesAndUnknownFieldsAreErrors) {
    SampleSource source;
    EXPECT_EQ(run(parse("SELECT * FROM other").value(), source).error().detail,
              "there is no table other here");
    EXPECT_EQ(run(parse("SELECT x FROM samples").value(), source).error().code,
              ErrorCode::UnknownKey);
}

}  // namespace
}  // namespace vmq::admin::query
