// Inventory: everything in the store compared with everything else. Internal to this folder.
#pragma once

#include <rocksdb/snapshot.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "store/database.h"
#include "store/engine.h"

namespace vmq::store {

/// See Engine::check(). Looks at one moment of the database while others go on writing.
[[nodiscard]] Result<Engine::CheckReport> check_store(
    const Database& database, const std::function<void(std::uint64_t)>& progress);

/// What had to be put right after damage.
struct Restored {
    std::uint64_t unreadable = 0;               // records of any kind, deleted
    std::uint64_t messages_lost = 0;            // records of queues whose shared message is gone
    std::uint64_t recounted = 0;                // shared messages whose count was wrong
    std::uint64_t queues_orphaned = 0;          // without their session; they are deleted
    std::map<SessionId, std::uint64_t> losers;  // sessions of messages_lost, and how many

    [[nodiscard]] bool anything() const noexcept {
        return unreadable + messages_lost + recounted + queues_orphaned != 0;
    }
};
/// Makes what is left after damage consistent, so that check_store() finds nothing. For start-up:
/// nobody else may use the database.
[[nodiscard]] Result<Restored> restore_consistency(Database& database);

}  // namespace vmq::store
