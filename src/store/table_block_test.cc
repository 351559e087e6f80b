#include "store/table_block.h"

#include <gtest/gtest.h>

namespace vmq::store::table {
namespace {

TEST(TableBlock, InPlaceOfDamageIsOneDeletionOfAnySize) {
    for (const std::size_t key_size : {std::size_t{1}, std::size_t{36}, std::size_t{300}}) {
        const std::string key(key_size, 'k');
        bool fitted = false;
        for (std::uint64_t size = 9; size < 40'000; size += size < 1000 ? 1 : 37) {
            const std::string block = block_deleting(key, kSingleDeletion, size);
            ASSERT_EQ(!block.empty(), size >= key_size + 19 + (key_size > 119 ? 1U : 0U)) << size;
            if (block.empty()) continue;
            ASSERT_EQ(block.size(), size + kTrailer);
            Entries entries(std::string_view(block).substr(0, size));
            ASSERT_TRUE(entries.next());
            EXPECT_EQ(without_sequence(entries.key()), key);
            EXPECT_TRUE(is_deletion(entries.key()));
            // The tightest one has no room to show what it is for.
            EXPECT_EQ(is_in_place_of_damage(entries.key(), entries.value()), fitted);
            EXPECT_FALSE(entries.next());
            fitted = true;
        }
    }
}

TEST(TableBlock, EntriesEndWhereTheBytesMakeNoSense) {
    for (const std::string_view bytes :
         {std::string_view{}, std::string_view("abc"), std::string_view("\xff\xff\xff\xff", 4),
          std::string_view("\x05\x01\x01zz\0\0\0\0\x01\0\0\0", 13)}) {
        EXPECT_FALSE(Entries(bytes).next());
    }
}

}  // namespace
}  // namespace vmq::store::table
