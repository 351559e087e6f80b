#include "cluster/membership.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "cluster/fact_codec.h"
#include "cluster/frame_codec.h"
#include "cluster/node_identity.h"
#include "cluster/wire.h"

namespace vmq::cluster {
namespace {

constexpr std::uint8_t kMemberVersion = 1;
constexpr std::size_t kLeastAddress = 3;
constexpr std::size_t kLongestJoinRefusal = 1024;
constexpr std::size_t kLongestRecord = 16UL * 1024;

bool is_valid_host(std::string_view host) {
    return !host.empty() && host.size() <= ClusterMember::kLongestHost &&
           std::all_of(host.begin(), host.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool read_address(ByteReader& reader, NodeAddress& address) {
    std::string_view host;
    if (!reader.string(host) || !is_valid_host(host) || !reader.varint(address.port) ||
        address.port == 0 || !reader.flag(address.tls)) {
        return false;
    }
    address.host = host;
    return true;
}

}  // namespace

// --- Bytes ---

//   member := version:u8 incarnation joined:varint count:varint
//             (host:string port:varint tls:flag) * count

std::string encode_member(const ClusterMember& member) {
    VMQ_ASSERT(member.addresses.size() <= ClusterMember::kMostAddresses);
    std::string value;
    ByteWriter to(value);
    to.u8(kMemberVersion);
    to.bytes(bytes_of(member.incarnation));
    to.varint(static_cast<std::uint64_t>(std::max<WallMillis>(member.joined, 0)));
    to.varint(member.addresses.size());
    for (const NodeAddress& each : member.addresses) {
        to.string(each.host);
        to.varint(each.port);
        to.flag(each.tls);
    }
    return value;
}

bool decode_member(std::string_view name, std::string_view value, ClusterMember& member) {
    ByteReader reader(value);
    std::uint8_t version = 0;
    std::string_view incarnation;
    std::uint64_t joined = 0;
    std::size_t count = 0;
    if (!is_valid_node_name(name) || !reader.u8(version) || version < kMemberVersion ||
        !reader.bytes(member.incarnation.bytes.size(), incarnation) || !reader.varint(joined) ||
        joined > static_cast<std::uint64_t>(kLatestTime.wall_ms()) ||
        !reader.count(count, kLeastAddress) || count > ClusterMember::kMostAddresses) {
        return false;
    }
    member.name = name;
    std::copy(incarnation.begin(), incarnation.end(), member.incarnation.bytes.begin());
    member.joined = static_cast<WallMillis>(joined);
    member.addresses.resize(count);
    return std::all_of(member.addresses.begin(), member.addresses.end(),
                       [&](NodeAddress& each) { return read_address(reader, each); });
}

std::string_view join_refusal_name(JoinRefusalCode code) noexcept {
    switch (code) {
        case JoinRefusalCode::SelfJoin:
            return "self_join";
        case JoinRefusalCode::NonEmptyNode:
            return "non_empty_node";
        case JoinRefusalCode::NameTaken:
            return "name_taken";
        case JoinRefusalCode::Left:
            return "left";
        case JoinRefusalCode::TooManyMembers:
            return "too_many_members";
        case JoinRefusalCode::Invalid:
            return "invalid_request";
    }
    return "refused";
}

//   join   := name:string member:string other_members:varint
//   answer := 0 count:varint record:string * count | 1 code:u8 text:string

void append_join_request(const JoinRequest& request, std::string& out) {
    FrameWriter frame(FrameType::Join, out);
    frame.body().string(request.member.name);
    frame.body().string(encode_member(request.member));
    frame.body().varint(request.other_members);
    frame.finish();
}

bool decode_join_request(std::string_view body, JoinRequest& request) {
    ByteReader reader(body);
    std::string_view name;
    std::string_view member;
    return reader.string(name) && reader.string(member) &&
           decode_member(name, member, request.member) && reader.varint(request.other_members) &&
           reader.done();
}

void append_join_answer(const JoinAnswer& answer, std::string& out) {
    FrameWriter frame(FrameType::JoinReply, out);
    ByteWriter& body = frame.body();
    if (const auto* welcome = std::get_if<JoinWelcome>(&answer)) {
        body.u8(0);
        body.varint(welcome->members.size());
        for (const std::string& each : welcome->members) body.string(each);
    } else {
        const auto& refusal = std::get<JoinRefusal>(answer);
        body.u8(1);
        body.u8(static_cast<std::uint8_t>(refusal.code));
        body.string(std::string_view(refusal.text).substr(0, kLongestJoinRefusal));
    }
    frame.finish();
}

bool decode_join_answer(std::string_view body, JoinAnswer& answer) {
    ByteReader reader(body);
    std::uint8_t form = 0;
    if (!reader.u8(form) || form > 1) return false;
    if (form == 1) {
        std::uint8_t code = 0;
        std::string_view text;
        if (!reader.u8(code) || !reader.string(text, kLongestJoinRefusal) || !reader.done()) {
            return false;
        }
        JoinRefusal refusal{static_cast<JoinRefusalCode>(code), std::string(text)};
        for (char& each : refusal.text) {
            if (each < ' ' || each > '~') each = '?';
        }
        answer = std::move(refusal);
        return true;
    }
    JoinWelcome welcome;
    std::size_t count = 0;
    if (!reader.count(count, 1) || count > Membership::kMostMembers) return false;
    for (; count > 0; --count) {
        std::string_view record;
        if (!reader.string(record, kLongestRecord)) return false;
        welcome.members.emplace_back(record);
    }
    answer = std::move(welcome);
    return reader.done();
}

// --- The list ---

const std::vector<ClusterMember>& Membership::members() const {
    const std::uint64_t revision = facts_.revision(FactKind::Member);
    if (revision == revision_) return members_;
    revision_ = revision;
    members_.clear();
    facts_.for_each(FactKind::Member, [&](const Fact& fact) {
        ClusterMember member;
        if (decode_member(fact.key(), fact.value(), member)) members_.push_back(std::move(member));
    });
    std::sort(members_.begin(), members_.end(),
              [](const ClusterMember& a, const ClusterMember& b) { return a.name < b.name; });
    return members_;
}

const ClusterMember* Membership::find(std::string_view name) const {
    for (const ClusterMember& each : members()) {
        if (each.name == name) return &each;
    }
    return nullptr;
}

bool Membership::alone() const {
    const std::vector<ClusterMember>& all = members();
    return std::all_of(all.begin(), all.end(),
                       [&](const ClusterMember& each) { return each.name == self().name; });
}

bool Membership::has_left() const {
    const Standing own = standing(self().name, self().incarnation);
    return own == Standing::Left || own == Standing::OtherIncarnation;
}

Membership::Standing Membership::standing(std::string_view name,
                                          const Incarnation& incarnation) const {
    if (const ClusterMember* member = find(name)) {
        return member->incarnation == incarnation ? Standing::Member : Standing::OtherIncarnation;
    }
    const Fact* fact = facts_.find_even_deleted(FactKind::Member, name);
    return fact != nullptr ? Standing::Left : Standing::Unknown;
}

Result<void> Membership::announce(std::vector<NodeAddress> addresses, Moment now) {
    if (has_left()) {
        return Error{ErrorCode::Unavailable,
                     fmt::format("{} has left its cluster, or another took its name: it has to "
                                 "join one again",
                                 self().name)};
    }
    const ClusterMember* known = find(self().name);
    if (known != nullptr && known->addresses == addresses) return {};
    const WallMillis joined = known != nullptr ? known->joined : now.wall;
    const ClusterMember member{self().name, self().incarnation, std::move(addresses), joined};
    return facts_.put(FactKind::Member, member.name, encode_member(member), now);
}

Result<void> Membership::begin_anew(const Incarnation& incarnation, Moment now) {
    const ClusterMember* known = find(self().name);
    std::vector<NodeAddress> addresses;
    if (known != nullptr && known->incarnation == self().incarnation) addresses = known->addresses;
    if (!facts_.start_over(incarnation)) {
        return Error{ErrorCode::LimitReached,
                     fmt::format("{} has been in clusters with as many nodes as there can be: "
                                 "remove its data directory",
                                 self().name)};
    }
    return announce(std::move(addresses), now);
}

// --- Coming ---

std::optional<JoinRefusal> Membership::check_join(std::string_view discovery) const {
    if (discovery == self().name) {
        return JoinRefusal{JoinRefusalCode::SelfJoin,
                           fmt::format("{} is this node itself: name another one that is in the "
                                       "cluster",
                                       discovery)};
    }
    if (is_over()) {
        return JoinRefusal{JoinRefusalCode::Left,
                           fmt::format("{} has been in a cluster and has not begun anew: start it "
                                       "again, or remove its data directory",
                                       self().name)};
    }
    if (!alone() && find(discovery) == nullptr) {
        return JoinRefusal{
            JoinRefusalCode::NonEmptyNode,
            fmt::format("{} is in a cluster with {} others: let it leave, and remove its data "
                        "directory, before it joins another",
                        self().name, members().size() - 1)};
    }
    return std::nullopt;
}

JoinRequest Membership::request_join() {
    const ClusterMember* own = find(self().name);
    VMQ_ASSERT(own != nullptr);
    const bool single = alone();
    VMQ_ASSERT(!single || !facts_.knows_others());
    if (single) facts_.forget_deleted();
    return {*own, static_cast<std::uint32_t>(members().size() - 1)};
}

bool Membership::on_welcome(const JoinWelcome& welcome, Moment now) {
    if (!alone()) return true;
    for (const std::string& each : welcome.members) {
        FactRecord record;
        ClusterMember member;
        if (!decode_fact_record(each, record) || record.fact.kind != FactKind::Member ||
            record.fact.deleted || !decode_member(record.fact.key, record.fact.value, member)) {
            return false;
        }
        const auto writer = facts_.writers().intern(record.writer.name, record.writer.incarnation);
        if (!writer) return false;
        record.fact.stamp.writer = *writer;
        if (facts_.merge(record.fact, {}, now) == FactMap::Outcome::Refused) return false;
    }
    return true;
}

std::optional<JoinRefusal> Membership::check_request(const JoinRequest& request,
                                                     bool is_linked) const {
    const ClusterMember& member = request.member;
    if (member.name == self().name) {
        return JoinRefusal{JoinRefusalCode::SelfJoin,
                           fmt::format("{} is the name of the node that was asked as well: each "
                                       "node needs a nodename of its own",
                                       member.name)};
    }
    if (has_left()) {
        return JoinRefusal{
            JoinRefusalCode::Left,
            fmt::format("{} is in no cluster any more: ask another node", self().name)};
    }
    const ClusterMember* known = find(member.name);
    if (known != nullptr && known->incarnation == member.incarnation) return std::nullopt;
    if (request.other_members > 0) {
        return JoinRefusal{
            JoinRefusalCode::NonEmptyNode,
            fmt::format("{} is in a cluster with {} others: let it leave, and remove its data "
                        "directory, before it joins another",
                        member.name, request.other_members)};
    }
    if (known != nullptr && is_linked) {
        return JoinRefusal{JoinRefusalCode::NameTaken,
                           fmt::format("another node with the name {} is in the cluster and "
                                       "running: give this one another nodename",
                                       member.name)};
    }
    if (known == nullptr && members().size() >= kMostMembers) {
        return JoinRefusal{JoinRefusalCode::TooManyMembers,
                           fmt::format("the cluster has {} members, which is the most there can "
                                       "be: remove those that are gone with cluster leave",
                                       kMostMembers)};
    }
    return std::nullopt;
}

JoinAnswer Membership::admit(const JoinRequest& request, bool is_linked, Moment now) {
    if (auto refusal = check_request(request, is_linked)) return std::move(*refusal);
    ClusterMember member = request.member;
    const ClusterMember* known = find(member.name);
    const bool same = known != nullptr && known->incarnation == member.incarnation;
    member.joined = same ? known->joined : now.wall;
    if (known == nullptr || *known != member) {
        const auto written = facts_.put(FactKind::Member, member.name, encode_member(member), now);
        if (!written) return JoinRefusal{JoinRefusalCode::Invalid, written.error().detail};
    }
    return welcome();
}

JoinWelcome Membership::welcome() const {
    JoinWelcome welcome;
    facts_.for_each(FactKind::Member, [&](const Fact& fact) {
        append_fact_record(fact, facts_.writers(), welcome.members.emplace_back());
    });
    return welcome;
}

// --- Going ---

Result<void> Membership::remove(std::string_view name, Moment now) {
    if (facts_.erase(FactKind::Member, name, now)) return {};
    return Error{ErrorCode::NotFound,
                 fmt::format("{} is no member of the cluster: see vmq-admin cluster show", name)};
}

}  // namespace vmq::cluster
