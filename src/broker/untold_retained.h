// UntoldRetained: topics whose retained message a shard changes, and the cluster's thread has not
// taken that in yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "cluster/fact.h"
#include "runtime/guarded.h"

namespace vmq::broker {

/// Shared by all shards and the cluster's thread. A shard changes the index first and tells the
/// cluster's thread behind it. What another node has written must not take the place of such a
/// change meanwhile: it would be acknowledged, and nobody would ever hear of it.
class UntoldRetained final {
public:
    /// A shard, before it changes what is retained there. Each leads to one end().
    void begin(std::string_view mountpoint, std::string_view topic) {
        topics_.with([&](auto& topics) { ++topics[cluster::retained_key(mountpoint, topic)]; });
    }
    /// The cluster's thread, when the change is a fact.
    void end(std::string_view mountpoint, std::string_view topic) {
        topics_.with([&](auto& topics) {
            const auto found = topics.find(cluster::retained_key(mountpoint, topic));
            if (found != topics.end() && --found->second == 0) topics.erase(found);
        });
    }
    /// Calls `change` while nobody begins, or not at all if somebody has: false.
    template <typename Change>
    bool unless_untold(const std::string& retained_key, Change&& change) {
        return topics_.with([&](auto& topics) {
            if (topics.contains(retained_key)) return false;
            std::forward<Change>(change)();
            return true;
        });
    }
    [[nodiscard]] std::size_t size() const {
        return topics_.with([](const auto& topics) { return topics.size(); });
    }

private:
    // How many changes are under way.
    runtime::Guarded<std::unordered_map<std::string, std::uint32_t>> topics_;
};

}  // namespace vmq::broker
