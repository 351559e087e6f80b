// StoredFilters: what one other node has said of its stored sessions' filters, on this node's disk.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/message_store.h"

namespace vmq::broker {

/// So that a node that starts while another is away keeps for it what its stored sessions want.
/// Filters of clean sessions are not here: they are gone with their node.
///
/// Owned by the ClusterPeer, used on the cluster's thread. Records are facts of the store, see
/// src/store/format.md. Each time the node tells everything its filters are written under another
/// number, and those of the earlier one go when it is through; after a crash in between there are
/// both, which is more than it wants and does no harm.
class StoredFilters final {
public:
    struct Filter {
        std::string mountpoint;
        std::string filter;        // "$share/GROUP/FILTER" of groups
        std::uint32_t online = 0;  // members of a group
        std::uint32_t stored = 0;
        bool group = false;
    };
    /// What an earlier process has left, by node.
    struct Left {
        std::vector<Filter> filters;
        std::uint64_t first = 0;  // telling, and the last one
        std::uint64_t last = 0;
    };
    using ByNode = std::map<std::string, Left, std::less<>>;
    using StoredFacts = std::vector<std::pair<std::string, std::string>>;
    [[nodiscard]] static ByNode read(const StoredFacts& facts);
    /// Takes everything away that is known of the node.
    static void forget(std::string_view node, store::WriteBatch& batch);
    [[nodiscard]] static bool is_key(std::string_view key) noexcept;

    /// `node` names its incarnation. `left`: of that.
    StoredFilters(std::string node, const Left& left);

    // As FilterSink.
    void begin_all();
    void set(std::string_view mountpoint, std::string_view filter, bool persistent);
    void set_group(std::string_view mountpoint, std::string_view group, std::string_view filter,
                   std::uint32_t online, std::uint32_t stored);
    void end_all();

    [[nodiscard]] bool has_news() const noexcept { return !batch_.empty(); }
    /// What is to be written, in order.
    [[nodiscard]] store::WriteBatch take() { return std::exchange(batch_, store::WriteBatch()); }

private:
    void put(std::string_view mountpoint, std::string_view filter, bool there, std::string value);
    [[nodiscard]] std::string key(std::string_view mountpoint, std::string_view filter) const;

    const std::string node_;
    std::uint64_t telling_;
    std::uint64_t first_ = 0;  // telling of which there may be records
    /// Hashes of what is stored, so that nothing is deleted that is not there. Two with the same
    /// hash leave a record behind at the worst.
    boost::unordered_flat_set<std::uint64_t> stored_;
    store::WriteBatch batch_;
};

}  // namespace vmq::broker
