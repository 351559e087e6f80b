#include "admin/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <vector>

#include "admin/view_sample.h"

namespace vmq::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

TEST(MetricsText, WritesACounter) {
    EXPECT_THAT(metrics_text(sample_view(), "vernemq_"),
                StartsWith("# HELP vernemq_socket_open Sockets opened by MQTT clients.\n"
                           "# TYPE vernemq_socket_open counter\n"
                           "vernemq_socket_open{node=\"a@b\"} 9\n"
                           "# HELP vernemq_socket_close Client sockets closed.\n"));
}

TEST(MetricsText, WritesPacketsOfBothVersionsUnderOneName) {
    EXPECT_THAT(metrics_text(sample_view(), "vernemq_"),
                HasSubstr("# HELP vernemq_mqtt_publish_received The number of PUBLISH packets "
                          "received.\n"
                          "# TYPE vernemq_mqtt_publish_received counter\n"
                          "vernemq_mqtt_publish_received{node=\"a@b\",mqtt_version=\"4\"} 100\n"
                          "vernemq_mqtt_publish_received{node=\"a@b\",mqtt_version=\"5\"} 20\n"));
}

TEST(MetricsText, WritesNoSeriesForPacketsAVersionDoesNotHave) {
    const auto text = metrics_text(sample_view(), "");
    EXPECT_THAT(text, HasSubstr("\nmqtt_auth_sent{node=\"a@b\",mqtt_version=\"5\"} 0\n"));
    EXPECT_THAT(text, Not(HasSubstr("mqtt_auth_sent{node=\"a@b\",mqtt_version=\"4\"}")));
    EXPECT_THAT(text, Not(HasSubstr("mqtt_disconnect_sent{node=\"a@b\",mqtt_version=\"4\"}")));
}

TEST(MetricsText, WritesGauges) {
    EXPECT_THAT(metrics_text(sample_view(), "x_"),
                HasSubstr("# TYPE x_retain_memory gauge\nx_retain_memory{node=\"a@b\"} 300\n"));
    EXPECT_THAT(metrics_text(sample_view(), "x_"),
                HasSubstr("x_total_active_connections{node=\"a@b\"} 2\n"));
}

TEST(MetricsText, HasOneHelpAndOneTypePerNameAndNoSampleElsewhere) {
    std::set<std::string> names;
    std::string name;
    for (const std::string& line : lines_of(metrics_text(sample_view(), "vernemq_"))) {
        SCOPED_TRACE(line);
        std::istringstream words(line);
        std::string hash, kind;
        if (line.starts_with("# HELP ")) {
            words >> hash >> kind >> name;
            EXPECT_TRUE(names.insert(name).second);
        } else if (line.starts_with("# TYPE ")) {
            EXPECT_THAT(line, StartsWith("# TYPE " + name + " "));
        } else {
            EXPECT_THAT(line, StartsWith(name + "{node=\"a@b\""));
        }
    }
    EXPECT_GT(names.size(), 50U);
}

TEST(MetricsText, EscapesTheNodeName) {
    auto view = sample_view();
    view.node.node = "a\"\\\nb";
    EXPECT_THAT(metrics_text(view, ""), HasSubstr("socket_open{node=\"a\\\"\\\\\\nb\"} 9\n"));
}

}  // namespace
}  // namespace vmq::admin
