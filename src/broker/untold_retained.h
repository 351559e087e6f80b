// UntoldRetained: topics whose retained message a shard changes, and the cluster's thread has not
// taken that in yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "cluster/fact.h"
#include "routing/retained_index.h"
#include "runtime/guarded.h"

namespace vmq::broker {

/// Shared by all shards and the cluster's thread. A shard changes the index first and tells the
/// cluster's thread behind it. What another node has written must not take the place of such a
/// change meanwhile: it would be acknowledged, and nobody would ever hear of it.
class UntoldRetained final {
public:
    /// A shard, before it changes what is retained there. Each leads to one end().
    void begin(std::string_view mountpoint, std::string_view topic, routing::RetainedIndex& index) {
        topics_.with([&](auto& topics) {
            Changes& changes = topics[cluster::retained_key(mountpoint, topic)];
            if (changes.count++ == 0) changes.stamp = index.take_stamp();
        });
    }
    /// The cluster's thread, when the change is a fact.
    void end(std::string_view mountpoint, std::string_view topic) {
        topics_.with([&](auto& topics) {
            const auto found = topics.find(cluster::retained_key(mountpoint, topic));
            if (found != topics.end() && --found->second.count == 0) topics.erase(found);
        });
    }
    /// Calls `change` while nobody begins; or not at all if somebody has: then it is a stamp of
    /// the index for what `change` would have stored, before those of what has begun.
    template <typename Change>
    std::optional<std::uint64_t> unless_untold(const std::string& retained_key, Change&& change) {
        return topics_.with([&](auto& topics) -> std::optional<std::uint64_t> {
            const auto found = topics.find(retained_key);
            if (found != topics.end()) return found->second.stamp;
            std::forward<Change>(change)();
            return std::nullopt;
        });
    }
    [[nodiscard]] bool contains(const std::string& retained_key) const {
        return topics_.with([&](const auto& topics) { return topics.contains(retained_key); });
    }
    [[nodiscard]] std::size_t size() const {
        return topics_.with([](const auto& topics) { return topics.size(); });
    }

private:
    struct Changes {
        std::uint32_t count = 0;  // that are under way
        std::uint64_t stamp = 0;  // before all of theirs
    };
    runtime::Guarded<std::unordered_map<std::string, Changes>> topics_;
};

}  // namespace vmq::broker
