// Writes docs/operating/metrics.md from the table of metrics, or compares the file with it.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/http_server.h"
#include "broker/cluster_metrics.h"
#include "broker/inspect.h"

namespace vmq {
namespace {

constexpr std::string_view kBegin =
    "# Metrics\n"
    "Written by the program `metrics_doc` from the table of metrics in the code; do not edit.\n"
    "\n"
    "Names, types and labels are VerneMQ's, so its dashboards and alert rules go on working; what "
    "this broker counts in addition stands in the same table. Every series is there from the start "
    "with 0, `cluster_facts...`, `cluster_questions...` and `swc_...` with a clustering listener. "
    "Of "
    "VerneMQ's, the histograms of its metadata store (`metadata_put_microseconds` and the like) "
    "and "
    "`storage_delete_microseconds`, `storage_scan_microseconds` are not there: nothing here is "
    "like "
    "them. A number "
    "counts since the start of the node or the last reset of the metrics. "
    "`mqtt_version` is 4 for MQTT 3.1 and 3.1.1. Each hook of each plugin that was called has, "
    "with "
    "the labels `plugin` and `hook`, the counters `plugin_hook_calls`, `plugin_hook_refused`, "
    "`plugin_hook_failures` and `plugin_hook_timeouts` and the histogram "
    "`plugin_hook_microseconds`; of many calls that are answered at once one in 64 is measured and "
    "counts for all of them. Each plugin in a shared object has, with the label `plugin`, the "
    "counter `plugin_requests_refused` (what it asked the broker to do and was refused, because "
    "too much of it waited) and the gauge `plugin_requests_waiting_bytes`. `log_lines_dropped` "
    "counts lines of the log that were given up, with "
    "the label `output`: `queue` (more than could be written), or the logger that did not take "
    "them.\n"
    "\n"
    "| way out | how |\n"
    "|---|---|\n"
    "| Prometheus | `GET /metrics` of an HTTP listener. Before each name stands "
    "`prometheus_namespace` (`vernemq_`), before the other labels `node` |\n"
    "| `$SYS` | `$SYS/NODE/mqtt/publish/received` every `systree_interval` ms (20000; 0 or "
    "`systree_enabled = off`: never), the sum over labels, published with `systree_qos` and "
    "`systree_retain` in `systree_mountpoint`. Subscribers need the right to read it like any "
    "other topic; `#` does not match it |\n"
    "| Graphite | `graphite_enabled = on`, `graphite_host`, `graphite_port`: lines "
    "`[graphite_api_key.][graphite_prefix.]mqtt.publish.received 12 TIME` over one TCP connection "
    "every `graphite_interval` ms, the sum over labels; `graphite_include_labels = on` adds "
    "`.mqtt_version_4` and the like for each series |\n"
    "\n"
    "A histogram has `_count`, `_sum` and the buckets 10, 100, 1000, 10000, 100000, 1000000 and "
    "+Inf in microseconds, cumulative; in `$SYS` and Graphite the last one is `inf`.\n"
    "\n"
    "| name | type | labels | what it says |\n"
    "|---|---|---|---|\n";

struct Row {
    metrics::Sample sample;  // the first of its name
    std::vector<std::pair<std::string, std::vector<std::string>>> labels;
    bool always_zero = true;
};

void note(Row& row, const metrics::Sample& sample) {
    for (const metrics::Label& label : sample.labels) {
        auto known =
            std::ranges::find(row.labels, label.name, [](auto& each) { return each.first; });
        if (known == row.labels.end()) {
            known = row.labels.insert(row.labels.end(), {label.name, {}});
        }
        auto& values = known->second;
        if (std::ranges::find(values, label.value) == values.end()) values.push_back(label.value);
    }
    const bool zero = sample.type != metrics::Type::Histogram && sample.value == 0;
    row.always_zero = row.always_zero && zero;
}

/// All series of a node on which everything has happened: what is still 0 always is.
metrics::Snapshot example() {
    const auto node = std::make_unique<broker::NodeSnapshot>();
    node->numbers.totals.cells.fill(1);
    node->numbers.readings.fill(1);
    node->utilization = {1};
    broker::ListenerSnapshot listener;
    listener.type = "TYPE";
    listener.name = "NAME";
    listener.connections = 1;
    node->listeners.push_back(listener);
    metrics::Snapshot snapshot = broker::metrics_of(*node);
    const admin::MetricsCollector none("");
    const admin::ApiKeyStore keys({}, {}, {});
    admin::HttpServer({}, {}, none, keys).add_metrics(snapshot);
    for (metrics::Sample& sample : snapshot) {
        if (sample.name.starts_with("http_")) sample.value = 1;
    }
    // Those of a node with a clustering listener.
    broker::FactNumbers facts{.deleted = 1,
                              .bytes = 8,
                              .sent = 1,
                              .received = 1,
                              .left_out = 1,
                              .refused = 1,
                              .ahead = 1};
    facts.by_kind.fill(2);
    facts.deleted_by_kind.fill(1);
    broker::add_cluster_metrics(facts, {.asked = 1, .answered = 1, .refused = 1, .unanswered = 1},
                                snapshot);
    metrics::group_by_name(snapshot);
    return snapshot;
}

std::string labels_text(const Row& row) {
    std::string text;
    for (const auto& [name, values] : row.labels) {
        if (!text.empty()) text += "; ";
        text += '`' + name + "` ";
        for (std::size_t i = 0; i < values.size(); ++i) text += (i == 0 ? "" : ", ") + values[i];
    }
    return text;
}

std::string document() {
    std::vector<Row> rows;
    for (const metrics::Sample& sample : example()) {
        if (rows.empty() || rows.back().sample.name != sample.name) rows.push_back({sample, {}});
        note(rows.back(), sample);
    }
    std::string text(kBegin);
    for (const Row& row : rows) {
        text += fmt::format("| `{}` | {} | {} | {}{} |\n", row.sample.name,
                            metrics::type_name(row.sample.type), labels_text(row),
                            row.sample.description, row.always_zero ? " Always 0 here." : "");
    }
    return text;
}

int run(const std::vector<std::string_view>& arguments) {
    const bool check = arguments.size() == 2 && arguments[0] == "--check";
    if (arguments.size() != (check ? 2U : 1U)) {
        fmt::print(stderr, "usage: metrics_doc [--check] FILE\n");
        return 2;
    }
    const std::string path(arguments.back());
    if (!check) {
        std::ofstream(path) << document();
        return 0;
    }
    std::ifstream file(path);
    const std::string found{std::istreambuf_iterator<char>(file), {}};
    if (found == document()) return 0;
    fmt::print("{} is out of date: run metrics_doc on it\n", path);
    return 1;
}

}  // namespace
}  // namespace vmq

int main(int argc, char** argv) { return vmq::run({argv + 1, argv + argc}); }
