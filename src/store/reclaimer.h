// Reclaimer: gives space back in small steps. Internal to this folder.
#pragma once

#include <cstdint>

#include "store/batch_writer.h"
#include "store/database.h"
#include "store/doomed_sessions.h"

namespace vmq::store {

/// Owned by one Engine, used on its writing thread. Failures are logged once and tried again at the
/// next step.
class Reclaimer final {
public:
    Reclaimer(Database& database, BatchWriter& writer, const DoomedSessions& doomed)
        : database_(database), writer_(writer), doomed_(doomed) {}

    /// True: there is more to do right now.
    bool step();

private:
    [[nodiscard]] bool erase_some();
    void give_back();

    Database& database_;
    BatchWriter& writer_;
    const DoomedSessions& doomed_;
    std::uint64_t unflushed_bytes_ = 0;      // about
    std::uint64_t records_deleted_ = 0;      // since queues were compacted
    std::uint64_t references_released_ = 0;  // since messages were compacted
    bool failed_ = false;
};

}  // namespace vmq::store
