#include "broker/cluster_state.h"

#include <algorithm>
#include <string_view>

#include "base/entropy.h"
#include "base/small_file.h"
#include "cluster/wire.h"

namespace vmq::broker {
namespace {

//   file := "VMQCLST1" node:string incarnation:16 bytes members:string
constexpr std::string_view kMagic = "VMQCLST1";
constexpr std::size_t kLongestFile = 4U << 20U;

cluster::Incarnation new_incarnation() {
    cluster::Incarnation made;
    for (std::uint8_t& each : made.bytes) each = static_cast<std::uint8_t>(entropy());
    return made;
}

}  // namespace

Result<ClusterState> ClusterState::load(const std::string& path) {
    ClusterState state{{}, new_incarnation(), {}};
    if (path.empty()) return state;
    auto read = read_small_file(path, kLongestFile);
    if (!read) return read.error();
    if (!read.value()) return state;
    cluster::ByteReader reader(*read.value());
    std::string_view magic;
    std::string_view node;
    std::string_view incarnation;
    std::string_view members;
    if (!reader.bytes(kMagic.size(), magic) || magic != kMagic ||
        !reader.string(node, cluster::kLongestNodeName) ||
        !reader.bytes(state.incarnation.bytes.size(), incarnation) || !reader.string(members) ||
        !reader.done()) {
        return Error{ErrorCode::InvalidValue,
                     path +
                         " is damaged: move it away; this node then has to join its cluster "
                         "again"};
    }
    state.node = node;
    state.members = members;
    std::copy(incarnation.begin(), incarnation.end(), state.incarnation.bytes.begin());
    return state;
}

Result<void> ClusterState::save(const std::string& path) const {
    if (path.empty()) return {};
    std::string bytes;
    cluster::ByteWriter to(bytes);
    to.bytes(kMagic);
    to.string(node);
    to.bytes({reinterpret_cast<const char*>(incarnation.bytes.data()), incarnation.bytes.size()});
    to.string(members);
    return replace_small_file(path, bytes);
}

}  // namespace vmq::broker
