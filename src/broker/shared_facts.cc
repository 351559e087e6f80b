#include "broker/shared_facts.h"

#include <utility>

namespace vmq::broker {

using cluster::Fact;
using cluster::FactChange;
using cluster::FactKind;
using cluster::FactMap;

Result<void> SharedFacts::put(FactMap& facts, bool in_use, FactKind kind, std::string_view key,
                              std::optional<std::string_view> value, cluster::Moment now) {
    if (in_use) {
        if (value) return facts.put(kind, key, *value, now);
        (void)facts.erase(kind, key, now);
        return {};
    }
    Place place{kind, key};
    if (value) {
        own_[place] = *value;
        news_.push_back({kind, std::move(place.second), std::string(*value), now.wall});
    } else if (own_.erase(place) != 0) {
        news_.push_back({kind, std::move(place.second), std::nullopt, now.wall});
    }
    return {};
}

void SharedFacts::on_change(const FactMap& facts, const FactChange& change,
                            cluster::WallMillis now) {
    if (!concerns(change.kind) || change.what == FactChange::What::Forgotten) return;
    // There may be a later change of the same key: what counts is how it is now.
    const Fact* fact = facts.find_even_deleted(change.kind, change.key);
    SharedFact news{change.kind, change.key, std::nullopt, now};
    if (fact != nullptr) {
        news.at = fact->time().wall_ms();
        if (!fact->deleted()) news.value = fact->value();
    }
    news_.push_back(std::move(news));
}

void SharedFacts::tell_news() {
    if (!news_.empty() && tell_) tell_(std::exchange(news_, {}));
    news_.clear();
}

void SharedFacts::tell_all(const FactMap& facts) {
    own_.clear();  // of a cluster that this node has left: its settings ended with the process
    for (const FactKind kind : {FactKind::Setting, FactKind::ApiKey}) {
        facts.for_each(kind, [&](const Fact& fact) {
            news_.push_back(
                {kind, std::string(fact.key()), std::string(fact.value()), fact.time().wall_ms()});
        });
    }
    if (tell_) tell_(std::exchange(news_, {}));
}

void SharedFacts::enter(FactMap& facts, bool late, cluster::Moment now) {
    if (!late) now.wall = 0;  // what the cluster has counts
    std::erase_if(own_, [&](const auto& each) {
        const auto& [kind, key] = each.first;
        if (kind == FactKind::Setting && !late) return false;
        return static_cast<bool>(facts.put(kind, key, each.second, now));
    });
}

void SharedFacts::on_joined(cluster::WallMillis now) {
    std::erase_if(own_, [&](const auto& each) {
        if (each.first.first != FactKind::Setting) return false;
        news_.push_back({FactKind::Setting, each.first.second, std::nullopt, now});
        return true;
    });
}

void SharedFacts::leave(const FactMap& facts) {
    for (const FactKind kind : {FactKind::Setting, FactKind::ApiKey}) {
        facts.for_each(
            kind, [&](const Fact& fact) { own_[{kind, std::string(fact.key())}] = fact.value(); });
    }
}

}  // namespace vmq::broker
