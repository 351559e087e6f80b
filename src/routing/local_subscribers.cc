#include "routing/local_subscribers.h"

#include <utility>

#include "base/assert.h"
#include "mqtt/internal_group.h"
#include "routing/filter_node.h"
#include "routing/shared_group.h"

namespace vmq::routing {
namespace {

constexpr std::size_t kSearchedInOrder = 8;

FilterHandle filter_of(const OwnSubscription& own) noexcept {
    return {own.key(), static_cast<FilterNode*>(own.handle)};
}

GroupHandle group_of(const OwnSubscription& own) noexcept {
    return {own.key(), static_cast<SharedGroup*>(own.handle)};
}

}  // namespace

SubscriptionKey OwnSubscription::key() const noexcept {
    return shared ? static_cast<const SharedGroup*>(handle)->key()
                  : SubscriptionKey{static_cast<const FilterNode*>(handle)->id()};
}

std::size_t Subscriber::subscription_count() const noexcept { return list_.size(); }

std::span<const OwnSubscription> Subscriber::subscriptions() const noexcept { return list_; }

const OwnSubscription* Subscriber::find(SubscriptionKey key) const noexcept {
    if (places_) {
        const auto at = places_->find(key);
        return at == places_->end() ? nullptr : &list_[*at];
    }
    for (const OwnSubscription& own : list_) {
        if (own.key() == key) return &own;
    }
    return nullptr;
}

OwnSubscription* Subscriber::own(SubscriptionKey key) noexcept {
    return const_cast<OwnSubscription*>(find(key));
}

void Subscriber::add(const OwnSubscription& own) {
    // By a quarter instead of twofold: with thousands of subscriptions the slack is what they cost.
    if (list_.size() == list_.capacity()) list_.reserve(list_.size() + list_.size() / 4 + 1);
    list_.push_back(own);
    if (places_) {
        places_->insert(static_cast<std::uint32_t>(list_.size() - 1));
    } else if (list_.size() > kSearchedInOrder) {
        places_ = std::make_unique<Places>(0, ByKey{&list_}, ByKey{&list_});
        for (std::uint32_t place = 0; place < list_.size(); ++place) places_->insert(place);
    }
}

void Subscriber::remove(const OwnSubscription* own) {
    const auto place = static_cast<std::uint32_t>(own - list_.data());
    const auto last = static_cast<std::uint32_t>(list_.size() - 1);
    if (places_) {
        places_->erase(place);
        if (place != last) places_->erase(last);
    }
    list_[place] = list_[last];
    list_.pop_back();
    if (places_ && place != last) places_->insert(place);
    if (list_.empty()) {
        list_.shrink_to_fit();
        places_.reset();
    }
}

LocalSubscribers::LocalSubscribers(ShardId shard, SubscriptionIndex& index)
    : shard_(shard), index_(index) {}

std::optional<mqtt::SharedFilter> LocalSubscribers::group_for(const Subscriber& subscriber,
                                                              std::string_view filter) {
    if (const auto shared = mqtt::parse_shared_filter(filter)) return shared;
    if (!subscriber.sessions_group_) return std::nullopt;
    const mqtt::SharedFilter own{*subscriber.sessions_group_, filter};
    if (!mqtt::is_short_enough(own)) return std::nullopt;
    return own;
}

void LocalSubscribers::take_turns(Subscriber& subscriber, ClientNumber number,
                                  std::string_view mountpoint, std::string_view client_id,
                                  bool turns) {
    if ((subscriber.sessions_group_ != nullptr) == turns) return;
    struct Held {
        std::string filter;
        mqtt::SubscriptionOptions options;
        std::uint32_t subscription_id;
    };
    std::vector<Held> changed;
    for (const OwnSubscription& own : subscriber.list_) {
        Held held{shared_text(own), own.options, own.subscription_id};
        const std::string_view plain = mqtt::as_subscribed(held.filter);
        if (own.shared && plain.size() == held.filter.size()) continue;  // the client's own group
        held.filter = std::string(plain);
        changed.push_back(std::move(held));
    }
    for (const Held& each : changed) unsubscribe(subscriber, number, mountpoint, each.filter);
    subscriber.sessions_group_ =
        turns ? std::make_unique<const std::string>(mqtt::group_of_sessions(client_id)) : nullptr;
    for (const Held& each : changed) {
        subscribe(subscriber, number, mountpoint, each.filter, each.options, each.subscription_id,
                  subscriber.persistent_, subscriber.online_);
    }
}

LocalSubscribers::Added LocalSubscribers::subscribe(Subscriber& subscriber, ClientNumber number,
                                                    std::string_view mountpoint,
                                                    std::string_view filter,
                                                    mqtt::SubscriptionOptions options,
                                                    std::uint32_t subscription_id, bool persistent,
                                                    bool online) {
    set_state(subscriber, number, online, persistent);
    if (const auto shared = group_for(subscriber, filter)) {
        const GroupHandle handle =
            index_.join(shard_, mountpoint, shared->group, shared->filter, number, online);
        const OwnSubscription own{.handle = handle.group,
                                  .slot = 0,
                                  .subscription_id = subscription_id,
                                  .options = options,
                                  .shared = true};
        const Added added = record(subscriber, own);
        if (added == Added::New && !online) {
            index_.set_online({&handle, 1}, number, false, persistent);
        }
        return added;
    }
    const FilterHandle handle = index_.acquire(shard_, mountpoint, filter);
    const LocalSubscription local{&subscriber, subscription_id, options};
    FilterSubscribers& list = filters_.try_emplace(handle.key, handle.node).first->second;
    OwnSubscription own{.handle = handle.node,
                        .slot = 0,
                        .subscription_id = subscription_id,
                        .options = options,
                        .shared = false};
    if (const OwnSubscription* known = subscriber.find(handle.key)) {
        own.slot = known->slot;
        list[own.slot] = local;
    } else {
        own.slot = list.add(local);
        if (persistent) count_persistent(list, true);
    }
    return record(subscriber, own);
}

LocalSubscribers::Added LocalSubscribers::record(Subscriber& subscriber,
                                                 const OwnSubscription& own) {
    if (OwnSubscription* known = subscriber.own(own.key())) {
        *known = own;
        return Added::Replaced;
    }
    subscriber.add(own);
    ++subscriptions_;
    return Added::New;
}

bool LocalSubscribers::unsubscribe(Subscriber& subscriber, ClientNumber number,
                                   std::string_view mountpoint, std::string_view filter) {
    const OwnSubscription* found = find(subscriber, mountpoint, filter);
    if (found == nullptr) return false;
    // Out of the client's list first: its index asks the handle for the key.
    const OwnSubscription own = *found;
    subscriber.remove(found);
    --subscriptions_;
    if (own.shared) {
        const GroupHandle group = group_of(own);
        index_.leave({&group, 1}, number);
    } else {
        drop_filter(own, subscriber);
    }
    return true;
}

void LocalSubscribers::unsubscribe_all(Subscriber& subscriber, ClientNumber number) {
    subscriber.places_.reset();
    const std::vector<OwnSubscription> all = std::exchange(subscriber.list_, {});
    subscriptions_ -= all.size();
    std::vector<GroupHandle> groups;
    for (const OwnSubscription& own : all) {
        if (own.shared) {
            groups.push_back(group_of(own));
        } else {
            drop_filter(own, subscriber);
        }
    }
    index_.leave(groups, number);
}

const OwnSubscription* LocalSubscribers::find(const Subscriber& subscriber,
                                              std::string_view mountpoint,
                                              std::string_view filter) const {
    if (const auto shared = group_for(subscriber, filter)) {
        const GroupHandle handle =
            index_.find_group(shard_, mountpoint, shared->group, shared->filter);
        return handle.group == nullptr ? nullptr : subscriber.find(handle.key);
    }
    const FilterHandle handle = index_.find(shard_, mountpoint, filter);
    return handle.node == nullptr ? nullptr : subscriber.find(handle.key);
}

void LocalSubscribers::set_state(Subscriber& subscriber, ClientNumber number, bool online,
                                 bool persistent) {
    const bool stores_differently = subscriber.persistent_ != persistent;
    const bool chosen_differently = subscriber.online_ != online || (!online && stores_differently);
    subscriber.persistent_ = persistent;
    subscriber.online_ = online;
    if (!stores_differently && !chosen_differently) return;
    std::vector<GroupHandle> groups;
    for (const OwnSubscription& own : subscriber.list_) {
        if (own.shared) {
            if (chosen_differently) groups.push_back(group_of(own));
        } else if (stores_differently) {
            count_persistent(filters_.find(own.key())->second, persistent);
        }
    }
    index_.set_online(groups, number, online, persistent);
}

std::span<const LocalSubscription> LocalSubscribers::subscribers(
    SubscriptionKey key) const noexcept {
    const auto at = filters_.find(key);
    if (at == filters_.end()) return {};
    return at->second.all();
}

std::string LocalSubscribers::text(const OwnSubscription& subscription) const {
    return std::string(mqtt::as_subscribed(shared_text(subscription)));
}

std::string LocalSubscribers::shared_text(const OwnSubscription& subscription) const {
    return subscription.shared ? index_.text(shard_, group_of(subscription))
                               : index_.text(shard_, filter_of(subscription));
}

void LocalSubscribers::count_persistent(FilterSubscribers& list, bool one_more) {
    const bool before = list.persistent > 0;
    list.persistent = one_more ? list.persistent + 1 : list.persistent - 1;
    const bool after = list.persistent > 0;
    const SubscriptionKey unused{};
    if (before != after) index_.set_persistent(shard_, {unused, list.node}, after);
}

void LocalSubscribers::drop_filter(const OwnSubscription& own, const Subscriber& subscriber) {
    const auto at = filters_.find(own.key());
    VMQ_ASSERT(at != filters_.end());
    FilterSubscribers& list = at->second;
    if (subscriber.persistent_) count_persistent(list, false);
    list.remove(own.slot);
    if (list.size() == 0) {
        filters_.erase(at);
        index_.release(shard_, filter_of(own));
    } else if (own.slot < list.size()) {
        list[own.slot].subscriber->own(own.key())->slot = own.slot;
    }
}

}  // namespace vmq::routing
