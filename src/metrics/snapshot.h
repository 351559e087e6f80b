// Metrics as they are shown: what a series is called, and its value at one moment.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/histogram.h"

namespace vmq::metrics {

enum class Type : std::uint8_t { Counter, Gauge, Histogram };

/// "counter", "gauge", "histogram", as VerneMQ and Prometheus say.
[[nodiscard]] std::string_view type_name(Type type) noexcept;

struct Label {
    std::string name;
    std::string value;

    friend bool operator==(const Label&, const Label&) = default;
};

/// One series. Series of one name have one type and one description.
struct Sample {
    std::string name;
    Type type = Type::Counter;
    std::vector<Label> labels;  // without the node, which whoever writes them adds
    std::string description;
    std::uint64_t value = 0;   // of counters and gauges
    HistogramValue histogram;  // of histograms
};

/// Series of one name stand together.
using Snapshot = std::vector<Sample>;

/// One sample per name, without labels: the sum of its series.
[[nodiscard]] Snapshot without_labels(const Snapshot& snapshot);

/// Puts series of one name together, behind the first of them; otherwise the order stays.
void group_by_name(Snapshot& snapshot);

/// Takes from counters and histograms what they were in `earlier`; gauges stay as they are, and so
/// do series that `earlier` does not have.
void subtract(Snapshot& snapshot, const Snapshot& earlier);

/// A number of a time series database: names have no room for anything else.
struct Point {
    std::string suffix;  // behind the name: empty, or of a histogram "_count", "_sum", "_bucket_10"
    std::uint64_t value = 0;
};
/// What a sample is without the notion of a histogram; the buckets are cumulative, the last one is
/// "_bucket_inf".
[[nodiscard]] std::vector<Point> points(const Sample& sample);

}  // namespace vmq::metrics
