// The subscribers of one shard: filter to clients, and client to its filters.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/packets.h"
#include "mqtt/topic.h"
#include "routing/filter_subscribers.h"
#include "routing/subscription_index.h"

namespace vmq::routing {

/// One subscription as its client holds it.
struct OwnSubscription {
    [[nodiscard]] SubscriptionKey key() const noexcept;

    void* handle;        // FilterNode or SharedGroup, which knows the key
    std::uint32_t slot;  // place in the filter's list of subscribers; unused if shared
    std::uint32_t subscription_id;
    mqtt::SubscriptionOptions options;
    bool shared;
};

/// A client as routing sees it: the base class of whatever holds its queue. Its subscriptions are
/// found by key in constant time however many there are. Owned by its shard.
class Subscriber {
public:
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;

    [[nodiscard]] std::size_t subscription_count() const noexcept;
    [[nodiscard]] const OwnSubscription* find(SubscriptionKey key) const noexcept;
    /// All of them, in no order. Valid until the next change.
    [[nodiscard]] std::span<const OwnSubscription> subscriptions() const noexcept;

protected:
    Subscriber() = default;
    ~Subscriber() = default;

private:
    friend class LocalSubscribers;
    [[nodiscard]] OwnSubscription* own(SubscriptionKey key) noexcept;
    void add(const OwnSubscription& own);
    void remove(const OwnSubscription* own);

    /// Places in a list, found by the key of what stands there.
    struct ByKey {
        using is_transparent = void;
        const std::vector<OwnSubscription>* list;
        [[nodiscard]] std::size_t operator()(SubscriptionKey key) const noexcept {
            return static_cast<std::size_t>(static_cast<std::uint64_t>(key) *
                                            0x9e3779b97f4a7c15ULL);
        }
        [[nodiscard]] std::size_t operator()(std::uint32_t place) const noexcept {
            return (*this)((*list)[place].key());
        }
        [[nodiscard]] bool operator()(std::uint32_t a, std::uint32_t b) const noexcept {
            return a == b;
        }
        [[nodiscard]] bool operator()(SubscriptionKey key, std::uint32_t place) const noexcept {
            return (*list)[place].key() == key;
        }
        [[nodiscard]] bool operator()(std::uint32_t place, SubscriptionKey key) const noexcept {
            return (*this)(key, place);
        }
    };
    using Places = boost::unordered_flat_set<std::uint32_t, ByKey, ByKey>;

    // Up to a handful are searched in order; more get an index, four bytes each.
    std::vector<OwnSubscription> list_;
    std::unique_ptr<Places> places_;
    std::unique_ptr<const std::string> sessions_group_;  // null: its sessions do not take turns
    bool online_ = false;
    bool persistent_ = false;
};

/// Filter to subscribers on one shard; keeps the shared index told. Owned by the shard.
class LocalSubscribers final {
public:
    /// What one more subscription takes, beside what its filter takes in the index: its places in
    /// the lists of its client and of its filter.
    static constexpr std::size_t kBytesPerSubscription =
        sizeof(OwnSubscription) + sizeof(LocalSubscription);

    LocalSubscribers(ShardId shard, SubscriptionIndex& index);
    LocalSubscribers(const LocalSubscribers&) = delete;
    LocalSubscribers& operator=(const LocalSubscribers&) = delete;

    enum class Added : std::uint8_t { New, Replaced };

    /// Subscribes, or replaces options and identifier of a subscription that exists
    /// [v5 MQTT-3.8.4-3]. `filter` is valid and may be "$share/GROUP/FILTER". `persistent`: the
    /// client's messages are stored while it is away. `number` names the client in shared groups.
    Added subscribe(Subscriber& subscriber, ClientNumber number, std::string_view mountpoint,
                    std::string_view filter, mqtt::SubscriptionOptions options,
                    std::uint32_t subscription_id, bool persistent, bool online);
    /// False if there was no such subscription.
    bool unsubscribe(Subscriber& subscriber, ClientNumber number, std::string_view mountpoint,
                     std::string_view filter);
    void unsubscribe_all(Subscriber& subscriber, ClientNumber number);
    [[nodiscard]] const OwnSubscription* find(const Subscriber& subscriber,
                                              std::string_view mountpoint,
                                              std::string_view filter) const;

    /// Whether the sessions of this client id, here and on other nodes, take turns
    /// (queue_deliver_mode = balance): each message goes to one of them. They are members of one
    /// group on each filter, except those that are "$share/GROUP/FILTER" already, and except one
    /// that would become longer than a filter may be. What was subscribed before is changed; what
    /// other shards have sent meanwhile does not find it.
    void take_turns(Subscriber& subscriber, ClientNumber number, std::string_view mountpoint,
                    std::string_view client_id, bool turns);

    /// The client went on- or offline, or its session became (non-)persistent.
    void set_state(Subscriber& subscriber, ClientNumber number, bool online, bool persistent);

    /// Who has subscribed to `key` on this shard; empty if nobody any more. Valid until the next
    /// subscribe or unsubscribe.
    [[nodiscard]] std::span<const LocalSubscription> subscribers(
        SubscriptionKey key) const noexcept;

    [[nodiscard]] std::size_t subscription_count() const noexcept { return subscriptions_; }
    /// As it was subscribed.
    [[nodiscard]] std::string text(const OwnSubscription& subscription) const;
    /// As other nodes and the store know it: "$share/GROUP/FILTER" also where sessions take turns.
    /// find() takes it as well.
    [[nodiscard]] std::string shared_text(const OwnSubscription& subscription) const;

private:
    /// The group that a message for `filter` is for one member of; none: for all who subscribe.
    [[nodiscard]] static std::optional<mqtt::SharedFilter> group_for(const Subscriber& subscriber,
                                                                     std::string_view filter);
    Added record(Subscriber& subscriber, const OwnSubscription& own);
    /// The subscription, not shared, is out of its client's list.
    void drop_filter(const OwnSubscription& own, const Subscriber& subscriber);
    void count_persistent(FilterSubscribers& list, bool one_more);

    boost::unordered_flat_map<SubscriptionKey, FilterSubscribers> filters_;
    const ShardId shard_;
    SubscriptionIndex& index_;
    std::size_t subscriptions_ = 0;
};

}  // namespace vmq::routing
