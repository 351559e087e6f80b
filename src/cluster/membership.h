// Membership: who is in the cluster, who may come in, and who has left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "cluster/fact_map.h"
#include "cluster/node_identity.h"
#include "cluster/stamp.h"
#include "cluster/writer_table.h"

namespace vmq::cluster {

/// The value of a fact of FactKind::Member; its key is the name.
struct ClusterMember {
    static constexpr std::size_t kMostAddresses = 8;
    static constexpr std::size_t kLongestHost = 255;

    std::string name;
    Incarnation incarnation;
    std::vector<NodeAddress> addresses;  // the first is tried first
    WallMillis joined = 0;

    bool operator==(const ClusterMember&) const = default;
};
/// Without the name. Requires the limits above.
[[nodiscard]] std::string encode_member(const ClusterMember& member);
/// What a later version writes behind the fields known here is ignored.
[[nodiscard]] bool decode_member(std::string_view name, std::string_view value,
                                 ClusterMember& member);

/// Why a node does not come into a cluster. The numbers are on the wire.
enum class JoinRefusalCode : std::uint8_t {
    SelfJoin = 1,
    NonEmptyNode = 2,  // it is in a cluster with others
    NameTaken = 3,     // a node of that name is there and runs
    Left = 4,          // it, or the node it asks, has left a cluster
    TooManyMembers = 5,
    Invalid = 6,
};
/// As VerneMQ's vmq-admin names them: "self_join", "non_empty_node".
[[nodiscard]] std::string_view join_refusal_name(JoinRefusalCode code) noexcept;
struct JoinRefusal {
    JoinRefusalCode code{};
    std::string text;  // a sentence for the operator, says what to do
};

/// A node wants to come in. It asks the node that `cluster join` names, on a link whose cookie is
/// proven and that is good for nothing else yet.
struct JoinRequest {
    ClusterMember member;
    std::uint32_t other_members = 0;  // of the cluster that it is in now
};
/// The members' facts, as records: their stamps are those of the cluster.
struct JoinWelcome {
    std::vector<std::string> members;
};
using JoinAnswer = std::variant<JoinWelcome, JoinRefusal>;

void append_join_request(const JoinRequest& request, std::string& out);
[[nodiscard]] bool decode_join_request(std::string_view body, JoinRequest& request);
void append_join_answer(const JoinAnswer& answer, std::string& out);
[[nodiscard]] bool decode_join_answer(std::string_view body, JoinAnswer& answer);

/// The facts of kind Member, read as a list, and the rules of coming and going. All of it is facts:
/// whoever hears of one knows it, leaving is deleting the own.
///
/// Owned by the cluster's thread, outlived by the FactMap.
class Membership final {
public:
    /// Shards and other nodes share the bits of a ShardSet.
    static constexpr std::size_t kMostMembers = 64;

    explicit Membership(FactMap& facts) noexcept : facts_(facts) {}
    Membership(const Membership&) = delete;
    Membership& operator=(const Membership&) = delete;

    /// By name, this node included once it has announced itself. Valid until facts change.
    [[nodiscard]] const std::vector<ClusterMember>& members() const;
    [[nodiscard]] const ClusterMember* find(std::string_view name) const;
    /// There are no others.
    [[nodiscard]] bool alone() const;
    /// This node was removed, or another took its name: it is in no cluster and has no business
    /// with the others any more.
    [[nodiscard]] bool has_left() const;
    /// It has left, or all others have: before it joins again, it has to begin anew.
    [[nodiscard]] bool is_over() const { return has_left() || (alone() && facts_.knows_others()); }
    /// Goes on alone with all facts as its own, as a new incarnation, which the caller stores with
    /// the changes and uses from now on. `incarnation` is random. Requires that there are no links.
    [[nodiscard]] Result<void> begin_anew(const Incarnation& incarnation, Moment now);

    /// Of a node that knocks.
    enum class Standing : std::uint8_t {
        Member,
        Unknown,
        Left,              // it was removed
        OtherIncarnation,  // the member of that name has another disk
    };
    [[nodiscard]] Standing standing(std::string_view name, const Incarnation& incarnation) const;

    /// At the start, and when the addresses change: the others hear of it. Refused to a node that
    /// has left.
    [[nodiscard]] Result<void> announce(std::vector<NodeAddress> addresses, Moment now);

    // The node that wants to come in

    /// Before `discovery` is dialled. Nothing: it may ask.
    [[nodiscard]] std::optional<JoinRefusal> check_join(std::string_view discovery) const;
    /// Requires announce(), and that is_over() is false.
    [[nodiscard]] JoinRequest request_join();
    /// False: what was answered cannot be read. Nothing happens if the node is in a cluster by now:
    /// two that were asked must not both take it in.
    [[nodiscard]] bool on_welcome(const JoinWelcome& welcome, Moment now);

    // The node that is asked

    /// `is_linked`: a node of the name in the request is there now.
    [[nodiscard]] JoinAnswer admit(const JoinRequest& request, bool is_linked, Moment now);

    /// Of any member, by any. A node that is removed and runs learns of it like of any other fact.
    [[nodiscard]] Result<void> remove(std::string_view name, Moment now);

private:
    [[nodiscard]] const Writer& self() const { return facts_.writers()[facts_.self()]; }
    [[nodiscard]] std::optional<JoinRefusal> check_request(const JoinRequest& request,
                                                           bool is_linked) const;
    [[nodiscard]] JoinWelcome welcome() const;

    FactMap& facts_;
    mutable std::vector<ClusterMember> members_;
    mutable std::uint64_t revision_ = ~std::uint64_t{0};
};

}  // namespace vmq::cluster
