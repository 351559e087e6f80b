#include "admin/exposition.h"

#include <gtest/gtest.h>

#include "admin/metrics_text.h"
#include "admin/view_sample.h"

namespace vmq::admin {
namespace {

TEST(Exposition, ReadsBackWhatMetricsTextWrites) {
    NodeView view = sample_view();
    view.node.node = "a\"b\\c\n@d";
    const auto metrics = metrics_of(metrics_text(view, ""));
    const auto find = [&](std::string_view name) -> const commands::Metric& {
        for (const auto& metric : metrics) {
            if (metric.name == name) return metric;
        }
        ADD_FAILURE() << "no " << name;
        return metrics.front();
    };
    const commands::Metric& open = find("socket_open");
    EXPECT_EQ(open.type, commands::MetricType::Counter);
    EXPECT_FALSE(open.description.empty());
    ASSERT_EQ(open.samples.size(), 1U);
    EXPECT_EQ(open.samples[0].value, 9U);
    EXPECT_TRUE(open.samples[0].labels.empty());
    const commands::Metric& publish = find("mqtt_publish_received");
    ASSERT_EQ(publish.samples.size(), 2U);
    EXPECT_EQ(publish.samples[1].value, 20U);
    EXPECT_EQ(publish.samples[1].labels.front(),
              (std::pair<std::string, std::string>{"mqtt_version", "5"}));
    EXPECT_EQ(find("retain_messages").type, commands::MetricType::Gauge);
}

TEST(Exposition, WhatItCannotReadIsLeftOut) {
    EXPECT_TRUE(metrics_of("").empty());
    EXPECT_TRUE(metrics_of("a 1\n# TYPE a gauge\n").empty());
    const auto metrics = metrics_of("# HELP a\n# TYPE a counter\na 1.5\na{x=\"1\n\na{} 7\na{x 1");
    ASSERT_EQ(metrics.size(), 1U);
    ASSERT_EQ(metrics[0].samples.size(), 2U);
    EXPECT_EQ(metrics[0].samples[0].value, 7U);
}

}  // namespace
}  // namespace vmq::admin
