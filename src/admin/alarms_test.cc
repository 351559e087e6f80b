#include "admin/alarms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/limits.h"
#include "admin/view_sample.h"

namespace vmq::admin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> kinds_of(const NodeView& view) {
    std::vector<std::string> kinds;
    for (const Alarm& alarm : alarms_of(view)) {
        kinds.push_back(std::string(word_of(alarm.severity)) + ' ' + std::string(alarm.kind));
    }
    return kinds;
}

TEST(Alarms, ThereAreNoneWhileEverythingRuns) { EXPECT_THAT(alarms_of(sample_view()), IsEmpty()); }

TEST(Alarms, AListenerThatDoesNotRunIsNamed) {
    auto view = sample_view();
    view.node.listeners[0].running = false;
    ASSERT_THAT(kinds_of(view), ElementsAre("warning listener_not_running"));
    EXPECT_THAT(alarms_of(view)[0].text, HasSubstr("mqtt default (127.0.0.1:1883)"));
}

TEST(Alarms, AListenerIsFullAtItsLimit) {
    auto view = sample_view();
    view.node.listeners[0].max_connections = 3;
    EXPECT_THAT(kinds_of(view), IsEmpty());
    view.node.listeners[0].connections = 3;
    EXPECT_THAT(kinds_of(view), ElementsAre("warning listener_full"));
}

TEST(Alarms, ACertificateIsToldOfBeforeAndAfterItsEnd) {
    auto view = sample_view();
    auto& expires = view.node.listeners[0].certificate_expires;
    expires = view.wall_now + kCertificateWarning + Seconds(1);
    EXPECT_THAT(kinds_of(view), IsEmpty());
    expires = view.wall_now + kCertificateWarning;
    EXPECT_THAT(kinds_of(view), ElementsAre("warning certificate_expires"));
    EXPECT_THAT(alarms_of(view)[0].text, HasSubstr("expires in 30 days"));
    expires = view.wall_now + Seconds(5);
    EXPECT_THAT(alarms_of(view)[0].text, HasSubstr("expires within a day"));
    expires = view.wall_now - Seconds(1);
    EXPECT_THAT(kinds_of(view), ElementsAre("danger certificate_expires"));
    EXPECT_THAT(alarms_of(view)[0].text, HasSubstr("has expired"));
}

TEST(Alarms, AStoreThatCannotWriteComesFirst) {
    auto view = sample_view();
    view.recent.drops[0] = 1;
    view.node.numbers[metrics::Reading::StoreRefusing] = 1;
    EXPECT_THAT(kinds_of(view), ElementsAre("danger store_refusing", "warning messages_dropped"));
}

TEST(Alarms, ANodeThatIsAwayIsNamedAndWhatFollowsFromIt) {
    auto view = sample_view();
    view.node.cluster.nodes.resize(1);
    view.node.cluster.nodes[0].name = "c@d";
    view.node.cluster.nodes[0].why = "it hangs";
    ASSERT_THAT(kinds_of(view), ElementsAre("danger node_away"));
    EXPECT_THAT(alarms_of(view)[0].text,
                ::testing::AllOf(HasSubstr("c@d cannot be reached: it hangs."),
                                 HasSubstr("cluster leave node=c@d")));
    view.node.cluster.ready = false;
    view.node.cluster.policy = "quorum";
    ASSERT_THAT(kinds_of(view), ElementsAre("danger node_away", "danger cluster_not_ready"));
    EXPECT_THAT(alarms_of(view)[1].text, HasSubstr("netsplit_policy = quorum"));
}

TEST(Alarms, DropsThatNobodyAskedForAreCountedByReason) {
    auto view = sample_view();
    view.recent.drops = {1, 2, 3, 4, 5, 6, 7, 8};
    view.recent.queues_nearly_full = 2;
    std::vector<std::string> texts;
    for (const Alarm& alarm : alarms_of(view)) texts.push_back(alarm.text);
    EXPECT_THAT(texts, ElementsAre(HasSubstr("1 message was not delivered because queues"),
                                   HasSubstr("3 messages were not delivered because they are"),
                                   HasSubstr("7 messages were not delivered because clients may"),
                                   HasSubstr("8 messages were not delivered because the message"),
                                   HasSubstr("the queues of 2 clients became nearly full")));
}

}  // namespace
}  // namespace vmq::admin
