// The blocks that a table file of RocksDB consists of, as bytes. Internal to this folder.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/status.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/coding.h"

namespace vmq::store::table {

// The file: data block ..., filter, index, properties, list of these (the metaindex), footer.
//
// block  := bytes, compression:u8, checksum:u32
// footer := checksum_type:u8, handle of the metaindex, handle of the index, zeros up to 41 bytes,
//           version:u32, magic:u64
// handle := offset:varint, size:varint (of the bytes)
// bytes  := entry ..., offset of an entry:u32 ..., number of these:u32
// entry  := bytes shared with the last key:varint, others:varint, [size of value:varint],
//           others, value
// Numbers are little endian, varints as in the store's own records. A key of data ends in eight
// bytes: the kind, and seven of the sequence number.
inline constexpr std::size_t kTrailer = 5;
inline constexpr std::size_t kFooter = 53;
inline constexpr std::size_t kHandles = 40;
inline constexpr std::uint64_t kMagic = 0x88e241b785f4cff7ULL;
inline constexpr std::uint32_t kVersion = 5;
inline constexpr char kXxh3Checksums = 4;
inline constexpr char kPlain = 0;
inline constexpr char kLz4 = 4;
inline constexpr std::size_t kSequenceSize = 8;
inline constexpr char kDeletion = 0;
inline constexpr char kSingleDeletion = 7;

static_assert(std::endian::native == std::endian::little);

// Values and functions of any thread.

template <typename Number>
[[nodiscard]] Number read_number(std::string_view bytes, std::size_t at) {
    Number value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}
template <typename Number>
void append_number(Number value, std::string& out) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof bytes);
}

struct Handle {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;

    [[nodiscard]] std::uint64_t end() const { return offset + size + kTrailer; }
    [[nodiscard]] bool read(detail::ByteReader& reader);
    void append_to(std::string& out) const;
};

/// Entries of a block in their order. Belongs to one function; the bytes outlive it.
class Entries final {
public:
    enum class Values : std::uint8_t { Sized, Handles };

    explicit Entries(std::string_view block, Values values = Values::Sized);

    [[nodiscard]] bool next();
    [[nodiscard]] const std::string& key() const { return key_; }
    [[nodiscard]] std::string_view value() const { return value_; }
    [[nodiscard]] const Handle& handle() const { return handle_; }

private:
    bool read_handle(bool follows);

    Values values_;
    detail::ByteReader rest_;
    std::string key_;
    std::string_view value_;
    Handle handle_;
};

[[nodiscard]] std::string_view without_sequence(std::string_view key);
[[nodiscard]] bool is_deletion(std::string_view key);

[[nodiscard]] std::string with_trailer(std::string bytes, char compression);
[[nodiscard]] std::string compress_lz4(std::string_view plain);

/// A filter that may hold every key.
[[nodiscard]] std::string filter_without_effect(std::uint64_t size);
/// A block of data that deletes `key` at the beginning of time, and is as large as asked for.
/// RocksDB cannot do with a block without entries. Empty: it does not fit.
[[nodiscard]] std::string block_deleting(const std::string& key, char kind, std::uint64_t size);
/// Only such a block has a deletion with a value.
[[nodiscard]] bool is_in_place_of_damage(std::string_view key, std::string_view value);

/// Reads blocks of a file. Short answers of the disk are damage, other failures are its status.
/// Belongs to one function.
class BlockReader final {
public:
    [[nodiscard]] rocksdb::Status open(rocksdb::Env& env, const std::string& path);
    [[nodiscard]] std::uint64_t size() const { return size_; }
    [[nodiscard]] const rocksdb::Status& status() const { return status_; }

    [[nodiscard]] std::string read(std::uint64_t offset, std::uint64_t size);
    /// The bytes as they were before they were compressed. False: it is damaged.
    [[nodiscard]] bool read(const Handle& handle, std::string& plain);
    /// Blocks that follow each other from `offset` on, found by their checksums. False: they do not
    /// end at `end`.
    [[nodiscard]] bool find_blocks(std::uint64_t offset, std::uint64_t end,
                                   std::vector<Handle>& blocks);

private:
    std::unique_ptr<rocksdb::RandomAccessFile> file_;
    std::uint64_t size_ = 0;
    rocksdb::Status status_;
};

}  // namespace vmq::store::table
