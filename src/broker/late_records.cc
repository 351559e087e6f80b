#include "broker/late_records.h"

#include <cstddef>

#include "cluster/wire.h"

namespace vmq::broker {

namespace {

constexpr char kLateKeys = 'L';
constexpr std::size_t kKeySize = 1 + sizeof(std::uint64_t);

//   key := 'L' number:u64
std::string key_of(std::uint64_t number) {
    std::string key(1, kLateKeys);
    cluster::ByteWriter(key).u64(number);
    return key;
}

void append(const std::vector<std::string>& strings, cluster::ByteWriter& writer) {
    writer.varint(strings.size());
    for (const std::string& each : strings) writer.string(each);
}

bool read(cluster::ByteReader& reader, std::vector<std::string>& strings) {
    std::size_t count = 0;
    if (!reader.count(count, 1)) return false;
    for (std::size_t i = 0; i < count; ++i) {
        std::string_view each;
        if (!reader.string(each)) return false;
        strings.emplace_back(each);
    }
    return true;
}

//   value := mountpoint:string client-id:string filters from
//   filters, from := count:varint string*count
bool read(std::string_view value, LateRecord& record) {
    cluster::ByteReader reader(value);
    std::string_view mountpoint;
    std::string_view client_id;
    if (!reader.string(mountpoint) || !reader.string(client_id)) return false;
    record.mountpoint = mountpoint;
    record.client_id = client_id;
    return read(reader, record.filters) && read(reader, record.from) && reader.done();
}

}  // namespace

store::PutFact put_of(const LateRecord& record) {
    store::PutFact put{key_of(record.number), {}};
    cluster::ByteWriter writer(put.value);
    writer.string(record.mountpoint);
    writer.string(record.client_id);
    append(record.filters, writer);
    append(record.from, writer);
    return put;
}

store::DeleteFact delete_of_late_record(std::uint64_t number) { return {key_of(number)}; }

std::vector<LateRecord> read_late_records(
    const std::vector<std::pair<std::string, std::string>>& facts) {
    std::vector<LateRecord> records;
    for (const auto& [key, value] : facts) {
        LateRecord record;
        if (key.size() != kKeySize || key.front() != kLateKeys) continue;
        (void)cluster::ByteReader(std::string_view(key).substr(1)).u64(record.number);
        if (!read(value, record)) record.filters.clear();
        records.push_back(std::move(record));
    }
    return records;
}

}  // namespace vmq::broker
