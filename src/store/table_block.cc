#include "store/table_block.h"

#include <lz4.h>
#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace vmq::store::table {
namespace {

using detail::append_varint;
using detail::ByteReader;
using rocksdb::Status;

constexpr std::size_t kSmallestBlock = 9;
/// Blocks that have to be found without an index are not larger, but for huge messages.
constexpr std::size_t kLargestFound = std::size_t{128} << 10U;

std::uint32_t checksum_of(std::string_view bytes, char compression) {
    constexpr std::uint32_t kLastByte = 0x6b9083d9;
    return static_cast<std::uint32_t>(XXH3_64bits(bytes.data(), bytes.size())) ^
           static_cast<std::uint8_t>(compression) * kLastByte;
}

bool is_whole(std::string_view bytes, std::size_t size) {
    const char compression = bytes[size];
    if (compression != kPlain && compression != kLz4) return false;
    return read_number<std::uint32_t>(bytes, size + 1) ==
           checksum_of(bytes.substr(0, size), compression);
}

std::size_t varint_size(std::uint64_t value) {
    return (static_cast<std::size_t>(std::bit_width(value | 1U)) + 6) / 7;
}

/// With leading zeros, so that it is so many bytes long.
void append_wide_varint(std::uint64_t value, std::size_t size, std::string& out) {
    for (; size > 1; --size, value >>= 7U) out.push_back(static_cast<char>(value | 0x80U));
    out.push_back(static_cast<char>(value));
}

char kind_of(std::string_view key) {
    return key.size() < kSequenceSize ? '\0' : key[key.size() - kSequenceSize];
}

bool decompress_lz4(std::string_view bytes, std::string& plain) {
    ByteReader reader(bytes);
    std::uint32_t size = 0;
    if (!reader.read_varint_u32(size) || size > LZ4_MAX_INPUT_SIZE ||
        reader.rest().size() > LZ4_MAX_INPUT_SIZE) {
        return false;
    }
    plain.resize(size);
    return LZ4_decompress_safe(reader.rest().data(), plain.data(),
                               static_cast<int>(reader.rest().size()),
                               static_cast<int>(size)) == static_cast<int>(size);
}

}  // namespace

bool Handle::read(ByteReader& reader) {
    return reader.read_varint(offset) && reader.read_varint(size);
}

void Handle::append_to(std::string& out) const {
    append_varint(offset, out);
    append_varint(size, out);
}

Entries::Entries(std::string_view block, Values values) : values_(values), rest_({}) {
    if (block.size() < sizeof(std::uint32_t)) return;
    const std::uint64_t restarts =
        read_number<std::uint32_t>(block, block.size() - 4) & 0x7FFF'FFFFU;
    const std::uint64_t tail = 4 * (restarts + 1);
    if (tail <= block.size()) rest_ = ByteReader(block.substr(0, block.size() - tail));
}

bool Entries::next() {
    std::uint64_t shared = 0;
    std::uint64_t others = 0;
    std::uint64_t size = 0;
    if (rest_.done() || !rest_.read_varint(shared) || !rest_.read_varint(others)) return false;
    if (values_ == Values::Sized && !rest_.read_varint(size)) return false;
    if (shared > key_.size() || others > rest_.rest().size()) return false;
    key_.resize(shared);
    key_.append(rest_.rest().substr(0, others));
    rest_ = ByteReader(rest_.rest().substr(others));
    if (values_ == Values::Handles) return read_handle(shared != 0);
    if (size > rest_.rest().size()) return false;
    value_ = rest_.rest().substr(0, size);
    rest_ = ByteReader(rest_.rest().substr(size));
    return true;
}

/// The second and further ones of a run only say how much larger they are than the last one.
bool Entries::read_handle(bool follows) {
    if (!follows) return handle_.read(rest_);
    std::int64_t larger = 0;
    if (!rest_.read_signed(larger)) return false;
    handle_ = {handle_.end(), handle_.size + static_cast<std::uint64_t>(larger)};
    return true;
}

std::string_view without_sequence(std::string_view key) {
    return key.substr(0, key.size() - std::min(key.size(), kSequenceSize));
}

bool is_deletion(std::string_view key) {
    return kind_of(key) == kDeletion || kind_of(key) == kSingleDeletion;
}

std::string with_trailer(std::string bytes, char compression) {
    const std::uint32_t checksum = checksum_of(bytes, compression);
    bytes.push_back(compression);
    append_number(checksum, bytes);
    return bytes;
}

std::string compress_lz4(std::string_view plain) {
    std::string bytes;
    append_varint(plain.size(), bytes);
    const std::size_t head = bytes.size();
    const int room = LZ4_compressBound(static_cast<int>(plain.size()));
    bytes.resize(head + static_cast<std::size_t>(room));
    const int size = LZ4_compress_default(plain.data(), bytes.data() + head,
                                          static_cast<int>(plain.size()), room);
    bytes.resize(head + static_cast<std::size_t>(size));
    return bytes;
}

std::string filter_without_effect(std::uint64_t size) {
    return with_trailer(std::string(size, '\0'), kPlain);
}

std::string block_deleting(const std::string& key, char kind, std::uint64_t size) {
    constexpr std::size_t kRestarts = 8;
    constexpr std::size_t kWidest = 5;
    const std::size_t key_size = key.size() + kSequenceSize;
    for (std::size_t width = 1; width <= kWidest; ++width) {
        const std::uint64_t rest = 1 + varint_size(key_size) + width + key_size + kRestarts;
        if (rest > size || varint_size(size - rest) > width) continue;
        std::string bytes;
        append_varint(0, bytes);
        append_varint(key_size, bytes);
        append_wide_varint(size - rest, width, bytes);
        bytes += key;
        bytes.push_back(kind);
        bytes.append(kSequenceSize - 1, '\0');
        bytes.append(size - rest, '\0');
        append_number<std::uint32_t>(0, bytes);
        append_number<std::uint32_t>(1, bytes);
        return with_trailer(std::move(bytes), kPlain);
    }
    return {};
}

bool is_in_place_of_damage(std::string_view key, std::string_view value) {
    return is_deletion(key) && !value.empty();
}

Status BlockReader::open(rocksdb::Env& env, const std::string& path) {
    Status status = env.GetFileSize(path, &size_);
    if (status.ok()) {
        status = env.NewRandomAccessFile(path, &file_, rocksdb::EnvOptions());
    }
    return status;
}

std::string BlockReader::read(std::uint64_t offset, std::uint64_t size) {
    std::string bytes;
    if (offset >= size_ || !status_.ok()) return bytes;
    bytes.resize(std::min(size, size_ - offset));
    rocksdb::Slice found;
    status_ = file_->Read(offset, bytes.size(), &found, bytes.data());
    if (!status_.ok()) return {};
    if (found.data() != bytes.data()) return found.ToString();
    bytes.resize(found.size());
    return bytes;
}

bool BlockReader::read(const Handle& handle, std::string& plain) {
    if (handle.size < kSmallestBlock || handle.offset > size_ || handle.size > size_) {
        return false;
    }
    std::string bytes = read(handle.offset, handle.size + kTrailer);
    if (bytes.size() != handle.size + kTrailer || !is_whole(bytes, handle.size)) return false;
    const char compression = bytes[handle.size];
    bytes.resize(handle.size);
    if (compression == kLz4) return decompress_lz4(bytes, plain);
    plain = std::move(bytes);
    return compression == kPlain;
}

bool BlockReader::find_blocks(std::uint64_t offset, std::uint64_t end,
                              std::vector<Handle>& blocks) {
    while (offset < end) {
        const std::string bytes =
            read(offset, std::min<std::uint64_t>(kLargestFound, end - offset));
        std::size_t size = kSmallestBlock;
        while (size + kTrailer <= bytes.size() && !is_whole(bytes, size)) ++size;
        if (size + kTrailer > bytes.size()) return false;
        blocks.push_back({offset, size});
        offset = blocks.back().end();
    }
    return offset == end && !blocks.empty();
}

}  // namespace vmq::store::table
