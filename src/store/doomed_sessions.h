// DoomedSessions: sessions that are deleted but whose queues are still on the disk. Internal to
// this folder.
#pragma once

#include <atomic>
#include <cstddef>
#include <unordered_set>

#include "store/records.h"

namespace vmq::store {

/// Owned by one Engine and changed on its writing thread; any() may be asked on every thread.
class DoomedSessions final {
public:
    /// False: it was in already.
    bool insert(SessionId session) {
        const bool added = sessions_.insert(session).second;
        count_.store(sessions_.size(), std::memory_order_release);
        return added;
    }
    void erase(SessionId session) {
        sessions_.erase(session);
        count_.store(sessions_.size(), std::memory_order_release);
    }
    [[nodiscard]] bool contains(SessionId session) const {
        return !sessions_.empty() && sessions_.contains(session);
    }
    /// Requires any().
    [[nodiscard]] SessionId first() const { return *sessions_.begin(); }
    [[nodiscard]] bool any() const noexcept { return count_.load(std::memory_order_acquire) != 0; }

private:
    std::unordered_set<SessionId> sessions_;
    std::atomic<std::size_t> count_{0};
};

}  // namespace vmq::store
