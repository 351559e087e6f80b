#include "admin/api_key_hash.h"

#include <gtest/gtest.h>

#include <set>

namespace vmq::admin {
namespace {

TEST(ApiKeyHash, KeysAreOfTheirLengthAndCharactersAndNeverTheSame) {
    std::set<std::string> keys;
    for (int i = 0; i < 100; ++i) {
        const std::string key = random_key(32);
        EXPECT_EQ(key.size(), 32U);
        for (const char c : key) EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c))) << key;
        keys.insert(key);
    }
    EXPECT_EQ(keys.size(), 100U);
}

// RFC 7914, 11, and FIPS 180 "abc".
TEST(ApiKeyHash, DigestsAreThoseOfTheStandards) {
    EXPECT_EQ(to_hex(digest_of("c", "ab", 1)),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_hex(digest_of("Password", "NaCl", 80'000)),
              "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
}

TEST(ApiKeyHash, HexGoesBothWays) {
    EXPECT_EQ(from_hex(to_hex(std::string_view("\0\xff\x10", 3))), std::string("\0\xff\x10", 3));
    EXPECT_FALSE(from_hex("abc"));
    EXPECT_FALSE(from_hex("zz"));
    EXPECT_EQ(from_hex(""), "");
}

TEST(ApiKeyHash, DigestsAreComparedAsAWhole) {
    EXPECT_TRUE(same_digest("ab", "ab"));
    EXPECT_FALSE(same_digest("ab", "ac"));
    EXPECT_FALSE(same_digest("ab", "abc"));
    EXPECT_TRUE(same_digest("", ""));
}

TEST(ApiKeyHash, AKeyedDigestIsThatOfRfc4231) {
    EXPECT_EQ(to_hex(keyed_digest_of("what do ya want for nothing?", "Jefe")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace vmq::admin
