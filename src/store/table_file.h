// What is left of a damaged table file, and what makes a whole file of it. Internal to this folder.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/status.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vmq::store {

/// Keys behind `after`, up to and with `through`.
struct KeyRange {
    std::string after;
    std::string through;
};

/// Bytes of a file that are to be others.
struct TablePatch {
    std::uint64_t offset = 0;
    std::string bytes;
};

/// A table file, looked at block by block. A damaged block of data is replaced by one of the same
/// size that says nothing, so that everything else stays where and what it is for RocksDB: the
/// file's place in the store, the sequence numbers and deletions in the other blocks. The filter
/// and the index say nothing that cannot be told from the data, and are made again.
struct TableExamination {
    std::string beyond_help;          // why nothing of it can be used; empty: the rest holds
    std::string family;               // name of its column family
    std::vector<KeyRange> gaps;       // of blocks that are damaged, or were taken out before
    std::vector<std::string> remade;  // parts that were damaged and lose nothing
    std::uint64_t lost_records = 0;   // of all gaps: values and changes
    std::uint64_t lost_deletions = 0;
    std::vector<TablePatch> patches;  // what makes it whole; none: it is
};

/// Reads all of the file. `smallest`: its first key, if that is known, or empty. An error if the
/// disk does not answer. Any thread.
[[nodiscard]] rocksdb::Status examine_table(rocksdb::Env& env, const std::string& path,
                                            const std::string& smallest, TableExamination& result);

/// Into the file itself, which may be open: readers find each block either damaged or whole.
[[nodiscard]] rocksdb::Status patch_in_place(rocksdb::Env& env, const std::string& path,
                                             const std::vector<TablePatch>& patches);

/// A patched copy takes the place of the file at once; the damaged one is at `kept` then. What has
/// a link to the damaged one keeps that.
[[nodiscard]] rocksdb::Status replace_patched(rocksdb::Env& env, const std::string& path,
                                              const std::vector<TablePatch>& patches,
                                              const std::string& kept);

/// `from` with the patches, synced, at `to`.
[[nodiscard]] rocksdb::Status copy_table(rocksdb::Env& env, const std::string& from,
                                         const std::string& to,
                                         const std::vector<TablePatch>& patches = {});

}  // namespace vmq::store
