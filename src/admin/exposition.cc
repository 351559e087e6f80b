#include "admin/exposition.h"

#include <charconv>
#include <string>
#include <utility>

namespace vmq::admin {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kHelp = "# HELP ";
constexpr std::string_view kType = "# TYPE ";

/// `name="value",name="value"` with \\, \" and \n in the values.
Labels labels_of(std::string_view text) {
    Labels labels;
    while (!text.empty()) {
        const std::size_t equal = text.find("=\"");
        if (equal == std::string_view::npos) break;
        std::string name(text.substr(0, equal));
        std::string value;
        std::size_t at = equal + 2;
        for (; at < text.size() && text[at] != '"'; ++at) {
            const bool escape = text[at] == '\\' && at + 1 < text.size();
            if (escape) ++at;
            value += escape && text[at] == 'n' ? '\n' : text[at];
        }
        if (name != "node") labels.emplace_back(std::move(name), std::move(value));
        text.remove_prefix(std::min(at + 1, text.size()));
        if (text.starts_with(',')) text.remove_prefix(1);
    }
    return labels;
}

void add_sample(std::string_view line, commands::Metric& metric) {
    const std::size_t blank = line.rfind(' ');
    if (blank == std::string_view::npos) return;
    const std::string_view number = line.substr(blank + 1);
    commands::MetricSample sample;
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), sample.value);
    if (error != std::errc() || end != number.data() + number.size()) return;
    const std::size_t open = line.find('{');
    const std::size_t close = line.rfind('}', blank);
    if (open != std::string_view::npos && close != std::string_view::npos) {
        sample.labels = labels_of(line.substr(open + 1, close - open - 1));
    }
    metric.samples.push_back(std::move(sample));
}

}  // namespace

std::vector<commands::Metric> metrics_of(std::string_view text) {
    std::vector<commands::Metric> metrics;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.starts_with(kHelp)) {
            line.remove_prefix(kHelp.size());
            const std::size_t blank = std::min(line.find(' '), line.size());
            commands::Metric& metric = metrics.emplace_back();
            metric.name = line.substr(0, blank);
            metric.description = line.substr(std::min(blank + 1, line.size()));
        } else if (line.starts_with(kType)) {
            if (metrics.empty()) continue;
            metrics.back().type = line.ends_with(" gauge") ? commands::MetricType::Gauge
                                                           : commands::MetricType::Counter;
        } else if (!line.empty() && !metrics.empty()) {
            add_sample(line, metrics.back());
        }
    }
    return metrics;
}

}  // namespace vmq::admin
