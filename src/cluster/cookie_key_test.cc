#include "cluster/cookie_key.h"

#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

namespace vmq::cluster {
namespace {

CookieKey derive(std::string_view cookie) { return CookieKey::derive(cookie).value(); }

Mac sign(const CookieKey& key, const std::vector<std::string_view>& parts) {
    return key.sign(parts);
}

TEST(CookieKey, TheSameCookieSignsAlikeAnotherOneDoesNot) {
    const CookieKey one = derive("vmq");
    const CookieKey same = derive("vmq");
    EXPECT_TRUE(equal(sign(one, {"a", "b"}), sign(same, {"a", "b"})));
    EXPECT_FALSE(equal(sign(one, {"a", "b"}), sign(derive("vmq "), {"a", "b"})));
    EXPECT_FALSE(equal(sign(one, {"a", "b"}), sign(derive(""), {"a", "b"})));
}

TEST(CookieKey, WhereThePartsEndIsPartOfWhatIsSigned) {
    const CookieKey one = derive("vmq");
    EXPECT_FALSE(equal(sign(one, {"a", "b"}), sign(one, {"ab"})));
    EXPECT_FALSE(equal(sign(one, {"a", "b"}), sign(one, {"ab", ""})));
    EXPECT_FALSE(equal(sign(one, {"a", "b"}), sign(one, {"b", "a"})));
}

TEST(CookieKey, SignsTheSameAfterItMoved) {
    CookieKey from = derive("vmq");
    const Mac before = sign(from, {"a"});
    const CookieKey to = std::move(from);
    EXPECT_TRUE(equal(sign(to, {"a"}), before));
}

// Nodes of different versions of the program meet: the key is part of the protocol.
TEST(CookieKey, IsTheSameInEveryVersion) {
    // Python: k = hashlib.scrypt(b"vmq", salt=b"vernemq cluster cookie, 1", n=16384, r=8, p=1,
    // dklen=32)
    //         hmac.new(k, b"\x01a", "sha256").digest()[:4]
    const Mac mac = sign(derive("vmq"), {"a"});
    EXPECT_EQ((std::vector<int>{mac[0], mac[1], mac[2], mac[3]}),
              (std::vector<int>{224, 169, 207, 192}));
}

}  // namespace
}  // namespace vmq::cluster
