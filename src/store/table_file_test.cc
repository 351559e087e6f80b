#include "store/table_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <fstream>
#include <random>
#include <set>

#include "base/random.h"
#include "store/engine_fixture.h"

namespace vmq::store {
namespace {

using testing::IsEmpty;

class TableFile : public testing::TestWithParam<rocksdb::CompressionType> {
protected:
    TableFile() {
        rocksdb::BlockBasedTableOptions table;
        table.block_size = 1024;
        table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
        options_.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
        options_.compression = GetParam();
    }

    void write_table(Random& random) {
        keys_.clear();
        while (keys_.size() < 500) {
            std::string key(1 + random.below(30), '\0');
            for (char& byte : key) byte = static_cast<char>('a' + random.below(4));
            keys_.insert(std::move(key));
        }
        rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options_);
        ASSERT_TRUE(writer.Open(path_).ok());
        for (const std::string& key : keys_) {
            std::string value(random.below(100), 'x');
            for (char& byte : value) {
                if (random.below(2) == 0) byte = static_cast<char>(random.next());
            }
            ASSERT_TRUE(writer.Put(key, value).ok());
        }
        ASSERT_TRUE(writer.Finish().ok());
    }
    void damage(std::uint64_t at) const {
        std::fstream stream(path_, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekg(static_cast<std::streamoff>(at));
        const int byte = stream.get();
        stream.seekp(static_cast<std::streamoff>(at));
        stream.put(static_cast<char>(byte ^ 0x21));
    }
    [[nodiscard]] TableExamination examined() const {
        TableExamination found;
        EXPECT_TRUE(examine_table(*rocksdb::Env::Default(), path_, *keys_.begin(), found).ok());
        return found;
    }
    [[nodiscard]] std::set<std::string> outside(const std::vector<KeyRange>& gaps) const {
        std::set<std::string> result = keys_;
        for (const KeyRange& gap : gaps) {
            std::erase_if(result, [&](const std::string& key) {
                return key > gap.after && key <= gap.through;
            });
        }
        return result;
    }
    [[nodiscard]] std::set<std::string> read_all() const {
        std::set<std::string> result;
        rocksdb::SstFileReader reader(options_);
        EXPECT_TRUE(reader.Open(path_).ok());
        EXPECT_TRUE(reader.VerifyChecksum().ok());
        const std::unique_ptr<rocksdb::Iterator> records(reader.NewIterator({}));
        for (records->SeekToFirst(); records->Valid(); records->Next()) {
            result.insert(records->key().ToString());
        }
        EXPECT_TRUE(records->status().ok()) << records->status().ToString();
        return result;
    }

    test::TemporaryDirectory folder_;
    const std::string path_ = folder_.path() + "/table.sst";
    rocksdb::Options options_;
    std::set<std::string> keys_;
};

INSTANTIATE_TEST_SUITE_P(Blocks, TableFile,
                         testing::Values(rocksdb::kNoCompression, rocksdb::kLZ4Compression),
                         [](const auto& test) {
                             return test.param == rocksdb::kNoCompression ? "Plain" : "Lz4";
                         });

TEST_P(TableFile, AWholeOneIsLeftAsItIs) {
    Random random(1);
    write_table(random);
    const TableExamination found = examined();
    EXPECT_THAT(found.beyond_help, IsEmpty());
    EXPECT_THAT(found.patches, IsEmpty());
    EXPECT_THAT(found.gaps, IsEmpty());
    EXPECT_EQ(read_all(), keys_);
}

/// Anywhere in the file: afterwards RocksDB finds it whole, with exactly what is in no gap.
TEST_P(TableFile, DamagedOnesAreWholeAfterPatching) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    int mended = 0;
    for (int round = 0; round < 150; ++round) {
        write_table(random);
        const auto size = static_cast<std::uint32_t>(std::filesystem::file_size(path_));
        for (std::uint32_t n = 1 + random.below(3); n > 0; --n) damage(random.below(size));
        const TableExamination found = examined();
        if (!found.beyond_help.empty()) continue;
        ++mended;
        ASSERT_TRUE(patch_in_place(*rocksdb::Env::Default(), path_, found.patches).ok());
        const auto expected = outside(found.gaps);
        ASSERT_EQ(read_all(), expected) << "round " << round;
        ASSERT_EQ(found.lost_records, keys_.size() - expected.size()) << "round " << round;
        const TableExamination again = examined();
        ASSERT_THAT(again.patches, IsEmpty());
        ASSERT_EQ(again.gaps.size(), found.gaps.size());
        ASSERT_EQ(again.lost_records, found.lost_records);
    }
    EXPECT_GT(mended, 75);
}

/// The footer has no checksum.
TEST_P(TableFile, EveryByteOfTheFooterMayBeDamaged) {
    Random random(1);
    write_table(random);
    const auto size = std::filesystem::file_size(path_);
    const std::string whole = folder_.path() + "/whole.sst";
    std::filesystem::copy_file(path_, whole);
    for (std::uint64_t at = 1; at <= 53; ++at) {
        SCOPED_TRACE(at);
        std::filesystem::copy_file(whole, path_, std::filesystem::copy_options::overwrite_existing);
        damage(size - at);
        const TableExamination found = examined();
        ASSERT_EQ(found.beyond_help, "");
        ASSERT_THAT(found.gaps, IsEmpty());
        ASSERT_TRUE(patch_in_place(*rocksdb::Env::Default(), path_, found.patches).ok());
        ASSERT_EQ(read_all(), keys_);
    }
}

TEST_P(TableFile, APatchedCopyLeavesTheDamagedFileAside) {
    Random random(1);
    write_table(random);
    damage(10);
    const std::string kept = folder_.path() + "/kept.sst";
    const TableExamination found = examined();
    ASSERT_TRUE(replace_patched(*rocksdb::Env::Default(), path_, found.patches, kept).ok());
    EXPECT_EQ(read_all(), outside(found.gaps));
    EXPECT_EQ(std::filesystem::file_size(kept), std::filesystem::file_size(path_));
    std::filesystem::rename(kept, path_);
    EXPECT_EQ(examined().patches.size(), found.patches.size()) << "it is as damaged as it was";
}

}  // namespace
}  // namespace vmq::store
