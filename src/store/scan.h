// Scan: a walk through a column family that steps over damaged places. Internal to this folder.
#pragma once

#include <rocksdb/iterator.h>
#include <rocksdb/options.h>
#include <rocksdb/snapshot.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "store/database.h"

namespace vmq::store {

struct ScanOptions {
    const rocksdb::Snapshot* snapshot = nullptr;
    bool fill_cache = false;
};

/// Forwards, without the anchor key. Where RocksDB cannot read, the damaged blocks are taken out;
/// where that does not help, it goes on at the next boundary of a table file. Belongs to one
/// function; the database outlives it.
class Scan final {
public:
    Scan(const Database& database, Family family, ScanOptions options = {});

    /// Stands at the first key from `key` on. Use it before anything else.
    void seek(std::string_view key);
    [[nodiscard]] bool valid() const { return iterator_->Valid(); }
    void next();
    /// Valid until the scan moves.
    [[nodiscard]] std::string_view key() const { return to_view(iterator_->key()); }
    [[nodiscard]] std::string_view value() const { return to_view(iterator_->value()); }

    /// Damaged places stepped over.
    [[nodiscard]] std::uint64_t gaps() const noexcept { return gaps_; }
    /// Those of them behind which it went on at some boundary.
    [[nodiscard]] std::uint64_t jumps() const noexcept { return jumps_; }
    /// Why it ended before the end, if it did: the disk does not answer.
    [[nodiscard]] rocksdb::Status status() const { return iterator_->status(); }

private:
    void open();
    void settle();
    [[nodiscard]] bool next_boundary(std::string& boundary) const;

    const Database& database_;
    const Family family_;
    rocksdb::ReadOptions read_;
    std::unique_ptr<rocksdb::Iterator> iterator_;
    std::string position_;  // no key before it is wanted any more
    std::uint64_t gaps_ = 0;
    std::uint64_t jumps_ = 0;
};

}  // namespace vmq::store
