#include "store/message_store.h"

#include "base/assert.h"

namespace vmq::store {

// NOLINTNEXTLINE(performance-unnecessary-value-param): those that override it keep it
void MessageStore::load(ShardId /*shard*/, LoadRequest /*request*/, Loaded /*loaded*/) {
    constexpr bool kStoreKeepsMessages = false;  // one that does has a load() of its own
    VMQ_ASSERT(kStoreKeepsMessages);
}

}  // namespace vmq::store
