#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

class MetricsCommands : public CommandTest {
protected:
    MetricsCommands() {
        Metric& publish = node.counted.emplace_back();
        publish.name = "mqtt_publish_sent";
        publish.description = "Sent.";
        publish.samples = {{{{"mqtt_version", "4"}}, 3}, {{{"mqtt_version", "5"}}, 4}};
        Metric& retained = node.counted.emplace_back();
        retained.type = MetricType::Gauge;
        retained.name = "retain_messages";
        retained.description = "Kept.";
        retained.samples = {{{}, 9}};
    }
};

TEST_F(MetricsCommands, LabelsAreAddedUp) {
    EXPECT_EQ(out("metrics show"), "counter.mqtt_publish_sent = 7\ngauge.retain_messages = 9\n");
    EXPECT_EQ(out("metrics show --aggregate=false"),
              "counter.mqtt_publish_sent = 3\ncounter.mqtt_publish_sent = 4\n"
              "gauge.retain_messages = 9\n");
}

TEST_F(MetricsCommands, ALabelChooses) {
    EXPECT_EQ(out("metrics show --mqtt_version=5"), "counter.mqtt_publish_sent = 4\n");
    EXPECT_EQ(out("metrics show --mqtt_version=5 --reason_code=success"), "\n");
}

TEST_F(MetricsCommands, DescriptionsStandBefore) {
    EXPECT_EQ(out("metrics show -d"),
              "# Sent.\ncounter.mqtt_publish_sent = 7\n\n# Kept.\ngauge.retain_messages = 9\n\n");
}

TEST_F(MetricsCommands, ResetIsDone) {
    EXPECT_EQ(out("metrics reset"), "Done\n");
    EXPECT_EQ(calls(), Calls{"reset_metrics"});
}

}  // namespace
}  // namespace vmq::admin::commands
