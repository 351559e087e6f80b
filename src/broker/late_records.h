// LateRecord: what this node has on disk of a session whose messages may still come here, see
// LateMessages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/records.h"

namespace vmq::broker {

/// A fact of the store (src/store/format.md); nodes are named as their incarnations are there.
struct LateRecord {
    std::uint64_t number = 0;  // names it
    std::string mountpoint;
    std::string client_id;
    std::vector<std::string> filters;
    std::vector<std::string> from;
};

[[nodiscard]] store::PutFact put_of(const LateRecord& record);
[[nodiscard]] store::DeleteFact delete_of_late_record(std::uint64_t number);
/// Those among `facts`; one that cannot be read has no filters.
[[nodiscard]] std::vector<LateRecord> read_late_records(
    const std::vector<std::pair<std::string, std::string>>& facts);

}  // namespace vmq::broker
