#include "broker/cluster_metrics.h"

#include <string>
#include <utility>
#include <vector>

namespace vmq::broker {
namespace {

using metrics::Type;

constexpr cluster::FactKind kShown[] = {cluster::FactKind::Member, cluster::FactKind::Retained,
                                        cluster::FactKind::Setting, cluster::FactKind::ApiKey};

void add(metrics::Snapshot& snapshot, const char* name, Type type, const char* description,
         std::uint64_t value, std::vector<metrics::Label> labels = {}) {
    metrics::Sample& sample = snapshot.emplace_back();
    sample.name = name;
    sample.type = type;
    sample.labels = std::move(labels);
    sample.description = description;
    sample.value = value;
}

}  // namespace

void add_cluster_metrics(const FactNumbers& facts, const cluster::Questions::Counters& questions,
                         metrics::Snapshot& snapshot) {
    for (const cluster::FactKind kind : kShown) {
        add(snapshot, "cluster_facts", Type::Gauge,
            "What all nodes know together, deleted ones that are remembered included.",
            facts.by_kind[static_cast<std::size_t>(kind)],
            {{"kind", std::string(cluster::word_of(kind))}});
    }
    add(snapshot, "cluster_facts_deleted", Type::Gauge,
        "Of these, deleted ones that are remembered until all nodes know.", facts.deleted);
    add(snapshot, "cluster_facts_memory", Type::Gauge, "Bytes of memory of these.", facts.bytes);
    // The same under the names of VerneMQ's metadata store, whose groups are parts of all keys.
    for (const cluster::FactKind kind : kShown) {
        const auto at = static_cast<std::size_t>(kind);
        const std::vector<metrics::Label> group = {{"group", std::string(cluster::word_of(kind))}};
        add(snapshot, "swc_object_count", Type::Gauge,
            "cluster_facts without the deleted ones, under VerneMQ's name.",
            facts.by_kind[at] - facts.deleted_by_kind[at], group);
        add(snapshot, "swc_tombstone_count", Type::Gauge,
            "cluster_facts_deleted under VerneMQ's name.", facts.deleted_by_kind[at], group);
    }
    add(snapshot, "swc_dotkeymap_memory", Type::Gauge,
        "cluster_facts_memory under VerneMQ's name, in words of 8 bytes.", facts.bytes / 8,
        {{"group", "all"}});
    add(snapshot, "cluster_facts_sent", Type::Counter, "Facts sent to other nodes.", facts.sent);
    add(snapshot, "cluster_facts_received", Type::Counter, "Facts received from other nodes.",
        facts.received);
    add(snapshot, "cluster_facts_refused", Type::Counter,
        "Facts received that were older than what was known here.", facts.refused);
    add(snapshot, "cluster_facts_too_long", Type::Counter,
        "Facts not sent because they were longer than the other node takes.", facts.left_out);
    add(snapshot, "cluster_facts_ahead", Type::Counter,
        "Facts whose writer's clock was more than a minute ahead.", facts.ahead);
    add(snapshot, "cluster_questions_asked", Type::Counter, "Questions of commands to other nodes.",
        questions.asked);
    add(snapshot, "cluster_questions_unanswered", Type::Counter,
        "Of these, those that were not answered, in time or at all.", questions.unanswered);
    add(snapshot, "cluster_questions_answered", Type::Counter,
        "Questions of other nodes' commands that were answered.", questions.answered);
    add(snapshot, "cluster_questions_refused", Type::Counter,
        "Questions of other nodes' commands that were not.", questions.refused);
}

}  // namespace vmq::broker
