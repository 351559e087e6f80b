#include "config/diagnostic.h"

#include <gtest/gtest.h>

namespace vmq::config {
namespace {

TEST(Diagnostic, NamesFileLineColumnKeyAndWhatIsWrong) {
    EXPECT_EQ(to_string(Diagnostic{{"vernemq.conf", 3, 7}, "retry_interval", "is odd"}),
              "vernemq.conf:3:7: retry_interval: is odd");
}

TEST(Diagnostic, LeavesOutWhatItDoesNotKnow) {
    EXPECT_EQ(to_string(Diagnostic{{"vernemq.conf"}, "", "does not exist"}),
              "vernemq.conf: does not exist");
    EXPECT_EQ(to_string(Diagnostic{{}, "a", "b"}), "a: b");
}

}  // namespace
}  // namespace vmq::config
