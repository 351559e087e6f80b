#include "broker/late_messages.h"

#include <algorithm>

#include "base/entropy.h"

namespace vmq::broker {

namespace {

bool contains(const LateMessages::Nodes& nodes, NodeNumber node) noexcept {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

LateMessages::LateMessages(std::size_t most_filters)
    : most_filters_(most_filters), trie_(entropy()) {}

std::size_t LateMessages::add(std::string_view mountpoint, std::string_view client_id,
                              const std::vector<std::string>& filters, const Nodes& from) {
    if (filters.empty() || from.empty()) return 0;
    if (filters.size() > most_filters_) return 1;
    const std::lock_guard lock(mutex_);
    Entry entry{{std::string(mountpoint), std::string(client_id)}, {}, from};
    for (const std::string& filter : filters) entry.filters.push_back(trie_.add(mountpoint, filter));
    const auto known = by_session_.find(entry.key);
    if (known != by_session_.end()) {
        const Entry& was = entries_.at(known->second);
        entry.filters.insert(entry.filters.end(), was.filters.begin(), was.filters.end());
        entry.from.insert(entry.from.end(), was.from.begin(), was.from.end());
    }
    std::ranges::sort(entry.filters);
    entry.filters.erase(std::ranges::unique(entry.filters).begin(), entry.filters.end());
    std::ranges::sort(entry.from);
    entry.from.erase(std::ranges::unique(entry.from).begin(), entry.from.end());

    const std::uint64_t number = ++last_;
    for (routing::FilterNode* filter : entry.filters) {
        filter->shards.store(1);
        by_filter_[filter].insert(number);
    }
    filters_ += entry.filters.size();
    // Behind the new one, which holds the filters that both have.
    if (known != by_session_.end()) erase(entries_.find(known->second));
    by_session_[entry.key] = number;
    entries_.emplace(number, std::move(entry));
    count_.store(entries_.size(), std::memory_order_relaxed);
    std::size_t forgotten = 0;
    for (; filters_ > most_filters_; ++forgotten) erase(entries_.begin());
    return forgotten;
}

void LateMessages::erase(Entries::iterator at) {
    const auto& [number, entry] = *at;
    for (routing::FilterNode* filter : entry.filters) {
        const auto found = by_filter_.find(filter);
        found->second.erase(number);
        if (!found->second.empty()) continue;
        by_filter_.erase(found);
        filter->shards.store(0);
        trie_.prune(filter);
    }
    filters_ -= entry.filters.size();
    by_session_.erase(entry.key);
    entries_.erase(at);
    count_.store(entries_.size(), std::memory_order_relaxed);
}

std::vector<std::string> LateMessages::sessions(NodeNumber from, std::string_view mountpoint,
                                                std::string_view topic) const {
    std::vector<std::string> found;
    const std::lock_guard lock(mutex_);
    trie_.for_each_match(mountpoint, topic, [&](const routing::FilterNode& filter) {
        const auto at = by_filter_.find(&filter);
        if (at == by_filter_.end()) return;
        for (const std::uint64_t number : at->second) {
            const Entry& entry = entries_.at(number);
            if (contains(entry.from, from)) found.push_back(entry.key.second);
        }
    });
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());
    return found;
}

bool LateMessages::expects(NodeNumber from, std::string_view mountpoint,
                           std::string_view client_id) const {
    const std::lock_guard lock(mutex_);
    const auto at = by_session_.find({std::string(mountpoint), std::string(client_id)});
    return at != by_session_.end() && contains(entries_.at(at->second).from, from);
}

LateMessages::Moment LateMessages::moment() const {
    const std::lock_guard lock(mutex_);
    return {last_, refused_.load()};
}

void LateMessages::arrived(const Moment& moment, const Nodes& absent) {
    const std::lock_guard lock(mutex_);
    if (refused_.load() != moment.refused) return;
    for (auto at = entries_.begin(); at != entries_.end() && at->first <= moment.last;) {
        const auto next = std::next(at);
        std::erase_if(at->second.from, [&](NodeNumber node) { return !contains(absent, node); });
        if (at->second.from.empty()) erase(at);
        at = next;
    }
}

}  // namespace vmq::broker
