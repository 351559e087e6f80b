#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"
#include "mqtt/topic.h"

namespace vmq::mqtt {
namespace {

using namespace std::string_view_literals;

/// The definition, one code point at a time: decode, then ask whether it may be written this way.
bool is_valid_by_definition(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto first = static_cast<std::uint8_t>(text[at]);
        const std::size_t size = first < 0x80   ? 1
                                 : first < 0xC0 ? 0
                                 : first < 0xE0 ? 2
                                 : first < 0xF0 ? 3
                                 : first < 0xF8 ? 4
                                                : 0;
        if (size == 0 || text.size() - at < size) return false;
        std::uint32_t point = size == 1 ? first : first & (0x7FU >> size);
        for (std::size_t i = 1; i < size; ++i) {
            const auto next = static_cast<std::uint8_t>(text[at + i]);
            if (next >> 6U != 2) return false;
            point = point << 6U | (next & 0x3FU);
        }
        constexpr std::uint32_t kLowest[] = {0, 1, 0x80, 0x800, 0x10000};
        if (point < kLowest[size] || point > 0x10FFFF) return false;
        if (point >= 0xD800 && point <= 0xDFFF) return false;
        at += size;
    }
    return true;
}

TEST(Utf8, AcceptsEveryLengthOfCharacterAtItsLimits) {
    for (const auto text : {""sv, "a"sv, "\x01"sv, "\x7F"sv, "\xC2\x80"sv, "\xDF\xBF"sv,
                            "\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv, "\xEF\xBF\xBF"sv,
                            "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv}) {
        EXPECT_TRUE(is_valid_utf8(text)) << ::testing::PrintToString(text);
    }
}

// [v5 MQTT-1.5.4-1] [v3.1.1 MQTT-1.5.3-1]
TEST(Utf8, RefusesIllFormedTextAndSurrogates) {
    for (const auto text :
         {"\x80"sv, "\xBF"sv, "\xC2"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xC2\x41"sv, "\xE0\x9F\xBF"sv,
          "\xE2\x82"sv, "\xE2\x41\x80"sv, "\xE2\x82\x41"sv, "\xED\xA0\x80"sv, "\xED\xBF\xBF"sv,
          "\xF0\x8F\xBF\xBF"sv, "\xF0\x90\x80"sv, "\xF0\x90\x80\x41"sv, "\xF4\x90\x80\x80"sv,
          "\xF5\x80\x80\x80"sv, "\xFE"sv, "\xFF"sv}) {
        EXPECT_FALSE(is_valid_utf8(text)) << ::testing::PrintToString(text);
    }
}

// [v5 MQTT-1.5.4-2] [v3.1.1 MQTT-1.5.3-2]
TEST(Utf8, RefusesTheNullCharacterWhereverItStands) {
    for (std::size_t size = 1; size < 40; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            std::string text(size, 'x');
            EXPECT_TRUE(is_valid_utf8(text));
            text[at] = '\0';
            EXPECT_FALSE(is_valid_utf8(text)) << size << " bytes, at " << at;
        }
    }
}

TEST(Utf8, KeepsTheByteOrderMark) {  // [v5 MQTT-1.5.4-3]: not skipped, so just a character
    EXPECT_TRUE(is_valid_utf8("\xEF\xBB\xBF"));
}

TEST(Utf8, AgreesWithTheDefinitionOnRandomText) {
    constexpr std::uint64_t kSeed = 20240501;
    constexpr std::string_view kPieces[] = {
        "a"sv,        "plain ascii"sv, "\xC3\xA9"sv, "\xE2\x82\xAC"sv, "\xF0\x9F\x98\x80"sv,
        "\xED\xA0"sv, "\xC2"sv,        "\x80"sv,     "\xF4\x8F\xBF"sv, "\xE0\x80"sv};
    Random random(kSeed);
    for (int round = 0; round < 200'000; ++round) {
        std::string text;
        const std::uint32_t pieces = random.below(8);
        const std::uint32_t kinds = random.below(2) == 0 ? 5 : 10;
        for (std::uint32_t i = 0; i < pieces; ++i) text += kPieces[random.below(kinds)];
        ASSERT_EQ(is_valid_utf8(text), is_valid_by_definition(text))
            << ::testing::PrintToString(text) << " seed " << kSeed;
    }
}

}  // namespace
}  // namespace vmq::mqtt
