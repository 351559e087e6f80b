#include "admin/query/value.h"

namespace vmq::admin::query {

std::string_view name_of(Type type) noexcept {
    switch (type) {
        case Type::Text:
            return "text";
        case Type::Integer:
            return "an integer";
        case Type::Boolean:
            return "true or false";
    }
    return {};
}

std::string in_words(const Value& value, std::string_view unset) {
    if (const bool* boolean = std::get_if<bool>(&value)) return *boolean ? "true" : "false";
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    return std::string(unset);
}

bool comes_before(const Value& a, const Value& b) noexcept { return a < b; }

std::size_t footprint(const Value& value) noexcept {
    const auto* text = std::get_if<std::string>(&value);
    return sizeof(Value) + (text != nullptr ? text->size() : 0);
}

}  // namespace vmq::admin::query
