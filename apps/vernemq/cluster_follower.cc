#include "vernemq/cluster_follower.h"

#include <chrono>
#include <utility>

#include "base/log.h"

namespace vmq::launcher {

using broker::SharedFact;
using cluster::FactKind;

void ClusterFollower::on_changes(std::vector<SharedFact> changes) {
    if (!std::exchange(has_begun_, true)) return apply(changes);
    queue_.push({std::move(changes)});
}

void ClusterFollower::start(broker::ClusterService& cluster) {
    cluster_ = &cluster;
    thread_.emplace([this] { run(); });
    queue_.push({});  // tells the keys that are in the file
    store_.on_change([this] { tell_keys(); });
}

void ClusterFollower::stop() {
    store_.on_change(nullptr);
    {
        const auto held = telling_.enter();
        cluster_ = nullptr;
    }
    queue_.close();
    thread_.reset();
}

Result<void> ClusterFollower::set_everywhere(const std::string& key,
                                             const std::optional<std::string>& value) {
    if (cluster_ == nullptr) {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        apply({{FactKind::Setting, key, value, std::chrono::duration_cast<Millis>(now).count()}});
        return {};
    }
    if (auto put = cluster_->put_shared(FactKind::Setting, key, value); !put) return put;
    const auto done = std::make_shared<runtime::Countdown>(1);
    queue_.push({{}, done});
    done->wait();
    return {};
}

void ClusterFollower::apply(const std::vector<SharedFact>& changes) {
    config_.follow_cluster(changes);
    keys_.follow(changes);
}

void ClusterFollower::tell_keys() {
    const auto held = telling_.enter();
    if (cluster_ == nullptr) return;
    const auto told = keys_.tell([this](const std::string& id, const auto& value) {
        return cluster_->put_shared(FactKind::ApiKey, id, value);
    });
    if (!told) log::error("API keys are not told to other nodes: {}", told.error().detail);
}

void ClusterFollower::run() {
    std::vector<Item> items;
    while (queue_.take(items, Seconds(3600))) {
        for (const Item& item : items) {
            apply(item.changes);
            if (item.done) item.done->done();
        }
        const bool any = !items.empty();
        items.clear();
        // After a merge this node may know more than all the others do.
        if (any) tell_keys();
    }
}

}  // namespace vmq::launcher
