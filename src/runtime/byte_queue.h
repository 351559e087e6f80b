// Bytes for a thread of their own: any thread appends records, one takes all that is there at once.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/clock.h"

namespace vmq::runtime {

/// Bounded, and nobody who appends ever waits for the one who takes. What was taken before is done
/// with when the next is asked for. Outlives the threads that use it.
class ByteQueue final {
public:
    /// The last eighth of `capacity` is for urgent records.
    explicit ByteQueue(std::size_t capacity) : capacity_(capacity) {}
    ByteQueue(const ByteQueue&) = delete;
    ByteQueue& operator=(const ByteQueue&) = delete;

    /// append(std::string&) adds a record of about `size` bytes. False: there is no room for it,
    /// which is counted. What is urgent wakes the taker at once.
    template <typename Append>
    bool push(std::size_t size, bool urgent, Append append) {
        bool wake = false;
        {
            const std::lock_guard lock(mutex_);
            const std::size_t room = urgent ? capacity_ : capacity_ - capacity_ / 8;
            if (closed_ || bytes_.size() + size > room) {
                ++refused_;
                return false;
            }
            wake = bytes_.empty() || (urgent && !hurry_);
            hurry_ = hurry_ || urgent;
            append(bytes_);
        }
        if (wake) changed_.notify_one();
        return true;
    }

    /// Replaces `out` by everything there is, after waiting for it, and then up to `linger` for
    /// more; nothing if somebody waits in drain(). `refused`: how many records were refused since
    /// the last call. False: closed and empty.
    bool take(std::string& out, std::uint64_t& refused, Millis linger) {
        std::unique_lock lock(mutex_);
        ++rounds_;
        waiting_ = true;
        drained_.notify_all();
        const auto something = [this] {
            return closed_ || hurry_ || !bytes_.empty() || refused_ > 0;
        };
        changed_.wait(lock, something);
        changed_.wait_for(lock, linger, [this] { return closed_ || hurry_; });
        out.clear();
        out.swap(bytes_);
        waiting_ = false;
        hurry_ = false;
        refused = refused_;
        refused_ = 0;
        return !closed_ || !out.empty() || refused > 0;
    }

    /// Waits until what is there now is taken, be it nothing, and done with. False: not within
    /// `patience`.
    bool drain(Millis patience) {
        std::unique_lock lock(mutex_);
        hurry_ = true;
        changed_.notify_one();
        // What is being worked at comes first.
        const std::uint64_t until = rounds_ + (waiting_ ? 1 : 2);
        return drained_.wait_for(lock, patience, [this, until] { return rounds_ >= until; });
    }

    /// Nothing more is taken in; what is there can still be taken.
    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        changed_.notify_all();
    }

private:
    const std::size_t capacity_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::condition_variable drained_;
    std::string bytes_;
    std::uint64_t rounds_ = 0;  // how often something was asked for
    std::uint64_t refused_ = 0;
    bool waiting_ = false;  // somebody is in take()
    bool hurry_ = false;
    bool closed_ = false;
};

}  // namespace vmq::runtime
