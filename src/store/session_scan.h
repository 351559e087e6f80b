// All sessions of the store in one pass, without their messages. Internal to this folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/database.h"
#include "store/engine.h"

namespace vmq::store {

/// What does not belong to any session is left out; records that cannot be decoded are, too, and
/// logged. Uses the database as any reader.
[[nodiscard]] Result<void> scan_sessions(const Database& database,
                                         const Engine::OnSession& on_session);

struct SessionCounts {
    std::uint64_t sessions = 0;
    std::uint64_t subscriptions = 0;
    std::vector<SessionId> doomed;
};
/// Reads only keys. Corruption as a status: what was read up to there is in `counts`.
[[nodiscard]] rocksdb::Status count_sessions(const Database& database, SessionCounts& counts);

/// The client id of a session, or its number if it has no record that can be read.
[[nodiscard]] std::string session_name(const Database& database, SessionId session);
/// Those of all sessions from `first` to `last`, or of the first of them and how many more.
[[nodiscard]] std::string session_names(const Database& database, SessionId first, SessionId last);

}  // namespace vmq::store
