#include "metrics/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace vmq::metrics {
namespace {

std::string text_of(const Sample& sample) {
    std::string text = sample.name;
    for (const Label& label : sample.labels) text += " " + label.name + "=" + label.value;
    return text;
}

std::uint64_t value_of(const Snapshot& snapshot, const std::string& series) {
    for (const Sample& sample : snapshot) {
        if (text_of(sample) == series) return sample.value;
    }
    ADD_FAILURE() << "no series " << series;
    return 0;
}

class MetricsTable : public ::testing::Test {
protected:
    std::unique_ptr<Numbers> numbers_ = std::make_unique<Numbers>();
};

TEST_F(MetricsTable, EverySeriesIsThereOnceAndNamesStandTogether) {
    const Snapshot all = series_of(*numbers_);
    std::set<std::string> series;
    std::set<std::string> names;
    std::string name;
    for (const Sample& sample : all) {
        EXPECT_TRUE(series.insert(text_of(sample)).second) << text_of(sample);
        EXPECT_FALSE(sample.description.empty()) << sample.name;
        EXPECT_EQ(sample.value, 0U) << sample.name;
        if (sample.name == name) continue;
        name = sample.name;
        EXPECT_TRUE(names.insert(name).second) << name << " stands at two places";
    }
    EXPECT_GT(series.size(), 250U);
}

TEST_F(MetricsTable, SeriesOfOneNameAgreeOnTypeAndDescription) {
    std::map<std::string, Sample> first;
    for (const Sample& sample : series_of(*numbers_)) {
        const Sample& other = first.emplace(sample.name, sample).first->second;
        EXPECT_EQ(sample.type, other.type) << sample.name;
        EXPECT_EQ(sample.description, other.description) << sample.name;
    }
}

TEST_F(MetricsTable, EveryCounterIsShown) {
    for (std::size_t i = 0; i < kCounters; ++i) {
        numbers_ = std::make_unique<Numbers>();
        numbers_->totals.cells[i] = 1;
        const Snapshot all = series_of(*numbers_);
        EXPECT_TRUE(
            std::ranges::any_of(all, [](const Sample& sample) { return sample.value == 1; }))
            << "counter " << i;
    }
}

TEST_F(MetricsTable, EveryReadingIsShown) {
    for (std::size_t i = 0; i < kReadings; ++i) {
        numbers_ = std::make_unique<Numbers>();
        numbers_->readings[i] = 1;
        const Snapshot all = series_of(*numbers_);
        EXPECT_EQ(std::ranges::count_if(all, [](const Sample& each) { return each.value == 1; }), 1)
            << "reading " << i;
    }
}

TEST_F(MetricsTable, PacketsHaveTheLabelsThatDashboardsKnow) {
    auto& cells = numbers_->totals.cells;
    cells[cell::of(PacketKind{Direction::Received, false, 3})] = 1;
    cells[cell::of(PacketKind{Direction::Received, true, 3})] = 2;
    cells[cell::of(PacketKind{Direction::Sent, true, 4, 0x10})] = 3;
    cells[cell::of(PacketKind{Direction::Sent, false, 2, 4})] = 4;
    cells[cell::of(PacketKind{Direction::Sent, true, 2, 0x86})] = 5;
    cells[cell::of(PacketKind{Direction::Received, true, 14})] = 6;
    const Snapshot all = series_of(*numbers_);
    EXPECT_EQ(value_of(all, "mqtt_publish_received mqtt_version=4"), 1U);
    EXPECT_EQ(value_of(all, "mqtt_publish_received mqtt_version=5"), 2U);
    EXPECT_EQ(value_of(all, "mqtt_puback_sent mqtt_version=5 reason_code=no_matching_subscribers"),
              3U);
    EXPECT_EQ(
        value_of(all, "mqtt_connack_sent mqtt_version=4 return_code=bad_username_or_password"), 4U);
    EXPECT_EQ(
        value_of(all, "mqtt_connack_sent mqtt_version=5 reason_code=bad_username_or_password"), 5U);
    EXPECT_EQ(
        value_of(all, "mqtt_disconnect_received mqtt_version=5 reason_code=normal_disconnect"), 6U);
}

TEST_F(MetricsTable, RefusedPublishesOfBothVersionsAreDrops) {
    numbers_->totals.cells[cell::of(VersionCounter::MqttPublishAuthError, false)] = 1;
    numbers_->totals.cells[cell::of(VersionCounter::MqttPublishAuthError, true)] = 2;
    EXPECT_EQ(value_of(series_of(*numbers_), "message_drop reason=not_authorized"), 3U);
}

}  // namespace
}  // namespace vmq::metrics
