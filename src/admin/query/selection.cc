#include "admin/query/selection.h"

#include <algorithm>
#include <string>
#include <utility>

namespace vmq::admin::query {
namespace {

std::size_t footprint_of(const std::vector<Value>& cells, const Value& key) {
    std::size_t bytes = footprint(key);
    for (const Value& cell : cells) bytes += footprint(cell);
    return bytes;
}

}  // namespace

Selection::Selection(const Statement& statement, std::size_t max_bytes)
    : statement_(statement), max_bytes_(max_bytes), finished_(statement.limit() == 0U) {}

bool Selection::ranks_before(const Kept& a, const Kept& b) noexcept {
    if (comes_before(b.key, a.key)) return true;
    return !comes_before(a.key, b.key) && a.number < b.number;
}

void Selection::add(const Row& row) {
    if (finished_ || !statement_.accepts(row)) return;
    const auto order = statement_.order_by();
    const bool full = statement_.limit() && kept_.size() >= *statement_.limit();
    Kept kept{order ? row.value(*order) : Value{}, accepted_++, {}};
    if (full && !ranks_before(kept, kept_.front())) return;
    for (const std::size_t field : statement_.selected()) kept.cells.push_back(row.value(field));
    if (full) make_room();
    bytes_ += footprint_of(kept.cells, kept.key);
    if (bytes_ > max_bytes_) {
        overflowed_ = finished_ = true;
        return;
    }
    kept_.push_back(std::move(kept));
    if (!statement_.limit() || kept_.size() < *statement_.limit()) return;
    if (!order) {
        finished_ = true;
    } else if (full) {
        std::ranges::push_heap(kept_, ranks_before);
    } else {
        std::ranges::make_heap(kept_, ranks_before);
    }
}

void Selection::make_room() {
    std::ranges::pop_heap(kept_, ranks_before);
    bytes_ -= footprint_of(kept_.back().cells, kept_.back().key);
    kept_.pop_back();
}

Table Selection::take() {
    if (statement_.order_by()) std::ranges::sort(kept_, ranks_before);
    Table table;
    for (const std::size_t field : statement_.selected()) {
        table.columns.emplace_back(statement_.fields()[field].name);
    }
    table.rows.reserve(kept_.size());
    for (Kept& kept : kept_) table.rows.push_back(std::move(kept.cells));
    kept_.clear();
    if (overflowed_) {
        table.warnings.push_back("The answer takes more than " + std::to_string(max_bytes_) +
                                 " bytes: the rest is left out, ask for less");
    }
    return table;
}

}  // namespace vmq::admin::query
