#include "vernemq/session_rows.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>
#include <variant>

#include "admin/query/flags.h"
#include "admin/query/session_table.h"
#include "admin/query/statement.h"

namespace vmq::launcher {
namespace {

using admin::commands::Cell;
using admin::commands::FieldFlag;
using admin::commands::Rows;

/// As `session show` orders values: what is unset is the least.
bool comes_before(const Cell& a, const Cell& b) {
    if (a.index() != b.index()) return a.index() < b.index();
    return std::visit(
        [&](const auto& held) {
            using Held = std::remove_cvref_t<decltype(held)>;
            if constexpr (std::is_same_v<Held, std::monostate> ||
                          std::is_same_v<Held, admin::commands::Undefined>) {
                return false;
            } else {
                return held < *std::get_if<Held>(&b);
            }
        },
        a);
}

}  // namespace

Result<SessionRowsPlan> plan_session_rows(std::vector<FieldFlag> flags) {
    namespace query = admin::query;
    SessionRowsPlan plan;
    std::vector<query::Flag> asked;
    for (const auto& [name, value] : flags) {
        asked.push_back({name, value});
        if (name == "node" && value && !value->starts_with('~')) plan.node = *value;
        if (name == "order_by" && value) plan.order_by = *value;
    }
    const auto fields = query::SessionTable::all_fields();
    const auto parsed = query::query_from_flags("sessions", fields, asked);
    if (!parsed) return parsed.error();
    const auto statement = query::Statement::make(parsed.value(), fields);
    if (!statement) return statement.error();
    plan.flags = std::move(flags);
    if (plan.order_by.empty()) return plan;
    const auto& selected = statement.value().selected();
    plan.hidden = std::ranges::none_of(
        selected, [&](std::size_t place) { return fields[place].name == plan.order_by; });
    if (!plan.hidden) return plan;
    // By default some fields are shown; as soon as one is named, only those that are.
    if (parsed.value().fields.empty()) {
        for (const std::size_t place : selected) {
            plan.flags.emplace_back(std::string(fields[place].name), std::nullopt);
        }
    }
    plan.flags.emplace_back(plan.order_by, std::nullopt);
    return plan;
}

Rows merge_rows(std::vector<Rows> parts, const SessionRowsPlan& plan, std::size_t most) {
    Rows all;
    for (Rows& part : parts) {
        if (all.table.columns.empty()) all.table.columns = std::move(part.table.columns);
        auto& rows = part.table.rows;
        all.table.rows.insert(all.table.rows.end(), std::make_move_iterator(rows.begin()),
                              std::make_move_iterator(rows.end()));
        all.missing.insert(all.missing.end(), std::make_move_iterator(part.missing.begin()),
                           std::make_move_iterator(part.missing.end()));
    }
    auto& columns = all.table.columns;
    const auto column = std::ranges::find(columns, plan.order_by);
    if (!plan.order_by.empty() && column != columns.end()) {
        const auto place = static_cast<std::size_t>(column - columns.begin());
        std::ranges::stable_sort(all.table.rows, [&](const auto& a, const auto& b) {
            return comes_before(b[place], a[place]);
        });
        if (plan.hidden) {
            columns.erase(column);
            for (auto& row : all.table.rows) {
                row.erase(row.begin() + static_cast<std::ptrdiff_t>(place));
            }
        }
    }
    if (all.table.rows.size() > most) {
        all.table.rows.resize(most);
        all.missing.push_back("these are the first " + std::to_string(most) +
                              " rows: ask for less");
    }
    return all;
}

}  // namespace vmq::launcher
