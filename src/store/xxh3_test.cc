#include "store/xxh3.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::store {
namespace {

/// What the reference implementation says of bytes that count upwards.
TEST(Xxh3, IsThatOfTheReferenceForEveryClassOfSizes) {
    const std::pair<std::size_t, std::uint64_t> known[] = {
        {9, 0xe9612598145bb9dcULL},    {16, 0x8355e3a6f61770dbULL},   {17, 0x9ef341a99de37328ULL},
        {128, 0x85c6174c7ff4c46bULL},  {129, 0xec7642b431ba3e5aULL},  {240, 0x375a384d957fe865ULL},
        {241, 0x02e8cd95421c6d02ULL},  {1024, 0xa870f92984398d22ULL}, {1025, 0x78c86e91ee939852ULL},
        {5000, 0x1b74bda2c82a8c7aULL},
    };
    std::string bytes;
    for (int i = 0; i < 5000; ++i) bytes.push_back(static_cast<char>(i));
    for (const auto& [size, hash] : known) {
        EXPECT_EQ(xxh3({bytes.data(), size}), hash) << size;
    }
}

}  // namespace
}  // namespace vmq::store
