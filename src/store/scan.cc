#include "store/scan.h"

#include <rocksdb/metadata.h>

#include "store/keys.h"

namespace vmq::store {

Scan::Scan(const Database& database, Family family, ScanOptions options)
    : database_(database), family_(family) {
    read_.snapshot = options.snapshot;
    read_.fill_cache = options.fill_cache;
    open();
}

void Scan::open() { iterator_.reset(database_.db().NewIterator(read_, database_.family(family_))); }

void Scan::seek(std::string_view key) {
    position_.assign(key);
    iterator_->Seek(to_slice(key));
    if (iterator_->Valid() && this->key() == kAnchorKey) iterator_->Next();
    settle();
}

void Scan::next() {
    position_.assign(key());
    position_.push_back('\0');
    iterator_->Next();
    settle();
}

void Scan::settle() {
    while (!iterator_->Valid() && iterator_->status().IsCorruption()) {
        ++gaps_;
        if (database_.mend(family_, iterator_->status())) {
            open();
        } else {
            ++jumps_;
            std::string boundary;
            if (!next_boundary(boundary)) break;
            position_ = boundary;
        }
        iterator_->Seek(position_);
    }
    if (iterator_->Valid() && key() == kAnchorKey) iterator_->Next();
}

/// The smallest first or last key of a table file behind the position: behind a damaged block, for
/// sure not behind a whole file that is not damaged.
bool Scan::next_boundary(std::string& boundary) const {
    rocksdb::ColumnFamilyMetaData data;
    database_.db().GetColumnFamilyMetaData(database_.family(family_), &data);
    bool found = false;
    const auto offer = [&](const std::string& key) {
        if (key <= position_ || (found && key >= boundary)) return;
        boundary = key;
        found = true;
    };
    for (const auto& level : data.levels) {
        for (const auto& file : level.files) {
            offer(file.smallestkey);
            offer(file.largestkey);
        }
    }
    return found;
}

}  // namespace vmq::store
