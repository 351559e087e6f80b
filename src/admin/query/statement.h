// Statement: a query against the fields of one table, checked and ready to be asked of rows.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "admin/query/fields.h"
#include "admin/query/query.h"
#include "admin/query/value.h"
#include "base/clock.h"
#include "base/result.h"

namespace vmq::admin::query {

using FieldSet = std::bitset<kMaxFields>;

/// One row of a table: knows its fields by their place.
class Row {
public:
    [[nodiscard]] virtual Value value(std::size_t field) const = 0;

protected:
    Row() = default;
    ~Row() = default;
};

/// Immutable, and usable by any thread. `fields` it was made for outlive it.
class Statement final {
public:
    /// Requires at most kMaxFields fields. Unknown fields, literals that do not fit their field and
    /// regular expressions that are not understood are errors.
    [[nodiscard]] static Result<Statement> make(const Query& query, std::span<const Field> fields);

    /// Whether the row fulfils the condition. What is unset fulfils no comparison but `!=`, and `=`
    /// with the texts `undefined` and `null`.
    [[nodiscard]] bool accepts(const Row& row) const;

    [[nodiscard]] std::span<const Field> fields() const noexcept { return fields_; }
    [[nodiscard]] const std::vector<std::size_t>& selected() const noexcept { return selected_; }
    /// Everything that is looked at: selected, compared or ordered by.
    [[nodiscard]] const FieldSet& used() const noexcept { return used_; }
    [[nodiscard]] bool uses(std::size_t field) const noexcept { return used_.test(field); }
    [[nodiscard]] std::optional<std::size_t> order_by() const noexcept { return order_by_; }
    [[nodiscard]] std::optional<std::uint64_t> limit() const noexcept { return limit_; }
    [[nodiscard]] std::optional<Millis> row_timeout() const noexcept { return row_timeout_; }

    /// The text that `field` equals in every row that is accepted, or null if there is no such. A
    /// source may look only there.
    [[nodiscard]] const std::string* required_text(std::size_t field) const noexcept;

private:
    struct Group;
    class Binder;

    Statement() = default;
    [[nodiscard]] static bool holds(const Group& group, const Row& row);

    std::span<const Field> fields_;
    std::vector<std::size_t> selected_;
    FieldSet used_;
    std::shared_ptr<const Group> where_;  // null: every row
    std::optional<std::size_t> order_by_;
    std::optional<std::uint64_t> limit_;
    std::optional<Millis> row_timeout_;
};

}  // namespace vmq::admin::query
