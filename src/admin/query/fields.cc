#include "admin/query/fields.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "config/setting_table.h"

namespace vmq::admin::query {
namespace {

constexpr std::size_t kSuggestions = 3;
constexpr std::size_t kMostTypos = 8;

std::vector<std::string_view> nearest(std::span<const Field> fields, std::string_view name) {
    std::vector<std::pair<std::size_t, std::string_view>> ranked;
    for (const Field& field : fields) {
        ranked.emplace_back(config::edit_distance(name, field.name, kMostTypos), field.name);
    }
    const std::size_t count = std::min(kSuggestions, ranked.size());
    std::ranges::partial_sort(ranked, ranked.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back(ranked[i].second);
    return names;
}

}  // namespace

Result<std::size_t> find_field(std::span<const Field> fields, std::string_view name) {
    const auto found = std::ranges::find(fields, name, &Field::name);
    if (found != fields.end()) return static_cast<std::size_t>(found - fields.begin());
    std::string detail = "there is no field " + std::string(name.substr(0, 100));
    const char* separator = "; the nearest are ";
    for (const std::string_view each : nearest(fields, name)) {
        detail += std::exchange(separator, ", ");
        detail += each;
    }
    return Error{ErrorCode::UnknownKey, std::move(detail)};
}

}  // namespace vmq::admin::query
