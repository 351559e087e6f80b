#include "metrics/snapshot.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace vmq::metrics {
namespace {

/// Names the series among all of a node.
std::string key_of(const Sample& sample) {
    std::string key = sample.name;
    for (const Label& label : sample.labels) {
        key += '\0';
        key += label.name;
        key += '\0';
        key += label.value;
    }
    return key;
}

}  // namespace

std::string_view type_name(Type type) noexcept {
    switch (type) {
        case Type::Counter:
            return "counter";
        case Type::Gauge:
            return "gauge";
        case Type::Histogram:
            break;
    }
    return "histogram";
}

Snapshot without_labels(const Snapshot& snapshot) {
    Snapshot result;
    std::unordered_map<std::string_view, std::size_t> places;
    for (const Sample& sample : snapshot) {
        const auto [place, fresh] = places.emplace(sample.name, result.size());
        if (fresh) {
            result.push_back(sample);
            result.back().labels.clear();
            continue;
        }
        Sample& sum = result[place->second];
        sum.value += sample.value;
        sum.histogram += sample.histogram;
    }
    return result;
}

void group_by_name(Snapshot& snapshot) {
    std::unordered_map<std::string, std::size_t> first;
    std::vector<std::pair<std::size_t, std::size_t>> order;  // rank of its name, own place
    for (std::size_t i = 0; i < snapshot.size(); ++i) {
        order.emplace_back(first.emplace(snapshot[i].name, i).first->second, i);
    }
    std::sort(order.begin(), order.end());
    Snapshot grouped;
    grouped.reserve(snapshot.size());
    for (const auto& [rank, place] : order) grouped.push_back(std::move(snapshot[place]));
    snapshot = std::move(grouped);
}

void subtract(Snapshot& snapshot, const Snapshot& earlier) {
    std::unordered_map<std::string, const Sample*> before;
    for (const Sample& sample : earlier) before.emplace(key_of(sample), &sample);
    for (Sample& sample : snapshot) {
        if (sample.type == Type::Gauge) continue;
        const auto found = before.find(key_of(sample));
        if (found == before.end()) continue;
        sample.value -= std::min(sample.value, found->second->value);
        sample.histogram -= found->second->histogram;
    }
}

std::vector<Point> points(const Sample& sample) {
    if (sample.type != Type::Histogram) return {{"", sample.value}};
    std::vector<Point> result{{"_count", sample.histogram.count()},
                              {"_sum", sample.histogram.sum_us}};
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
        cumulative += sample.histogram.buckets[i];
        const bool last = i == kBoundsUs.size();
        result.push_back(
            {"_bucket_" + (last ? std::string("inf") : std::to_string(kBoundsUs[i])), cumulative});
    }
    return result;
}

}  // namespace vmq::metrics
