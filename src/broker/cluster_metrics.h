// What the cluster counts beside the table of metrics.
#pragma once

#include "broker/cluster_facts.h"
#include "cluster/questions.h"
#include "metrics/snapshot.h"

namespace vmq::broker {

/// One series for each number, added to `snapshot`.
void add_cluster_metrics(const FactNumbers& facts, const cluster::Questions::Counters& questions,
                         metrics::Snapshot& snapshot);

}  // namespace vmq::broker
