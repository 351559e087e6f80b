#include "broker/cluster_metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace vmq::broker {
namespace {

TEST(ClusterMetrics, EveryNumberHasASeries) {
    FactNumbers facts;
    for (std::size_t kind = 0; kind < facts.by_kind.size(); ++kind) facts.by_kind[kind] = 10 + kind;
    facts.deleted = 1;
    facts.deleted_by_kind[static_cast<std::size_t>(cluster::FactKind::Retained)] = 1;
    facts.bytes = 16;
    facts.sent = 3;
    facts.received = 4;
    facts.left_out = 5;
    facts.refused = 6;
    facts.ahead = 7;
    metrics::Snapshot snapshot;
    add_cluster_metrics(facts, {.asked = 8, .answered = 9, .refused = 10, .unanswered = 11},
                        snapshot);
    std::string all;
    for (const auto& each : snapshot) {
        all += each.name + (each.labels.empty() ? "" : "{" + each.labels[0].value + "}") + "=" +
               std::to_string(each.value) + " ";
        EXPECT_FALSE(each.description.empty());
    }
    EXPECT_EQ(all,
              "cluster_facts{member}=11 cluster_facts{retained}=12 cluster_facts{setting}=13 "
              "cluster_facts{api_key}=14 cluster_facts_deleted=1 cluster_facts_memory=16 "
              "swc_object_count{member}=11 swc_tombstone_count{member}=0 "
              "swc_object_count{retained}=11 swc_tombstone_count{retained}=1 "
              "swc_object_count{setting}=13 swc_tombstone_count{setting}=0 "
              "swc_object_count{api_key}=14 swc_tombstone_count{api_key}=0 "
              "swc_dotkeymap_memory{all}=2 "
              "cluster_facts_sent=3 cluster_facts_received=4 cluster_facts_refused=6 "
              "cluster_facts_too_long=5 cluster_facts_ahead=7 cluster_questions_asked=8 "
              "cluster_questions_unanswered=11 cluster_questions_answered=9 "
              "cluster_questions_refused=10 ");
}

}  // namespace
}  // namespace vmq::broker
