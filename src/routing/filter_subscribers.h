// The subscribers of one filter on one shard: a list with room for one in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "mqtt/packets.h"

namespace vmq::routing {

class FilterNode;
class Subscriber;

/// One client on one filter, as the delivery loop reads it.
struct LocalSubscription {
    Subscriber* subscriber;
    std::uint32_t subscription_id;  // 0: none [v5 3.8.2.1.2]
    mqtt::SubscriptionOptions options;
};

/// Most filters have one subscriber per shard, and there may be millions of filters: with one the
/// list needs no memory of its own. Owned by LocalSubscribers.
class FilterSubscribers final {
public:
    explicit FilterSubscribers(FilterNode* filter_node) noexcept : node(filter_node), one_{} {}
    FilterSubscribers(FilterSubscribers&& other) noexcept
        : node(other.node),
          persistent(other.persistent),
          size_(std::exchange(other.size_, 0)),
          one_{} {
        if (size_ > 1) {
            many_ = other.many_;
        } else {
            one_ = other.one_;
        }
    }
    FilterSubscribers& operator=(FilterSubscribers&&) = delete;
    ~FilterSubscribers();

    [[nodiscard]] std::span<const LocalSubscription> all() const noexcept {
        return {size_ > 1 ? many_.data : &one_, size_};
    }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    [[nodiscard]] LocalSubscription& operator[](std::uint32_t slot) noexcept {
        return (size_ > 1 ? many_.data : &one_)[slot];
    }

    /// Returns the slot.
    std::uint32_t add(const LocalSubscription& subscription);
    /// The last subscription moves to `slot`, unless it was the one in it.
    void remove(std::uint32_t slot);

    FilterNode* const node;
    std::uint32_t persistent = 0;  // subscribers whose messages are stored while they are away

private:
    struct Many {
        LocalSubscription* data;
        std::uint32_t capacity;
    };
    static_assert(std::is_trivially_copyable_v<LocalSubscription>);

    [[nodiscard]] static Many copy(const LocalSubscription* from, std::uint32_t size,
                                   std::uint32_t capacity);
    static void free(const Many& many) noexcept;

    std::uint32_t size_ = 0;
    union {
        LocalSubscription one_;  // while size_ <= 1
        Many many_;
    };
};

}  // namespace vmq::routing
