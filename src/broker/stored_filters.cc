#include "broker/stored_filters.h"

#include <algorithm>

#include "base/hash.h"
#include "cluster/wire.h"

namespace vmq::broker {

namespace {

constexpr char kFilterKeys = 'S';
constexpr std::uint8_t kGroup = 1;

//   key := 'S' node:string telling:u64 mountpoint:string filter
std::string node_prefix(std::string_view node) {
    std::string key(1, kFilterKeys);
    cluster::ByteWriter(key).string(node);
    return key;
}

std::string telling_prefix(std::string_view node, std::uint64_t telling) {
    std::string key = node_prefix(node);
    cluster::ByteWriter(key).u64(telling);
    return key;
}

std::uint64_t hash_of(std::string_view mountpoint, std::string_view filter) noexcept {
    return hash_bytes(filter, hash_bytes(mountpoint, 1));
}

}  // namespace

bool StoredFilters::is_key(std::string_view key) noexcept {
    return !key.empty() && key.front() == kFilterKeys;
}

StoredFilters::ByNode StoredFilters::read(const StoredFacts& facts) {
    ByNode nodes;
    for (const auto& [key, value] : facts) {
        if (!is_key(key)) continue;
        cluster::ByteReader reader(std::string_view(key).substr(1));
        std::string_view node;
        std::string_view mountpoint;
        std::uint64_t telling = 0;
        if (!reader.string(node) || !reader.u64(telling) || !reader.string(mountpoint)) continue;
        Filter filter;
        filter.mountpoint = mountpoint;
        filter.filter = reader.rest();
        cluster::ByteReader of(value);
        std::uint8_t flags = 0;
        std::uint64_t online = 0;
        std::uint64_t stored = 0;
        if (!of.u8(flags)) continue;
        filter.group = (flags & kGroup) != 0;
        if (filter.group && (!of.varint(online) || !of.varint(stored))) continue;
        filter.online = static_cast<std::uint32_t>(online);
        filter.stored = static_cast<std::uint32_t>(stored);
        auto at = nodes.find(node);
        if (at == nodes.end())
            at = nodes.emplace(std::string(node), Left{{}, telling, telling}).first;
        at->second.first = std::min(at->second.first, telling);
        at->second.last = std::max(at->second.last, telling);
        at->second.filters.push_back(std::move(filter));
    }
    return nodes;
}

void StoredFilters::forget(std::string_view node, store::WriteBatch& batch) {
    batch.add(store::DeleteFacts{node_prefix(node)});
}

StoredFilters::StoredFilters(std::string node, const Left& left)
    : node_(std::move(node)), telling_(left.last), first_(left.first) {
    for (const Filter& each : left.filters) stored_.insert(hash_of(each.mountpoint, each.filter));
}

std::string StoredFilters::key(std::string_view mountpoint, std::string_view filter) const {
    std::string key = telling_prefix(node_, telling_);
    cluster::ByteWriter to(key);
    to.string(mountpoint);
    to.bytes(filter);
    return key;
}

void StoredFilters::begin_all() {
    ++telling_;
    stored_.clear();
    // One that did not come to its end.
    batch_.add(store::DeleteFacts{telling_prefix(node_, telling_)});
}

void StoredFilters::put(std::string_view mountpoint, std::string_view filter, bool there,
                        std::string value) {
    const std::uint64_t hash = hash_of(mountpoint, filter);
    if (there) {
        stored_.insert(hash);
        batch_.add(store::PutFact{key(mountpoint, filter), std::move(value)});
    } else if (stored_.erase(hash) != 0) {
        batch_.add(store::DeleteFact{key(mountpoint, filter)});
    }
}

void StoredFilters::set(std::string_view mountpoint, std::string_view filter, bool persistent) {
    put(mountpoint, filter, persistent, std::string(1, '\0'));
}

void StoredFilters::set_group(std::string_view mountpoint, std::string_view group,
                              std::string_view filter, std::uint32_t online, std::uint32_t stored) {
    std::string value;
    cluster::ByteWriter to(value);
    to.u8(kGroup);
    to.varint(online);
    to.varint(stored);
    put(mountpoint, "$share/" + std::string(group) + "/" + std::string(filter), online + stored > 0,
        std::move(value));
}

void StoredFilters::end_all() {
    // Of all earlier ones, whose numbers are lower.
    for (std::uint64_t each = first_; each < telling_; ++each) {
        batch_.add(store::DeleteFacts{telling_prefix(node_, each)});
    }
    first_ = telling_;
}

}  // namespace vmq::broker
