// Table: what a query or another command answers, before it is written in some format.
#pragma once

#include <string>
#include <vector>

#include "admin/query/value.h"

namespace vmq::admin::query {

/// Owned by whoever asked; refers to nothing.
struct Table {
    std::vector<std::string> columns;
    std::vector<std::vector<Value>> rows;  // each with as many cells as there are columns
    /// What is missing and why, each a sentence. Empty: the table is complete as far as the limit
    /// allows.
    std::vector<std::string> warnings;
};

}  // namespace vmq::admin::query
