// A growable double-ended ring: a queue without an allocation per element and none while it is
// empty.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "base/assert.h"

namespace vmq {

/// Indexes count from the front. References stay valid until the next push or pop. Gives its memory
/// back when it becomes empty after having been large.
template <typename T>
class RingBuffer final {
    static_assert(std::is_nothrow_move_constructible_v<T>);

public:
    RingBuffer() noexcept = default;
    RingBuffer(RingBuffer&& other) noexcept
        : slots_(std::exchange(other.slots_, nullptr)),
          capacity_(std::exchange(other.capacity_, 0)),
          head_(std::exchange(other.head_, 0)),
          size_(std::exchange(other.size_, 0)) {}
    RingBuffer& operator=(RingBuffer&& other) noexcept {
        RingBuffer moved(std::move(other));
        std::swap(slots_, moved.slots_);
        std::swap(capacity_, moved.capacity_);
        std::swap(head_, moved.head_);
        std::swap(size_, moved.size_);
        return *this;
    }
    ~RingBuffer() {
        clear();
        deallocate();
    }

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] T& operator[](std::size_t index) noexcept { return *slot(index); }
    [[nodiscard]] const T& operator[](std::size_t index) const noexcept { return *slot(index); }
    [[nodiscard]] T& front() noexcept { return *slot(0); }
    [[nodiscard]] const T& front() const noexcept { return *slot(0); }
    [[nodiscard]] T& back() noexcept { return *slot(size_ - 1); }
    [[nodiscard]] const T& back() const noexcept { return *slot(size_ - 1); }

    T& push_back(T value) {
        if (size_ == capacity_) grow();
        T* place = slot(size_);
        ::new (static_cast<void*>(place)) T(std::move(value));
        ++size_;
        return *place;
    }
    T& push_front(T value) {
        if (size_ == capacity_) grow();
        head_ = (head_ + capacity_ - 1) & (capacity_ - 1);
        T* place = slot(0);
        ::new (static_cast<void*>(place)) T(std::move(value));
        ++size_;
        return *place;
    }
    /// Requires !empty().
    T pop_front() noexcept {
        VMQ_ASSERT(size_ > 0);
        T* place = slot(0);
        T value(std::move(*place));
        place->~T();
        head_ = (head_ + 1) & (capacity_ - 1);
        --size_;
        release_if_idle();
        return value;
    }
    /// Requires !empty().
    T pop_back() noexcept {
        VMQ_ASSERT(size_ > 0);
        T* place = slot(size_ - 1);
        T value(std::move(*place));
        place->~T();
        --size_;
        release_if_idle();
        return value;
    }
    void clear() noexcept {
        while (size_ > 0) (void)pop_back();
    }

    /// Keeps, in order, the elements for which `keep` is true.
    template <typename Keep>
    void retain(Keep keep) {
        std::size_t kept = 0;
        const std::size_t count = size_;
        for (std::size_t i = 0; i < count; ++i) {
            T& value = (*this)[i];
            if (!keep(value)) continue;
            if (kept != i) (*this)[kept] = std::move(value);
            ++kept;
        }
        while (size_ > kept) (void)pop_back();
    }

private:
    static constexpr std::size_t kSmall = 32;  // slots worth keeping for the next message

    [[nodiscard]] T* slot(std::size_t index) const noexcept {
        return slots_ + ((head_ + index) & (capacity_ - 1));
    }
    void grow() {
        const std::size_t wider = capacity_ == 0 ? 4 : capacity_ * 2;
        T* fresh = std::allocator<T>().allocate(wider);
        for (std::size_t i = 0; i < size_; ++i) {
            T* old = slot(i);
            ::new (static_cast<void*>(fresh + i)) T(std::move(*old));
            old->~T();
        }
        deallocate();
        slots_ = fresh;
        capacity_ = wider;
        head_ = 0;
    }
    void release_if_idle() noexcept {
        if (size_ == 0 && capacity_ > kSmall) {
            deallocate();
            head_ = 0;
        }
    }
    void deallocate() noexcept {
        if (slots_ != nullptr) std::allocator<T>().deallocate(slots_, capacity_);
        slots_ = nullptr;
        capacity_ = 0;
    }

    T* slots_ = nullptr;
    std::size_t capacity_ = 0;  // a power of two
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

}  // namespace vmq
