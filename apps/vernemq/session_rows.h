// The rows of several nodes as one table.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "admin/commands/node.h"
#include "base/result.h"

namespace vmq::launcher {

/// How rows of sessions are asked of every node, and put together.
struct SessionRowsPlan {
    std::vector<admin::commands::FieldFlag> flags;  // for each node
    std::string node;                               // the one that can have rows; empty: all
    std::string order_by;                           // a column of the answers; empty: as they come
    bool hidden = false;                            // nobody has asked for that column
};
/// Nodes leave out what no column shows, so the field that rows are ordered by becomes one.
[[nodiscard]] Result<SessionRowsPlan> plan_session_rows(
    std::vector<admin::commands::FieldFlag> flags);

/// All rows of `parts`, whose columns are the same. `most`: more are cut off, and it is said.
[[nodiscard]] admin::commands::Rows merge_rows(std::vector<admin::commands::Rows> parts,
                                               const SessionRowsPlan& plan, std::size_t most);

}  // namespace vmq::launcher
