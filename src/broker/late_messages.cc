#include "broker/late_messages.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <map>
#include <utility>

#include "base/entropy.h"
#include "routing/filter_trie.h"

namespace vmq::broker {

namespace {

bool contains(const LateMessages::Nodes& nodes, NodeNumber node) noexcept {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

template <typename Value>
void make_unique_values(std::vector<Value>& values) {
    std::ranges::sort(values);
    values.erase(std::ranges::unique(values).begin(), values.end());
}

}  // namespace

class LateMessages::Table {
public:
    Change add(const Session& session, std::uint64_t record);
    [[nodiscard]] std::vector<std::string> sessions(NodeNumber from, std::string_view mountpoint,
                                                    std::string_view topic) const;
    [[nodiscard]] bool expects(NodeNumber from, std::string_view mountpoint,
                               std::string_view client_id) const;
    std::vector<std::uint64_t> arrived(std::uint64_t last, const Nodes& absent);
    [[nodiscard]] std::uint64_t last() const noexcept { return last_; }
    [[nodiscard]] std::size_t count() const noexcept { return entries_.size(); }

    std::size_t most_filters = 0;

private:
    using Key = std::pair<std::string, std::string>;  // mountpoint, client id
    struct Entry {
        Key key;
        std::vector<routing::FilterNode*> filters;
        Nodes from;
        std::uint64_t record;
    };
    using Entries = std::map<std::uint64_t, Entry>;

    void erase(Entries::iterator at);

    std::size_t filters_ = 0;
    std::uint64_t last_ = 0;
    Entries entries_;
    std::map<Key, std::uint64_t> by_session_;
    /// Its nodes are held by a bit in their masks.
    routing::FilterTrie trie_{entropy()};
    boost::unordered_flat_map<const routing::FilterNode*, boost::unordered_flat_set<std::uint64_t>>
        by_filter_;
};

LateMessages::Change LateMessages::Table::add(const Session& session, std::uint64_t record) {
    if (session.filters.size() > most_filters) return {1, {}, {}};
    Entry entry{{session.mountpoint, session.client_id}, {}, session.from, record};
    for (const std::string& filter : session.filters)
        entry.filters.push_back(trie_.add(session.mountpoint, filter));
    const auto known = by_session_.find(entry.key);
    const auto earlier = known == by_session_.end() ? entries_.end() : entries_.find(known->second);
    if (earlier != entries_.end()) {
        const Entry& was = earlier->second;
        entry.filters.insert(entry.filters.end(), was.filters.begin(), was.filters.end());
        entry.from.insert(entry.from.end(), was.from.begin(), was.from.end());
    }
    make_unique_values(entry.filters);
    make_unique_values(entry.from);

    const std::uint64_t number = ++last_;
    for (routing::FilterNode* filter : entry.filters) {
        filter->shards.store(1);
        by_filter_[filter].insert(number);
    }
    filters_ += entry.filters.size();
    Change change;
    // Behind the new one, which holds the filters that both have.
    if (earlier != entries_.end()) {
        const Entry& was = earlier->second;
        if (was.filters == entry.filters && was.from == entry.from) {
            entry.record = was.record;
        } else {
            change.gone.push_back(was.record);
        }
        erase(earlier);
    }
    if (entry.record == record) {
        change.put = Session{session.mountpoint, session.client_id, {}, entry.from};
        for (const routing::FilterNode* filter : entry.filters) {
            change.put->filters.push_back(routing::FilterTrie::text(*filter));
        }
    }
    by_session_[entry.key] = number;
    entries_.emplace(number, std::move(entry));
    for (; filters_ > most_filters; ++change.forgotten) {
        const auto oldest = entries_.begin();
        if (oldest->second.record == record) change.put.reset();
        change.gone.push_back(oldest->second.record);
        erase(oldest);
    }
    return change;
}

void LateMessages::Table::erase(Entries::iterator at) {
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
}

std::vector<std::string> LateMessages::Table::sessions(NodeNumber from, std::string_view mountpoint,
                                                       std::string_view topic) const {
    std::vector<std::string> found;
    trie_.for_each_match(mountpoint, topic, [&](const routing::FilterNode& filter) {
        const auto at = by_filter_.find(&filter);
        if (at == by_filter_.end()) return;
        for (const std::uint64_t number : at->second) {
            const Entry& entry = entries_.at(number);
            if (contains(entry.from, from)) found.push_back(entry.key.second);
        }
    });
    make_unique_values(found);
    return found;
}

bool LateMessages::Table::expects(NodeNumber from, std::string_view mountpoint,
                                  std::string_view client_id) const {
    const auto at = by_session_.find({std::string(mountpoint), std::string(client_id)});
    return at != by_session_.end() && contains(entries_.at(at->second).from, from);
}

std::vector<std::uint64_t> LateMessages::Table::arrived(std::uint64_t last, const Nodes& absent) {
    std::vector<std::uint64_t> gone;
    for (auto at = entries_.begin(); at != entries_.end() && at->first <= last;) {
        const auto next = std::next(at);
        std::erase_if(at->second.from, [&](NodeNumber node) { return !contains(absent, node); });
        if (at->second.from.empty()) {
            gone.push_back(at->second.record);
            erase(at);
        }
        at = next;
    }
    return gone;
}

// --- Under the lock ---

LateMessages::LateMessages(std::size_t most_filters)
    : table_(std::make_unique<runtime::Guarded<Table>>()) {
    table_->with([&](Table& table) { table.most_filters = most_filters; });
}

LateMessages::~LateMessages() = default;

LateMessages::Change LateMessages::add(const Session& session, std::uint64_t record) {
    if (session.filters.empty() || session.from.empty()) return {};
    return table_->with([&](Table& table) {
        Change change = table.add(session, record);
        count_.store(table.count(), std::memory_order_relaxed);
        return change;
    });
}

std::vector<std::string> LateMessages::sessions(NodeNumber from, std::string_view mountpoint,
                                                std::string_view topic) const {
    return table_->with([&](Table& table) { return table.sessions(from, mountpoint, topic); });
}

bool LateMessages::expects(NodeNumber from, std::string_view mountpoint,
                           std::string_view client_id) const {
    return table_->with([&](Table& table) { return table.expects(from, mountpoint, client_id); });
}

LateMessages::Moment LateMessages::moment() const {
    return table_->with([&](Table& table) { return Moment{table.last(), refused_.load()}; });
}

std::vector<std::uint64_t> LateMessages::arrived(const Moment& moment, const Nodes& absent) {
    return table_->with([&](Table& table) {
        std::vector<std::uint64_t> gone;
        if (refused_.load() != moment.refused) return gone;
        gone = table.arrived(moment.last, absent);
        count_.store(table.count(), std::memory_order_relaxed);
        return gone;
    });
}

}  // namespace vmq::broker
