#include "admin/query/flags.h"

#include <charconv>
#include <utility>

namespace vmq::admin::query {
namespace {

Result<std::uint64_t> number_of(const Flag& flag) {
    const std::string text = flag.value.value_or("");
    std::uint32_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) {
        return Error{ErrorCode::InvalidValue,
                     "Invalid value: \"" + text + "\" for flag: " + flag.name};
    }
    return number;
}

Term term_of(const Flag& flag) {
    const std::string& value = *flag.value;
    Comparison comparison;
    comparison.field = flag.name;
    comparison.op = value.starts_with('~') ? Operator::Match : Operator::Equal;
    comparison.literal = value.starts_with('~') ? value.substr(1) : value;
    return {Joiner::And, std::move(comparison)};
}

}  // namespace

Result<Query> query_from_flags(std::string_view table, std::span<const Field> fields,
                               std::span<const Flag> flags) {
    Query query;
    query.table = table;
    query.limit = kDefaultLimit;
    Condition where;
    for (const Flag& flag : flags) {
        if (flag.name == "limit" || flag.name == "rowtimeout") {
            const auto number = number_of(flag);
            if (!number) return number.error();
            if (flag.name == "limit") {
                query.limit = number.value();
            } else {
                query.row_timeout = Millis(number.value());
            }
        } else if (flag.name == "order_by") {
            query.order_by = flag.value.value_or("");
        } else if (const auto known = find_field(fields, flag.name); !known) {
            return known.error();
        } else if (!flag.value) {
            query.fields.push_back(flag.name);
        } else if (where.terms.size() < kMaxComparisons) {
            where.terms.push_back(term_of(flag));
        } else {
            return Error{ErrorCode::LimitReached,
                         "more than " + std::to_string(kMaxComparisons) + " comparisons"};
        }
    }
    if (!where.terms.empty()) query.where = std::move(where);
    return query;
}

}  // namespace vmq::admin::query
