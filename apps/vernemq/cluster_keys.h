// ClusterKeys: the API keys of this node and those of the cluster.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/api_key_store.h"
#include "base/result.h"
#include "broker/shared_facts.h"
#include "runtime/coordination.h"

namespace vmq::launcher {

/// The store decides what holds: it merges by the stamps of the keys, in which a deleted key stays
/// deleted. The cluster carries what it says, deleted keys included, until it has forgotten them.
/// Of a key only hashes travel, and what it begins with as far as `api-key show` shows it.
///
/// Any thread but the cluster's and a shard's; `store` outlives it.
class ClusterKeys final {
public:
    /// Tells all nodes; no value: it is over.
    using Put =
        std::function<Result<void>(const std::string& id, const std::optional<std::string>& value)>;

    explicit ClusterKeys(admin::ApiKeyStore& store) : store_(store) {}

    /// Nodes have changed keys; other facts are ignored.
    void follow(const std::vector<broker::SharedFact>& changes);
    /// Tells what they do not know yet.
    [[nodiscard]] Result<void> tell(const Put& put);

private:
    admin::ApiKeyStore& store_;
    runtime::OneAtATime calls_;
    std::map<std::string, std::string, std::less<>> told_;  // by id, as all nodes have it
};

}  // namespace vmq::launcher
