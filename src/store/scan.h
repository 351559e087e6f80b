// Scan: a walk through a column family that steps over damaged places. Internal to this folder.
#pragma once

#include <rocksdb/iterator.h>
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

/// Forwards, without the anchor key. Where RocksDB cannot read, it goes on at the next boundary of
/// a table file; that is noted for the next start. Belongs to one function; the database outlives
/// it.
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
    /// Why it ended before the end, if it did: the disk does not answer.
    [[nodiscard]] rocksdb::Status status() const { return iterator_->status(); }

private:
    void settle();
    [[nodiscard]] bool next_boundary(std::string& boundary) const;

    const Database& database_;
    const Family family_;
    std::unique_ptr<rocksdb::Iterator> iterator_;
    std::string position_;  // what was asked for, or passed, last
    std::uint64_t gaps_ = 0;
};

}  // namespace vmq::store
