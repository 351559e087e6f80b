#include "admin/query/row_source.h"

#include <utility>

namespace vmq::admin::query {

Result<Table> run(const Query& query, RowSource& source) {
    if (query.table != source.name()) {
        return Error{ErrorCode::UnknownKey,
                     "there is no table " + query.table.substr(0, 100) + " here"};
    }
    const auto statement = Statement::make(query, source.fields());
    if (!statement) return statement.error();
    Selection selection(statement.value());
    std::vector<std::string> missing;
    if (selection.wants_more()) missing = source.scan(statement.value(), selection);
    Table table = selection.take();
    for (std::string& each : missing) table.warnings.push_back(std::move(each));
    return table;
}

}  // namespace vmq::admin::query
