// Roster: which nodes the cluster has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cluster/node_identity.h"

namespace vmq::cluster {

struct Member {
    std::string name;
    Incarnation incarnation;
    NodeAddress address;

    bool operator==(const Member&) const = default;
};

/// The members as this node has heard of them, and those who have left. Of what two nodes say of a
/// third the later word counts, by a count of words that everybody carries on; at the same count
/// the word of the greater name. So all who exchange what they know agree, in whatever order.
///
/// Every node is a member of a roster of its own before it joins another. Owned by the cluster's
/// thread. No I/O, no clock.
class Roster final {
public:
    /// Nodes that have left are remembered so that they do not come back unasked; of more, the
    /// oldest are forgotten.
    static constexpr std::size_t kMostLeft = 1000;
    /// Shards and other nodes share the bits of a ShardSet.
    static constexpr std::size_t kMostMembers = 64;

    explicit Roster(Member self);

    [[nodiscard]] const Member& self() const noexcept { return self_; }
    /// Present members, this one included, by name.
    [[nodiscard]] const std::map<std::string, Member>& members() const noexcept { return members_; }
    [[nodiscard]] const Member* find(std::string_view name) const;
    [[nodiscard]] bool alone() const noexcept { return members_.size() == 1; }
    /// It was a member and is none any more.
    [[nodiscard]] bool has_left(std::string_view name) const;

    /// A node wants to be a member, or is one under another address or with a new disk. Refuses
    /// more than kMostMembers.
    [[nodiscard]] Result<void> admit(const Member& member);
    /// False: it is none.
    bool remove(std::string_view name);
    /// This node's own address has changed, or it was taken off by others and is there.
    void reassert(const NodeAddress& address);

    /// Everything, for another node and for the disk.
    void encode(std::string& out) const;
    enum class Merged : std::uint8_t { Nothing, Changed, Malformed };
    /// What another node knows. Malformed: nothing has changed.
    [[nodiscard]] Merged merge(std::string_view body);
    /// Whether one that left is this node: it is no member any more.
    [[nodiscard]] bool removed_self() const { return !members_.contains(self_.name); }
    /// Forgets all the others: this node begins again by itself.
    void begin_alone();

private:
    struct Word {
        std::uint64_t count = 0;
        std::string by;
        bool present = false;
        Member member;
    };

    void say(Member member, bool present);
    [[nodiscard]] bool hear(Word word);
    void refresh();

    Member self_;
    std::map<std::string, Word, std::less<>> words_;
    std::map<std::string, Member> members_;
    std::uint64_t last_ = 0;
};

}  // namespace vmq::cluster
