#include "admin/query/parser.h"

#include <charconv>
#include <cmath>
#include <string>
#include <utility>

namespace vmq::admin::query {
namespace {

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_name(char c) noexcept { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_'; }
bool is_keyword(char c) noexcept { return c >= 'A' && c <= 'Z'; }

class Parser final {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<Query> query();

private:
    template <typename Test>
    std::string_view take_while(Test test) {
        const std::size_t begin = at_;
        while (at_ < text_.size() && test(text_[at_])) ++at_;
        return text_.substr(begin, at_ - begin);
    }
    void skip_space() { (void)take_while(is_space); }
    bool take(char c) {
        skip_space();
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    bool take_keyword(std::string_view keyword) {
        skip_space();
        const std::size_t begin = at_;
        if (take_while(is_keyword) == keyword && (at_ == text_.size() || !is_name(text_[at_]))) {
            return true;
        }
        at_ = begin;
        return false;
    }
    std::string_view take_name() {
        skip_space();
        return take_while(is_name);
    }
    [[nodiscard]] Error expected(std::string_view what) {
        skip_space();
        return {ErrorCode::SyntaxError, "query, byte " + std::to_string(at_ + 1) + ": " +
                                            std::string(what) + " is expected here"};
    }

    Result<void> fields(Query& query);
    Result<Condition> condition(std::size_t depth);
    Result<Term> term(Joiner joiner, std::size_t depth);
    Result<Operator> op();
    Result<Literal> literal();
    Result<Literal> number();
    Result<Literal> quoted();
    Result<std::uint64_t> count();

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t comparisons_ = 0;
};

Result<void> Parser::fields(Query& query) {
    if (take('*')) {
        query.all_fields = true;
        return {};
    }
    do {
        const std::string_view name = take_name();
        if (name.empty()) return expected("a field or *");
        query.fields.emplace_back(name);
    } while (take(','));
    return {};
}

Result<Query> Parser::query() {
    Query query;
    if (!take_keyword("SELECT")) return expected("SELECT");
    if (auto read = fields(query); !read) return read.error();
    if (!take_keyword("FROM")) return expected("FROM");
    query.table = take_name();
    if (query.table.empty()) return expected("a table");
    if (take_keyword("WHERE")) {
        auto where = condition(0);
        if (!where) return where.error();
        query.where = std::move(where).value();
    }
    if (take_keyword("ORDER")) {
        if (!take_keyword("BY")) return expected("BY");
        query.order_by = take_name();
        if (query.order_by.empty()) return expected("a field");
    }
    if (take_keyword("LIMIT")) {
        const auto limit = count();
        if (!limit) return limit.error();
        query.limit = limit.value();
    }
    if (take_keyword("ROWTIMEOUT")) {
        const auto timeout = count();
        if (!timeout) return timeout.error();
        query.row_timeout = Millis(timeout.value());
    }
    skip_space();
    if (at_ != text_.size())
        return expected("the end or one of WHERE, ORDER BY, LIMIT, ROWTIMEOUT");
    return query;
}

Result<Condition> Parser::condition(std::size_t depth) {
    if (depth >= kMaxNesting) return Error{ErrorCode::LimitReached, "query: nested too deeply"};
    Condition result;
    for (Joiner joiner = Joiner::And;;) {
        auto next = term(joiner, depth);
        if (!next) return next.error();
        result.terms.push_back(std::move(next).value());
        if (take_keyword("AND")) {
            joiner = Joiner::And;
        } else if (take_keyword("OR")) {
            joiner = Joiner::Or;
        } else {
            return result;
        }
    }
}

Result<Term> Parser::term(Joiner joiner, std::size_t depth) {
    Term result;
    result.joiner = joiner;
    if (take('(')) {
        auto inner = condition(depth + 1);
        if (!inner) return inner.error();
        if (!take(')')) return expected(")");
        result.operand = std::make_unique<Condition>(std::move(inner).value());
        return result;
    }
    if (++comparisons_ > kMaxComparisons) {
        return Error{ErrorCode::LimitReached,
                     "query: more than " + std::to_string(kMaxComparisons) + " comparisons"};
    }
    Comparison comparison;
    comparison.field = take_name();
    if (comparison.field.empty()) return expected("a field or (");
    const auto which = op();
    if (!which) return which.error();
    comparison.op = which.value();
    auto value = literal();
    if (!value) return value.error();
    comparison.literal = std::move(value).value();
    result.operand = std::move(comparison);
    return result;
}

Result<Operator> Parser::op() {
    if (take_keyword("MATCH")) return Operator::Match;
    static constexpr std::pair<std::string_view, Operator> kOperators[] = {
        {"=<", Operator::LessOrEqual}, {"!=", Operator::NotEqual}, {">=", Operator::GreaterOrEqual},
        {"=", Operator::Equal},        {">", Operator::Greater},   {"<", Operator::Less},
    };
    skip_space();
    const std::string_view rest = text_.substr(at_);
    for (const auto& [word, which] : kOperators) {
        if (rest.starts_with("<=") || !rest.starts_with(word)) continue;
        at_ += word.size();
        return which;
    }
    return expected("one of = != < =< > >= MATCH");
}

Result<Literal> Parser::literal() {
    skip_space();
    const char first = at_ < text_.size() ? text_[at_] : '\0';
    if (first == '"') return quoted();
    if (first == '-' || is_digit(first)) return number();
    const std::size_t begin = at_;
    const std::string_view word = take_name();
    if (word == "true") return Literal(true);
    if (word == "false") return Literal(false);
    at_ = begin;
    return expected("\"text\", a number, true or false");
}

Result<Literal> Parser::quoted() {
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
        char c = text_[at_];
        if (c == '"') {
            ++at_;
            return Literal(std::move(value));
        }
        if (c == '\\' && at_ + 1 < text_.size()) {
            const char next = text_[++at_];
            if (next != '"') value += c;
            c = next;
        }
        value += c;
    }
    return expected("the closing quotation mark");
}

Result<Literal> Parser::number() {
    const std::string_view rest = text_.substr(at_);
    std::int64_t integer = 0;
    const auto whole = std::from_chars(rest.data(), rest.data() + rest.size(), integer);
    double decimal = 0;
    const auto any = std::from_chars(rest.data(), rest.data() + rest.size(), decimal);
    if (any.ec != std::errc() || !std::isfinite(decimal)) return expected("a number within range");
    at_ += static_cast<std::size_t>(any.ptr - rest.data());
    if (at_ < text_.size() && (is_name(text_[at_]) || text_[at_] == '.')) {
        return expected("the end of the number");
    }
    if (whole.ptr == any.ptr && whole.ec == std::errc()) return Literal(integer);
    return Literal(decimal);
}

Result<std::uint64_t> Parser::count() {
    skip_space();
    const std::size_t begin = at_;
    const std::string_view digits = take_while(is_digit);
    std::uint32_t value = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || read.ec != std::errc()) {
        at_ = begin;
        return expected("a number up to 4294967295");
    }
    return value;
}

}  // namespace

Result<Query> parse(std::string_view text) {
    if (text.size() > kMaxQueryBytes) {
        return Error{ErrorCode::LimitReached,
                     "query: longer than " + std::to_string(kMaxQueryBytes) + " bytes"};
    }
    return Parser(text).query();
}

}  // namespace vmq::admin::query
