#include "store/table_file.h"

#include <fmt/format.h>
#include <rocksdb/comparator.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "store/coding.h"
#include "store/table_block.h"

namespace vmq::store {

using rocksdb::Status;

namespace table {
namespace {

using detail::append_varint;
using detail::ByteReader;

constexpr std::size_t kNoKeyEndsSo = 20;  // zeros

struct DataBlock {
    Handle handle;
    std::string through;  // its last key, or one before the next block; without sequence number
};

/// In place of a damaged block with keys behind `after`, or from `smallest` on if it is the first.
/// What it deletes should be the key of nothing: those of the store have no such end. Only the
/// last possible key is sure to be within the file if it is not known where that begins.
std::string block_in_place_of(std::uint64_t size, const KeyRange& gap, const std::string& smallest,
                              char kind) {
    const std::string& begin = gap.after.empty() ? smallest : gap.after;
    std::vector<std::string> keys;
    if (!begin.empty()) keys = {begin + std::string(kNoKeyEndsSo, '\0'), begin + '\0'};
    keys.push_back(gap.through);
    for (const std::string& key : keys) {
        if (key > gap.through) continue;
        if (std::string bytes = block_deleting(key, kind, size); !bytes.empty()) return bytes;
    }
    return {};
}

class Examiner final {
public:
    Examiner(const std::string& smallest, TableExamination& result)
        : smallest_(smallest), result_(result) {}

    Status run(rocksdb::Env& env, const std::string& path) {
        if (Status status = file_.open(env, path); !status.ok()) return status;
        if (find_parts() && find_data_blocks()) {
            look_at_filter();
            (void)look_at_data();
        }
        return file_.status();
    }

private:
    bool give_up(std::string why) {
        result_.beyond_help = std::move(why);
        result_.patches.clear();
        return false;
    }

    // Footer and metaindex

    bool find_parts() {
        if (file_.size() <= kFooter) {
            return give_up(fmt::format("it has only {} bytes", file_.size()));
        }
        if (!read_footer() || !file_.read(metaindex_, metaindex_bytes_)) {
            if (!remake_footer()) return give_up("the list of its parts is damaged");
        }
        if (!has_properties_ && !read_metaindex())
            return give_up("the list of its parts is damaged");
        std::string bytes;
        if (!file_.read(properties_, bytes)) return give_up("its properties are damaged");
        read_properties(bytes);
        return true;
    }

    bool read_footer() {
        const std::string bytes = file_.read(file_.size() - kFooter, kFooter);
        if (bytes.size() != kFooter || bytes[0] != kXxh3Checksums ||
            read_number<std::uint32_t>(bytes, 1 + kHandles) != kVersion ||
            read_number<std::uint64_t>(bytes, 1 + kHandles + 4) != kMagic) {
            return false;
        }
        ByteReader reader(std::string_view(bytes).substr(1, kHandles));
        return metaindex_.read(reader) && index_.read(reader);
    }

    /// All blocks are found by their checksums. The last one is the metaindex; the index is the
    /// one before the properties.
    bool remake_footer() {
        std::vector<Handle> blocks;
        if (!file_.find_blocks(0, file_.size() - kFooter, blocks)) return false;
        metaindex_ = blocks.back();
        if (!file_.read(metaindex_, metaindex_bytes_) || !read_metaindex()) return false;
        const auto before_properties =
            std::find_if(blocks.begin(), blocks.end(),
                         [this](const Handle& block) { return block.end() == properties_.offset; });
        if (before_properties == blocks.end()) return false;
        index_ = *before_properties;
        patch_footer();
        result_.remade.emplace_back("footer");
        return true;
    }

    void patch_footer() {
        std::string bytes(1, kXxh3Checksums);
        metaindex_.append_to(bytes);
        index_.append_to(bytes);
        bytes.resize(1 + kHandles);
        append_number(kVersion, bytes);
        append_number(kMagic, bytes);
        result_.patches.push_back({file_.size() - kFooter, std::move(bytes)});
    }

    bool read_metaindex() {
        Entries entries(metaindex_bytes_);
        while (entries.next()) {
            ByteReader reader(entries.value());
            if (entries.key() == "rocksdb.properties") {
                has_properties_ = properties_.read(reader);
            } else if (entries.key().starts_with("fullfilter.")) {
                has_filter_ = filter_.read(reader);
            }
        }
        return has_properties_;
    }

    void read_properties(std::string_view bytes) {
        Entries entries(bytes);
        while (entries.next()) {
            ByteReader reader(entries.value());
            std::uint64_t number = 0;
            if (entries.key() == "rocksdb.column.family.name") {
                result_.family.assign(entries.value());
            } else if (!reader.read_varint(number)) {
                continue;
            } else if (entries.key() == "rocksdb.num.entries") {
                entries_ = number;
            } else if (entries.key() == "rocksdb.deleted.keys") {
                deletions_ = number;
            } else if (entries.key() == "rocksdb.index.key.is.user.key") {
                index_has_sequences_ = number == 0;
            } else if (entries.key() == "rocksdb.index.value.is.delta.encoded") {
                index_values_ = number != 0 ? Entries::Values::Handles : Entries::Values::Sized;
            }
        }
    }

    // Index

    bool find_data_blocks() {
        std::string bytes;
        if (!file_.read(index_, bytes) && !(find_index() && file_.read(index_, bytes))) {
            return remake_index();
        }
        Entries entries(bytes, index_values_);
        while (entries.next()) {
            Handle handle = entries.handle();
            ByteReader reader(entries.value());
            if (index_values_ == Entries::Values::Sized && !handle.read(reader)) break;
            const std::string_view key = entries.key();
            blocks_.push_back(
                {handle, std::string(index_has_sequences_ ? without_sequence(key) : key)});
        }
        return true;
    }

    /// The footer has no checksum: where it says the index is may be the damage. The index stands
    /// between the filter and the properties. False: it is where the footer says.
    bool find_index() {
        if (index_.end() == properties_.offset) return false;
        if (has_filter_ && filter_.end() + kTrailer < properties_.offset) {
            index_ = {filter_.end(), properties_.offset - filter_.end() - kTrailer};
        } else {
            std::vector<Handle> blocks;
            if (!file_.find_blocks(0, properties_.offset, blocks)) return false;
            index_ = blocks.back();
        }
        patch_footer();
        result_.remade.emplace_back("footer");
        return true;
    }

    bool remake_index() {
        std::vector<Handle> handles;
        const std::uint64_t end = has_filter_ ? filter_.offset : index_.offset;
        std::string bytes;
        if (!file_.find_blocks(0, end, handles) || !build_index(handles, bytes)) {
            return give_up("its index and its data are damaged");
        }
        char compression = kPlain;
        if (bytes.size() != index_.size) {
            bytes = compress_lz4(bytes);
            compression = kLz4;
        }
        if (bytes.size() > index_.size) return give_up("its index is damaged");
        if (bytes.size() < index_.size) {
            index_.size = bytes.size();
            patch_footer();
        }
        result_.patches.push_back({index_.offset, with_trailer(std::move(bytes), compression)});
        result_.remade.emplace_back("index");
        return true;
    }

    bool build_index(const std::vector<Handle>& handles, std::string& bytes) {
        std::vector<std::string> keys;  // first and last of each block
        for (const Handle& handle : handles) {
            std::string plain;
            if (!file_.read(handle, plain)) return false;
            Entries entries(plain);
            if (!entries.next()) return false;
            keys.push_back(entries.key());
            while (entries.next()) {
            }
            keys.push_back(entries.key());
        }
        std::vector<std::uint32_t> starts;
        for (std::size_t i = 0; i < handles.size(); ++i) {
            std::string key = keys[2 * i + 1];
            if (i + 1 < handles.size()) shorten(key, keys[2 * i + 2]);
            blocks_.push_back({handles[i], std::string(without_sequence(key))});
            if (!index_has_sequences_) key = blocks_.back().through;
            std::string value;
            handles[i].append_to(value);
            starts.push_back(static_cast<std::uint32_t>(bytes.size()));
            append_varint(0, bytes);
            append_varint(key.size(), bytes);
            if (index_values_ == Entries::Values::Sized) append_varint(value.size(), bytes);
            bytes += key + value;
        }
        for (const std::uint32_t start : starts) append_number(start, bytes);
        append_number(static_cast<std::uint32_t>(starts.size()), bytes);
        return true;
    }

    /// As RocksDB does: a shorter key that is not before `key`, but before `next`.
    static void shorten(std::string& key, const std::string& next) {
        const std::string_view from = without_sequence(key);
        const std::string_view to = without_sequence(next);
        std::string between(from);
        rocksdb::BytewiseComparator()->FindShortestSeparator(&between,
                                                             rocksdb::Slice(to.data(), to.size()));
        if (between.size() > from.size() || between <= from) return;
        between.push_back('\x16');  // the kind a search is made with
        between.append(kSequenceSize - 1, '\xff');
        key = std::move(between);
    }

    // Filter and data

    void look_at_filter() {
        std::string bytes;
        if (!has_filter_ || file_.read(filter_, bytes)) return;
        result_.patches.push_back({filter_.offset, filter_without_effect(filter_.size)});
        result_.remade.emplace_back("filter");
    }

    bool look_at_data() {
        // RocksDB does not want to see both kinds of deletion of one key.
        const char kind = result_.family == "queues" ? kSingleDeletion : kDeletion;
        std::string after;
        for (DataBlock& block : blocks_) {
            KeyRange range{std::move(after), block.through};
            after = std::move(block.through);
            std::string bytes;
            if (file_.read(block.handle, bytes)) {
                count(bytes, range);
                continue;
            }
            std::string instead = block_in_place_of(block.handle.size, range, smallest_, kind);
            if (instead.empty()) return give_up("there is no room in place of a damaged block");
            result_.patches.push_back({block.handle.offset, std::move(instead)});
            result_.gaps.push_back(std::move(range));
        }
        if (result_.gaps.empty()) return true;
        result_.lost_deletions = deletions_ - std::min(deletions_found_, deletions_);
        const std::uint64_t lost = entries_ - std::min(entries_found_, entries_);
        result_.lost_records = lost - std::min(lost, result_.lost_deletions);
        return true;
    }

    void count(std::string_view block, KeyRange& range) {
        Entries entries(block);
        while (entries.next()) {
            if (is_in_place_of_damage(entries.key(), entries.value())) {
                result_.gaps.push_back(std::move(range));
                return;
            }
            ++entries_found_;
            if (is_deletion(entries.key())) ++deletions_found_;
        }
    }

    const std::string& smallest_;
    TableExamination& result_;
    BlockReader file_;
    Handle metaindex_;
    Handle index_;
    Handle filter_;
    Handle properties_;
    std::string metaindex_bytes_;
    std::vector<DataBlock> blocks_;
    std::uint64_t entries_ = 0;  // as its properties say
    std::uint64_t deletions_ = 0;
    std::uint64_t entries_found_ = 0;
    std::uint64_t deletions_found_ = 0;
    Entries::Values index_values_ = Entries::Values::Sized;
    bool index_has_sequences_ = true;
    bool has_properties_ = false;
    bool has_filter_ = false;
};

}  // namespace
}  // namespace table

Status examine_table(rocksdb::Env& env, const std::string& path, const std::string& smallest,
                     TableExamination& result) {
    return table::Examiner(smallest, result).run(env, path);
}

Status patch_in_place(rocksdb::Env& env, const std::string& path,
                      const std::vector<TablePatch>& patches) {
    std::unique_ptr<rocksdb::RandomRWFile> file;
    Status status = env.NewRandomRWFile(path, &file, rocksdb::EnvOptions());
    for (const TablePatch& patch : patches) {
        if (!status.ok()) return status;
        status = file->Write(patch.offset, patch.bytes);
    }
    if (status.ok()) status = file->Sync();
    return status;
}

Status replace_patched(rocksdb::Env& env, const std::string& path,
                       const std::vector<TablePatch>& patches, const std::string& kept) {
    const std::string mended = path + ".mended";
    Status status = copy_table(env, path, mended, patches);
    if (status.ok()) status = env.LinkFile(path, kept);
    if (status.IsNotSupported()) status = copy_table(env, path, kept);
    if (status.ok()) status = env.RenameFile(mended, path);
    if (!status.ok()) (void)env.DeleteFile(mended);
    return status;
}

Status copy_table(rocksdb::Env& env, const std::string& from, const std::string& to,
                  const std::vector<TablePatch>& patches) {
    constexpr std::size_t kCopiedAtOnce = std::size_t{1} << 20U;
    std::unique_ptr<rocksdb::SequentialFile> source;
    std::unique_ptr<rocksdb::WritableFile> target;
    Status status = env.NewSequentialFile(from, &source, rocksdb::EnvOptions());
    if (status.ok()) status = env.NewWritableFile(to, &target, rocksdb::EnvOptions());
    std::string room(kCopiedAtOnce, '\0');
    while (status.ok()) {
        rocksdb::Slice bytes;
        status = source->Read(room.size(), &bytes, room.data());
        if (!status.ok() || bytes.empty()) break;
        status = target->Append(bytes);
    }
    if (status.ok()) status = target->Sync();
    if (status.ok()) status = target->Close();
    if (status.ok() && !patches.empty()) status = patch_in_place(env, to, patches);
    return status;
}

}  // namespace vmq::store
