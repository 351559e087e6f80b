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

std::string sample_text(std::string_view prefix, std::string_view node = "a@b") {
    return metrics_text(sample_metrics(), node, prefix);
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

TEST(MetricsText, WritesACounter) {
    EXPECT_THAT(sample_text("vernemq_"),
                StartsWith("# HELP vernemq_socket_open The number of times an MQTT socket has been "
                           "opened.\n"
                           "# TYPE vernemq_socket_open counter\n"
                           "vernemq_socket_open{node=\"a@b\"} 9\n"
                           "# HELP vernemq_socket_close "));
}

TEST(MetricsText, WritesPacketsOfBothVersionsUnderOneName) {
    EXPECT_THAT(sample_text("vernemq_"),
                HasSubstr("# HELP vernemq_mqtt_publish_received The number of PUBLISH packets "
                          "received.\n"
                          "# TYPE vernemq_mqtt_publish_received counter\n"
                          "vernemq_mqtt_publish_received{node=\"a@b\",mqtt_version=\"4\"} 100\n"
                          "vernemq_mqtt_publish_received{node=\"a@b\",mqtt_version=\"5\"} 20\n"));
}

TEST(MetricsText, WritesNoSeriesForPacketsAVersionDoesNotHave) {
    const auto text = sample_text("");
    EXPECT_THAT(text, HasSubstr("\nmqtt_auth_sent{node=\"a@b\",mqtt_version=\"5\",reason_code="
                                "\"success\"} 0\n"));
    EXPECT_THAT(text, Not(HasSubstr("mqtt_auth_sent{node=\"a@b\",mqtt_version=\"4\"")));
    EXPECT_THAT(text, Not(HasSubstr("mqtt_disconnect_sent{node=\"a@b\",mqtt_version=\"4\"")));
}

TEST(MetricsText, WritesGauges) {
    EXPECT_THAT(sample_text("x_"),
                HasSubstr("# TYPE x_retain_memory gauge\nx_retain_memory{node=\"a@b\"} 300\n"));
}

TEST(MetricsText, WritesHistogramsWithCumulativeBuckets) {
    EXPECT_THAT(sample_text(""),
                HasSubstr("# TYPE shard_turn_microseconds histogram\n"
                          "shard_turn_microseconds_count{node=\"a@b\"} 6\n"
                          "shard_turn_microseconds_sum{node=\"a@b\"} 77\n"
                          "shard_turn_microseconds_bucket{node=\"a@b\",le=\"10\"} 1\n"
                          "shard_turn_microseconds_bucket{node=\"a@b\",le=\"100\"} 3\n"));
    EXPECT_THAT(sample_text(""),
                HasSubstr("shard_turn_microseconds_bucket{node=\"a@b\",le=\"+Inf\"} 6\n"));
}

TEST(MetricsText, WritesLargeNumbersAsIntegers) {
    metrics::Snapshot snapshot(1);
    snapshot[0].name = "bytes";
    snapshot[0].value = 9'007'199'254'740'991;  // what a double holds exactly
    EXPECT_THAT(metrics_text(snapshot, "n", ""), HasSubstr("bytes{node=\"n\"} 9007199254740991\n"));
}

TEST(MetricsText, HasOneHelpAndOneTypePerNameAndNoSampleElsewhere) {
    std::set<std::string> names;
    std::string name;
    for (const std::string& line : lines_of(sample_text("vernemq_"))) {
        SCOPED_TRACE(line);
        std::istringstream words(line);
        std::string hash, kind;
        if (line.starts_with("# HELP ")) {
            words >> hash >> kind >> name;
            EXPECT_TRUE(names.insert(name).second);
        } else if (line.starts_with("# TYPE ")) {
            EXPECT_THAT(line, StartsWith("# TYPE " + name + " "));
        } else {
            EXPECT_THAT(line, StartsWith(name));
            EXPECT_THAT(line, HasSubstr("{node=\"a@b\""));
        }
    }
    EXPECT_GT(names.size(), 100U);
}

TEST(MetricsText, EscapesTheNodeName) {
    EXPECT_THAT(sample_text("", "a\"\\\nb"), HasSubstr("socket_open{node=\"a\\\"\\\\\\nb\"} 9\n"));
}

}  // namespace
}  // namespace vmq::admin
