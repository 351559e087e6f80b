#include "admin/http_target.h"

#include <algorithm>
#include <utility>

namespace vmq::admin {
namespace {

int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

std::optional<std::string> decoded(std::string_view text, bool plus_is_blank) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_blank) {
            result += ' ';
        } else if (text[i] != '%') {
            result += text[i];
        } else {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hex_value(text[i + 1]);
            const int low = hex_value(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            result += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    return result;
}

bool fits_in_path(const std::string& segment) {
    const auto odd = [](char c) { return c == '/' || static_cast<unsigned char>(c) < ' '; };
    return !segment.empty() && segment != "." && segment != ".." &&
           std::ranges::none_of(segment, odd);
}

template <typename Take>
bool for_each_part(std::string_view text, char separator, const Take& take) {
    for (;;) {
        const std::size_t end = std::min(text.find(separator), text.size());
        if (!take(text.substr(0, end))) return false;
        if (end == text.size()) return true;
        text.remove_prefix(end + 1);
    }
}

}  // namespace

std::string_view path_of(std::string_view target) noexcept {
    return target.substr(0, target.find('?'));
}

std::optional<std::vector<std::string>> path_segments(std::string_view path) {
    std::vector<std::string> segments;
    const bool good = for_each_part(path, '/', [&](std::string_view part) {
        auto segment = decoded(part, false);
        if (!segment || !fits_in_path(*segment)) return false;
        segments.push_back(std::move(*segment));
        return true;
    });
    if (!good) return std::nullopt;
    return segments;
}

std::optional<std::vector<QueryPart>> query_of(std::string_view target) {
    std::vector<QueryPart> query;
    const std::size_t start = target.find('?');
    if (start == std::string_view::npos) return query;
    const bool good = for_each_part(target.substr(start + 1), '&', [&](std::string_view part) {
        if (part.empty()) return true;
        const std::size_t equal = part.find('=');
        auto name = decoded(part.substr(0, equal), true);
        if (!name || name->empty()) return false;
        QueryPart& added = query.emplace_back(QueryPart{std::move(*name), std::nullopt});
        if (equal == std::string_view::npos) return true;
        added.value = decoded(part.substr(equal + 1), true);
        return added.value.has_value();
    });
    if (!good) return std::nullopt;
    return query;
}

}  // namespace vmq::admin
