// SharedFacts: settings of cluster scope and API keys, on their way between the facts of all nodes
// and whoever applies them here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cluster/fact_map.h"

namespace vmq::broker {

/// One value that all nodes have, or that there is none any more.
struct SharedFact {
    cluster::FactKind kind{};  // Setting or ApiKey
    std::string key;
    std::optional<std::string> value;  // none: it was taken back
    cluster::WallMillis at = 0;        // when, by the clock of the node that said so
};

/// While a node is in no cluster with others it has no facts: what is put then is kept here, and
/// becomes facts when it gets company. A node that joins brings its API keys, and takes the
/// cluster's settings instead of its own.
///
/// Owned by ClusterFacts, used on the cluster's thread. No I/O and no clock. The FactMap is handed
/// in, because a node that leaves gets another one.
class SharedFacts final {
public:
    /// What has changed, in order; also what was put here. Must not wait.
    using Tell = std::function<void(std::vector<SharedFact> changes)>;

    explicit SharedFacts(Tell tell) : tell_(std::move(tell)) {}

    [[nodiscard]] static bool concerns(cluster::FactKind kind) noexcept {
        return kind == cluster::FactKind::Setting || kind == cluster::FactKind::ApiKey;
    }

    /// No value takes it back. `in_use`: there are facts. Leads to Tell with the next tell_news().
    [[nodiscard]] Result<void> put(cluster::FactMap& facts, bool in_use, cluster::FactKind kind,
                                   std::string_view key, std::optional<std::string_view> value,
                                   cluster::Moment now);
    /// Of a change of the facts, local ones as well.
    void on_change(const cluster::FactMap& facts, const cluster::FactChange& change,
                   cluster::WallMillis now);
    void tell_news();
    /// All facts there are, at the start: Tell is called, even if there are none.
    void tell_all(const cluster::FactMap& facts);

    /// This node goes among others: what it has becomes facts. Requires that there are none of
    /// these kinds. `late`: others come to it; else it joins them.
    void enter(cluster::FactMap& facts, bool late, cluster::Moment now);
    /// It has been let in: from now on the cluster's settings count.
    void on_joined(cluster::WallMillis now);
    /// It is alone from now on, with what it has.
    void leave(const cluster::FactMap& facts);

private:
    using Place = std::pair<cluster::FactKind, std::string>;

    const Tell tell_;
    std::map<Place, std::string> own_;  // that are no facts
    std::vector<SharedFact> news_;
};

}  // namespace vmq::broker
