// Fuzzes the query language: what is parsed is asked of rows, which neither ends nor hangs us.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "admin/query/parser.h"
#include "admin/query/sample_rows.h"
#include "base/assert.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::admin::query;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    auto query = parse(text);
    if (!query) {
        VMQ_ASSERT(!query.error().detail.empty());
        return 0;
    }
    VMQ_ASSERT(query.value().all_fields != !query.value().fields.empty());
    const auto statement = Statement::make(query.value(), kSampleFields);
    if (!statement) {
        VMQ_ASSERT(!statement.error().detail.empty());
        return 0;
    }
    SampleSource source;
    source.rows = {
        SampleRow({Value{"a"}, Value{}, Value{std::int64_t{1}}, Value{true}, Value{}}),
        SampleRow({Value{"b"}, Value{"u"}, Value{std::int64_t{-1}}, Value{}, Value{"t"}})};
    Selection selection(statement.value());
    (void)source.scan(statement.value(), selection);
    const Table table = selection.take();
    VMQ_ASSERT(table.rows.size() <= query.value().limit.value_or(2));
    for (const auto& row : table.rows) VMQ_ASSERT(row.size() == table.columns.size());
    return 0;
}
