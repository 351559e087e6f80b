#include "vernemq/cluster_keys.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace vmq::launcher {

using admin::ApiKeyFact;

void ClusterKeys::follow(const std::vector<broker::SharedFact>& changes) {
    const auto held = calls_.enter();
    std::vector<ApiKeyFact> news;
    std::vector<std::string> gone;
    for (const broker::SharedFact& each : changes) {
        if (each.kind != cluster::FactKind::ApiKey) continue;
        if (!each.value) {
            told_.erase(each.key);
            gone.push_back(each.key);
            continue;
        }
        told_[each.key] = *each.value;
        std::erase(gone, each.key);
        auto read = admin::api_keys_from_json(*each.value);
        if (!read || read.value().size() != 1 || read.value().front().id != each.key) {
            log::warning(
                "API key {} of another node cannot be read and does not hold here: update this "
                "node to the version of the others",
                each.key);
            continue;
        }
        news.push_back(std::move(read.value().front()));
    }
    for (const auto& merged : {store_.merge(news), store_.forget(gone)}) {
        if (!merged) log::error("API keys of other nodes: {}", merged.error().detail);
    }
}

Result<void> ClusterKeys::tell(const Put& put) {
    const auto held = calls_.enter();
    const std::vector<ApiKeyFact> facts = store_.facts();
    Result<void> result;
    for (const ApiKeyFact& fact : facts) {
        if (!store_.is_needed(fact)) continue;
        std::string value = admin::api_keys_to_json({fact});
        const auto told = told_.find(fact.id);
        if (told != told_.end() && told->second == value) continue;
        result = put(fact.id, value);
        if (!result) return result;
        told_[fact.id] = std::move(value);
    }
    std::vector<std::string> over;
    for (const auto& [id, value] : told_) {
        if (std::ranges::find(facts, id, &ApiKeyFact::id) != facts.end()) continue;
        const auto read = admin::api_keys_from_json(value);
        if (!read || read.value().size() != 1 || store_.is_needed(read.value().front())) continue;
        over.push_back(id);
    }
    for (const std::string& id : over) {
        result = put(id, std::nullopt);
        if (!result) return result;
        told_.erase(id);
    }
    return result;
}

}  // namespace vmq::launcher
