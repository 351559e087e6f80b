#include "broker/repeated_lines.h"

#include <utility>

namespace vmq::broker {

bool RepeatedLines::may(std::string_view key) {
    std::string known(key.substr(0, kLongestKey));
    const auto found = lines_.find(known);
    if (found != lines_.end()) return ++found->second <= kLinesPerKey;
    if (lines_.size() >= kMaxKeys) {
        ++others_;
        return false;
    }
    lines_.emplace(std::move(known), 1);
    return true;
}

std::vector<RepeatedLines::Report> RepeatedLines::take_due() {
    std::vector<Report> reports;
    for (const auto& [key, lines] : lines_) {
        if (lines > kLinesPerKey) reports.push_back({key, lines - kLinesPerKey});
    }
    lines_.clear();
    if (others_ > 0) reports.push_back({"", std::exchange(others_, 0)});
    return reports;
}

}  // namespace vmq::broker
