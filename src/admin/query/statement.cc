#include "admin/query/statement.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "mqtt/topic.h"

namespace vmq::admin::query {
namespace {

/// What a compiled expression may take; matching is linear in the text whatever it is.
constexpr std::int64_t kPatternMemory = std::int64_t{1024} * 1024;

std::optional<std::int64_t> integer_of(const std::string& text) {
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return value;
}

Error misfit(const Field& field, std::string_view what) {
    return {ErrorCode::InvalidValue, "field " + std::string(field.name) + " is " +
                                         std::string(name_of(field.type)) + ", which " +
                                         std::string(what) + " is not"};
}

template <typename T>
bool compare(Operator op, const T& a, const T& b) {
    switch (op) {
        case Operator::Equal:
            return a == b;
        case Operator::NotEqual:
            return a != b;
        case Operator::Less:
            return a < b;
        case Operator::LessOrEqual:
            return a <= b;
        case Operator::Greater:
            return a > b;
        case Operator::GreaterOrEqual:
            return a >= b;
        case Operator::Match:
            break;
    }
    return false;
}

struct Check {
    std::size_t field = 0;
    Operator op = Operator::Equal;
    std::variant<std::monostate, bool, std::int64_t, double, std::string> literal;
    bool is_filter = false;    // the literal is a topic filter with wildcards
    bool means_unset = false;  // the literal is what an unset value is called
    std::shared_ptr<const re2::RE2> pattern;
};

/// Wide enough for every integer and every double.
long double wide(std::int64_t value) { return static_cast<long double>(value); }
long double wide(double value) { return value; }

bool is_wildcard_filter(const Check& check) {
    const auto* text = std::get_if<std::string>(&check.literal);
    return text != nullptr && (check.op == Operator::Equal || check.op == Operator::NotEqual) &&
           mqtt::is_valid_topic_filter(*text) && !mqtt::is_valid_topic_name(*text) &&
           !mqtt::parse_shared_filter(*text);
}

bool holds(const Check& check, const Value& value) {
    if (std::holds_alternative<std::monostate>(value)) {
        return check.op == Operator::Equal ? check.means_unset
                                           : check.op == Operator::NotEqual && !check.means_unset;
    }
    if (check.op == Operator::Match) {
        if (const auto* text = std::get_if<std::string>(&value)) {
            return re2::RE2::PartialMatch(*text, *check.pattern);
        }
        return re2::RE2::PartialMatch(in_words(value), *check.pattern);
    }
    if (const auto* text = std::get_if<std::string>(&value)) {
        const auto* literal = std::get_if<std::string>(&check.literal);
        if (check.is_filter) {
            return mqtt::filter_matches(*literal, *text) == (check.op == Operator::Equal);
        }
        return literal != nullptr && compare(check.op, *text, *literal);
    }
    if (const auto* boolean = std::get_if<bool>(&value)) {
        const auto* literal = std::get_if<bool>(&check.literal);
        if (literal != nullptr) return compare(check.op, *boolean, *literal);
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        if (const auto* whole = std::get_if<std::int64_t>(&check.literal)) {
            return compare(check.op, *integer, *whole);
        }
        if (const auto* decimal = std::get_if<double>(&check.literal)) {
            return compare(check.op, wide(*integer), wide(*decimal));
        }
    }
    return check.op == Operator::NotEqual;  // something, while the literal means nothing
}

}  // namespace

struct Statement::Group {
    struct Step {
        Joiner joiner = Joiner::And;
        std::variant<Check, std::unique_ptr<const Group>> operand;
    };
    std::vector<Step> steps;
};

/// Turns the names and literals of a Condition into places and values.
class Statement::Binder final {
public:
    explicit Binder(Statement& statement) : statement_(statement) {}

    Result<std::size_t> use(std::string_view name) {
        auto found = find_field(statement_.fields_, name);
        if (found) statement_.used_.set(found.value());
        return found;
    }

    Result<Group> group(const Condition& condition) {
        Group result;
        for (const Term& term : condition.terms) {
            Group::Step step;
            step.joiner = term.joiner;
            if (const auto* comparison = std::get_if<Comparison>(&term.operand)) {
                auto bound = check(*comparison);
                if (!bound) return bound.error();
                step.operand = std::move(bound).value();
            } else {
                auto inner = group(*std::get<std::unique_ptr<Condition>>(term.operand));
                if (!inner) return inner.error();
                step.operand = std::make_unique<const Group>(std::move(inner).value());
            }
            result.steps.push_back(std::move(step));
        }
        return result;
    }

private:
    Result<Check> check(const Comparison& comparison) {
        const auto place = use(comparison.field);
        if (!place) return place.error();
        Check result;
        result.field = place.value();
        result.op = comparison.op;
        const Field& field = statement_.fields_[result.field];
        if (comparison.op == Operator::Match) return pattern(std::move(result), field, comparison);
        if (const auto* text = std::get_if<std::string>(&comparison.literal)) {
            result.means_unset = *text == "undefined" || *text == "null";
        }
        const auto fitted = fit(result, field, comparison.literal);
        if (!fitted) return fitted.error();
        result.is_filter = field.is_topic_name && is_wildcard_filter(result);
        return result;
    }

    static Result<Check> pattern(Check result, const Field& field, const Comparison& comparison) {
        const auto* text = std::get_if<std::string>(&comparison.literal);
        const std::string where = "the regular expression for " + std::string(field.name);
        if (text == nullptr) return Error{ErrorCode::InvalidValue, where + " is not a \"text\""};
        if (text->size() > kMaxPatternBytes) {
            return Error{ErrorCode::LimitReached,
                         where + " is longer than " + std::to_string(kMaxPatternBytes) + " bytes"};
        }
        re2::RE2::Options options(re2::RE2::Latin1);  // bytes: payloads need not be UTF-8
        options.set_log_errors(false);
        options.set_never_capture(true);
        options.set_max_mem(kPatternMemory);
        auto compiled = std::make_shared<const re2::RE2>(*text, options);
        if (!compiled->ok()) {
            return Error{ErrorCode::InvalidValue, where + ": " + compiled->error()};
        }
        result.pattern = std::move(compiled);
        return result;
    }

    static Result<void> fit(Check& check, const Field& field, const Literal& literal) {
        const auto* text = std::get_if<std::string>(&literal);
        const auto* boolean = std::get_if<bool>(&literal);
        const auto* integer = std::get_if<std::int64_t>(&literal);
        const auto* decimal = std::get_if<double>(&literal);
        switch (field.type) {
            case Type::Text:
                if (text != nullptr) check.literal = *text;
                if (boolean != nullptr) check.literal = std::string(*boolean ? "true" : "false");
                if (integer != nullptr) check.literal = std::to_string(*integer);
                if (decimal != nullptr) return misfit(field, std::to_string(*decimal));
                return {};
            case Type::Integer:
                if (boolean != nullptr) return misfit(field, *boolean ? "true" : "false");
                if (integer != nullptr) check.literal = *integer;
                if (decimal != nullptr) check.literal = *decimal;
                if (text == nullptr || check.means_unset) return {};
                if (const auto number = integer_of(*text)) {
                    check.literal = *number;
                    return {};
                }
                return misfit(field, '"' + *text + '"');
            case Type::Boolean:
                if (integer != nullptr) return misfit(field, std::to_string(*integer));
                if (decimal != nullptr) return misfit(field, std::to_string(*decimal));
                if (boolean != nullptr) check.literal = *boolean;
                if (text == nullptr || check.means_unset) return {};
                if (*text != "true" && *text != "false") return misfit(field, '"' + *text + '"');
                check.literal = *text == "true";
                return {};
        }
        return {};
    }

    Statement& statement_;
};

Result<Statement> Statement::make(const Query& query, std::span<const Field> fields) {
    VMQ_ASSERT(fields.size() <= kMaxFields);
    Statement statement;
    statement.fields_ = fields;
    statement.limit_ = query.limit;
    statement.row_timeout_ = query.row_timeout;
    Binder binder(statement);
    for (const std::string& name : query.fields) {
        const auto place = binder.use(name);
        if (!place) return place.error();
        if (std::ranges::find(statement.selected_, place.value()) == statement.selected_.end()) {
            statement.selected_.push_back(place.value());
        }
    }
    for (std::size_t i = 0; i < fields.size() && statement.selected_.size() < kMaxFields; ++i) {
        const bool wanted = query.all_fields ? fields[i].shown_by_star
                                             : query.fields.empty() && fields[i].shown_by_default;
        if (!wanted) continue;
        statement.selected_.push_back(i);
        statement.used_.set(i);
    }
    if (query.where) {
        auto where = binder.group(*query.where);
        if (!where) return where.error();
        statement.where_ = std::make_shared<const Group>(std::move(where).value());
    }
    if (!query.order_by.empty()) {
        const auto place = binder.use(query.order_by);
        if (!place) return place.error();
        statement.order_by_ = place.value();
    }
    return statement;
}

bool Statement::accepts(const Row& row) const { return !where_ || holds(*where_, row); }

bool Statement::holds(const Group& group, const Row& row) {
    bool result = true;
    for (const Group::Step& step : group.steps) {
        const bool first = &step == &group.steps.front();
        if (!first && result == (step.joiner == Joiner::Or)) continue;  // decided so far
        if (const auto* check = std::get_if<Check>(&step.operand)) {
            result = query::holds(*check, row.value(check->field));
        } else {
            result = holds(*std::get<std::unique_ptr<const Group>>(step.operand), row);
        }
    }
    return result;
}

const std::string* Statement::required_text(std::size_t field) const noexcept {
    if (!where_) return nullptr;
    const std::string* required = nullptr;
    for (const Group::Step& step : where_->steps) {
        const bool first = &step == &where_->steps.front();
        if (!first && step.joiner == Joiner::Or) return nullptr;
        const auto* check = std::get_if<Check>(&step.operand);
        if (check == nullptr || check->field != field || check->op != Operator::Equal) continue;
        if (!check->means_unset) required = std::get_if<std::string>(&check->literal);
    }
    return required;
}

}  // namespace vmq::admin::query
