// Shared messages: a body and how many queues hold it, kept by merging. Internal to this folder.
#pragma once

#include <rocksdb/compaction_filter.h>
#include <rocksdb/merge_operator.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace vmq::store {

/// Value of the column family `messages`, and what is merged into it: there the count is a change.
/// Points into the encoded bytes.
struct CountedBody {
    std::int64_t count = 0;
    std::string_view body;  // of encode_message(); empty: not in here
};
/// Appends everything of a value but the body, which is to follow.
void encode_counted_body_head(std::int64_t count, std::string& out);
void encode_counted_body(const CountedBody& value, std::string& out);
[[nodiscard]] bool decode_counted_body(std::string_view bytes, CountedBody& value);

/// Adds up counts and keeps the newest body, but none without a queue that holds it: whoever brings
/// a count back from 0 brings the body again. Bytes it cannot read count as nothing, because a
/// failing merge would stop the whole database. Stateless, used by all threads of RocksDB.
[[nodiscard]] std::shared_ptr<rocksdb::MergeOperator> make_counting_merge_operator();

/// Drops bodies that no queue holds and changes that change nothing. Stateless, as above; lives as
/// long as the process.
[[nodiscard]] const rocksdb::CompactionFilter* dead_body_filter() noexcept;

}  // namespace vmq::store
