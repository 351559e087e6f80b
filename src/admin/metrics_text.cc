#include "admin/metrics_text.h"

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <vector>

namespace vmq::admin {
namespace {

prometheus::MetricType type_of(metrics::Type type) {
    switch (type) {
        case metrics::Type::Counter:
            return prometheus::MetricType::Counter;
        case metrics::Type::Gauge:
            return prometheus::MetricType::Gauge;
        case metrics::Type::Histogram:
            break;
    }
    return prometheus::MetricType::Histogram;
}

prometheus::ClientMetric::Histogram histogram_of(const metrics::HistogramValue& value) {
    prometheus::ClientMetric::Histogram histogram;
    histogram.sample_count = value.count();
    histogram.sample_sum = static_cast<double>(value.sum_us);
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < metrics::kBuckets; ++i) {
        cumulative += value.buckets[i];
        const bool last = i == metrics::kBoundsUs.size();
        histogram.bucket.push_back({cumulative, last ? std::numeric_limits<double>::infinity()
                                                     : static_cast<double>(metrics::kBoundsUs[i])});
    }
    return histogram;
}

prometheus::ClientMetric metric_of(const metrics::Sample& sample, std::string_view node) {
    prometheus::ClientMetric metric;
    metric.label.push_back({"node", std::string(node)});
    for (const metrics::Label& label : sample.labels) {
        metric.label.push_back({label.name, label.value});
    }
    const auto value = static_cast<double>(sample.value);
    switch (sample.type) {
        case metrics::Type::Counter:
            metric.counter.value = value;
            break;
        case metrics::Type::Gauge:
            metric.gauge.value = value;
            break;
        case metrics::Type::Histogram:
            metric.histogram = histogram_of(sample.histogram);
            break;
    }
    return metric;
}

}  // namespace

std::string metrics_text(const metrics::Snapshot& snapshot, std::string_view node,
                         std::string_view prefix) {
    std::vector<prometheus::MetricFamily> families;
    const std::string* name = nullptr;
    for (const metrics::Sample& sample : snapshot) {
        if (name == nullptr || *name != sample.name) {
            name = &sample.name;
            auto& family = families.emplace_back();
            family.name = std::string(prefix) + sample.name;
            family.help = sample.description;
            family.type = type_of(sample.type);
        }
        families.back().metric.push_back(metric_of(sample, node));
    }
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace vmq::admin
