// RowSource: a table that can be asked, and the one way to ask it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/query/query.h"
#include "admin/query/selection.h"
#include "admin/query/statement.h"
#include "admin/query/table.h"
#include "base/result.h"

namespace vmq::admin::query {

class RowSource {
public:
    virtual ~RowSource() = default;

    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// At most kMaxFields. Valid as long as the process.
    [[nodiscard]] virtual std::span<const Field> fields() const noexcept = 0;
    /// Hands every row that may answer the statement to `selection`, until that wants no more.
    /// Returns what is missing, each a sentence. May wait for shards, so never on one.
    [[nodiscard]] virtual std::vector<std::string> scan(const Statement& statement,
                                                        Selection& selection) = 0;
};

/// Requires that the query is for this table.
[[nodiscard]] Result<Table> run(const Query& query, RowSource& source);

}  // namespace vmq::admin::query
