// metrics: what the node counts.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

/// Flags that are labels: all that are given must fit.
constexpr std::string_view kLabels[] = {"mqtt_version", "reason_code", "return_code"};

bool fits(const MetricSample& sample, const std::vector<GivenFlag>& wanted) {
    return std::ranges::all_of(wanted, [&](const GivenFlag& flag) {
        if (std::ranges::find(kLabels, flag.name) == std::end(kLabels)) return true;
        const auto label = std::pair(std::string(flag.name), flag.value.value_or(""));
        return std::ranges::find(sample.labels, label) != sample.labels.end();
    });
}

Answer show_metrics(const Invocation& invocation, Node& node) {
    const bool described = invocation.is_on("with-descriptions");
    const bool aggregate = invocation.value_or("aggregate", "true") == "true";
    std::string out;
    for (const Metric& metric : node.metrics()) {
        std::vector<std::uint64_t> values;
        for (const MetricSample& sample : metric.samples) {
            if (!fits(sample, invocation.flags())) continue;
            if (aggregate && !values.empty()) {
                values.front() += sample.value;
            } else {
                values.push_back(sample.value);
            }
        }
        const char* type = metric.type == MetricType::Counter ? "counter." : "gauge.";
        for (const std::uint64_t value : values) {
            if (described) out += "# " + metric.description + "\n";
            out += type + metric.name + " = " + std::to_string(value) + "\n";
            if (described) out += "\n";
        }
    }
    if (!out.empty()) out.pop_back();  // printing adds one
    return text(std::move(out));
}

Answer reset(const Invocation& /*invocation*/, Node& node) {
    node.reset_metrics();
    return done();
}

}  // namespace

void add_metrics_commands(Declarations& table) {
    table.groups.push_back({"metrics", "Show and reset what the node counts."});
    table.commands.push_back(
        {.words = "metrics show",
         .summary = "Shows all counters and gauges.",
         .help = "With several labels given, only what has all of them is shown.",
         .arguments = {},
         .flags = {{"with-descriptions", 'd', Takes::Nothing, {}, "Says what each one means."},
                   {"aggregate", 'a', Takes::Value, "true|false",
                    "Adds up all labels of a name, unless it is false.", ValueType::Boolean},
                   {"mqtt_version", 0, Takes::Value, "4|5", "Of this MQTT version."},
                   {"reason_code", 0, Takes::Value, "Reason", "With this reason code of MQTT 5."},
                   {"return_code", 0, Takes::Value, "Code", "With this return code of MQTT 3."}},
         .run = show_metrics});
    table.commands.push_back({.words = "metrics reset",
                              .summary = "Sets all counters of this node to 0.",
                              .help = "Gauges stay what they are.",
                              .arguments = {},
                              .flags = {},
                              .access = Access::Change,
                              .run = reset});
}

}  // namespace vmq::admin::commands
