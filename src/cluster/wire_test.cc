#include "cluster/wire.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/random.h"

namespace vmq::cluster {
namespace {

using std::string_literals::operator""s;

TEST(Wire, WhatIsWrittenIsReadAgainInOrder) {
    std::string bytes;
    ByteWriter writer(bytes);
    writer.u8(7);
    writer.flag(true);
    writer.u32(0x01020304U);
    writer.u64(0x0102030405060708ULL);
    writer.varint(300);
    writer.string("a\0b"s);
    writer.bytes("tail");

    ByteReader reader(bytes);
    std::uint8_t small = 0;
    bool flag = false;
    std::uint32_t four = 0;
    std::uint64_t eight = 0;
    std::uint64_t number = 0;
    std::string_view text;
    std::string_view tail;
    EXPECT_TRUE(reader.u8(small) && reader.flag(flag) && reader.u32(four) && reader.u64(eight) &&
                reader.varint(number) && reader.string(text) && reader.bytes(4, tail));
    EXPECT_EQ(small, 7);
    EXPECT_TRUE(flag);
    EXPECT_EQ(four, 0x01020304U);
    EXPECT_EQ(eight, 0x0102030405060708ULL);
    EXPECT_EQ(number, 300U);
    EXPECT_EQ(text, "a\0b"s);
    EXPECT_EQ(tail, "tail");
    EXPECT_TRUE(reader.done());
}

TEST(Wire, FixedNumbersHaveTheirLowestByteFirst) {
    std::string bytes;
    ByteWriter(bytes).u32(0x01020304U);
    ByteWriter(bytes).u64(1);
    EXPECT_EQ(bytes, "\x04\x03\x02\x01\x01\0\0\0\0\0\0\0"s);
}

TEST(Wire, VarintsOfEveryLengthComeBack) {
    Random random(1);
    for (unsigned bits = 0; bits <= 64; ++bits) {
        for (int round = 0; round < 50; ++round) {
            const std::uint64_t value = bits == 0 ? 0 : random.next() >> (64 - bits);
            std::string bytes;
            ByteWriter(bytes).varint(value);
            ByteReader reader(bytes);
            std::uint64_t back = 0;
            ASSERT_TRUE(reader.varint(back)) << value;
            ASSERT_EQ(back, value);
            ASSERT_TRUE(reader.done());
            ASSERT_LE(bytes.size(), kLongestVarint);
        }
    }
}

TEST(Wire, AVarintOfMoreThan64BitsIsRefused) {
    std::uint64_t value = 0;
    std::string most(9, '\xFF');
    EXPECT_TRUE(ByteReader(most + '\x01').varint(value));
    EXPECT_EQ(value, std::numeric_limits<std::uint64_t>::max());
    EXPECT_FALSE(ByteReader(most + '\x02').varint(value));
    EXPECT_FALSE(ByteReader(std::string(10, '\xFF') + '\x01').varint(value));
}

TEST(Wire, AVarintThatIsLongerThanNeededIsRefused) {
    std::uint64_t value = 0;
    EXPECT_TRUE(ByteReader("\0"s).varint(value));
    EXPECT_FALSE(ByteReader("\x80\0"s).varint(value));
    EXPECT_FALSE(ByteReader("\xFF\x80\0"s).varint(value));
}

TEST(Wire, ANarrowVarintRefusesWhatDoesNotFit) {
    std::string bytes;
    ByteWriter(bytes).varint(0x1'0000);
    std::uint16_t narrow = 0;
    std::uint32_t wide = 0;
    EXPECT_FALSE(ByteReader(bytes).varint(narrow));
    EXPECT_TRUE(ByteReader(bytes).varint(wide));
    bytes.clear();
    ByteWriter(bytes).varint(0x1'0000'0000ULL);
    EXPECT_FALSE(ByteReader(bytes).varint(wide));
}

TEST(Wire, AFlagIsZeroOrOne) {
    bool flag = false;
    EXPECT_TRUE(ByteReader("\1").flag(flag));
    EXPECT_TRUE(flag);
    EXPECT_FALSE(ByteReader("\2").flag(flag));
}

TEST(Wire, ACountIsBoundedByWhatTheRestCanHold) {
    std::size_t count = 0;
    EXPECT_TRUE(ByteReader("\2abcd").count(count, 2));
    EXPECT_EQ(count, 2U);
    EXPECT_FALSE(ByteReader("\3abcd").count(count, 2));
    EXPECT_FALSE(ByteReader("\xFF\xFF\xFF\xFF\x7F").count(count, 1));
}

TEST(Wire, AStringIsBoundedByItsLimitAndByTheRest) {
    std::string_view text;
    EXPECT_TRUE(ByteReader("\3abc").string(text, 3));
    EXPECT_FALSE(ByteReader("\3abc").string(text, 2));
    EXPECT_FALSE(ByteReader("\4abc").string(text));
    EXPECT_FALSE(ByteReader(std::string(9, '\xFF') + '\x01').string(text));
}

TEST(Wire, NothingIsReadPastTheEnd) {
    const std::string bytes(8, '\x80');
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const std::string_view cut(bytes.data(), size);
        std::uint64_t number = 0;
        std::uint32_t four = 0;
        std::string_view text;
        EXPECT_FALSE(ByteReader(cut).u64(number));
        EXPECT_FALSE(ByteReader(cut).varint(number));
        EXPECT_FALSE(ByteReader(cut).string(text));
        EXPECT_EQ(ByteReader(cut).u32(four), size >= 4);
        EXPECT_FALSE(ByteReader(cut).bytes(size + 1, text));
    }
}

}  // namespace
}  // namespace vmq::cluster
