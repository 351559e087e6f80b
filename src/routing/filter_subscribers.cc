#include "routing/filter_subscribers.h"

#include <algorithm>

namespace vmq::routing {

FilterSubscribers::~FilterSubscribers() {
    if (size_ > 1) free(many_);
}

std::uint32_t FilterSubscribers::add(const LocalSubscription& subscription) {
    if (size_ == 0) {
        one_ = subscription;
        return size_++;
    }
    if (size_ == 1) {
        many_ = copy(&one_, 1, 4);
    } else if (size_ == many_.capacity) {
        const Many old = many_;
        many_ = copy(old.data, size_, size_ * 2);
        free(old);
    }
    std::construct_at(many_.data + size_, subscription);
    return size_++;
}

void FilterSubscribers::remove(std::uint32_t slot) {
    if (size_ == 1) {
        size_ = 0;
        return;
    }
    const Many old = many_;
    old.data[slot] = old.data[size_ - 1];
    --size_;
    if (size_ == 1) {
        one_ = old.data[0];
    } else if (size_ > 4 && size_ * 4 <= old.capacity) {
        many_ = copy(old.data, size_, size_ * 2);
    } else {
        return;
    }
    free(old);
}

FilterSubscribers::Many FilterSubscribers::copy(const LocalSubscription* from, std::uint32_t size,
                                                std::uint32_t capacity) {
    LocalSubscription* data = std::allocator<LocalSubscription>().allocate(capacity);
    std::uninitialized_copy_n(from, size, data);
    return {data, capacity};
}

void FilterSubscribers::free(const Many& many) noexcept {
    std::allocator<LocalSubscription>().deallocate(many.data, many.capacity);
}

}  // namespace vmq::routing
