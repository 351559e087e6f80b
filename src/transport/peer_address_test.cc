#include "transport/peer_address.h"

#include <gtest/gtest.h>

namespace vmq::transport {
namespace {

TEST(PeerAddress, HasOneFormPerAddress) {
    EXPECT_EQ(canonical_ipv4("192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(canonical_ipv6("2001:DB8:0::0001"), "2001:db8::1");
    EXPECT_EQ(canonical_ipv6("::ffff:192.0.2.1"), "::ffff:192.0.2.1");
    EXPECT_EQ(canonical_ipv6("0000:0000:0000:0000:0000:ffff:192.168.100.228"),
              "::ffff:192.168.100.228");
}

TEST(PeerAddress, KnowsWhatStaysOnThisMachine) {
    for (const char* address : {"127.0.0.1", "127.1.2.3", "::1"}) EXPECT_TRUE(is_loopback(address));
    for (const char* address : {"0.0.0.0", "::", "128.0.0.1", "1127.0.0.1", "::11", ""})
        EXPECT_FALSE(is_loopback(address)) << address;
}

TEST(PeerAddress, KnowsWhatIsNoAddress) {
    for (const char* text : {"", "1.2.3", "1.2.3.04", "1.2.3.4 ", "256.1.1.1", "::1", "localhost"})
        EXPECT_FALSE(canonical_ipv4(text)) << text;
    for (const char* text : {"", "1.2.3.4", "[::1]", "::1%eth0", ":::", "unknown"})
        EXPECT_FALSE(canonical_ipv6(text)) << text;
    EXPECT_FALSE(canonical_ipv6(std::string(100, ':')));
    EXPECT_FALSE(canonical_ipv4(std::string_view("1.2.3.4\0", 8)));
}

TEST(PeerAddress, TakesAHostWithAndWithoutItsPort) {
    EXPECT_EQ(canonical_host("192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(canonical_host("192.0.2.1:80"), "192.0.2.1");
    EXPECT_EQ(canonical_host("2001:db8::1"), "2001:db8::1");
    EXPECT_EQ(canonical_host("[2001:db8::1]"), "2001:db8::1");
    EXPECT_EQ(canonical_host("[2001:db8::1]:65535"), "2001:db8::1");
    for (const char* text :
         {"", ":", "192.0.2.1:", "192.0.2.1:x", "192.0.2.1:123456", "[::1", "[::1]80",
          "[::1]:", "[::1]:x", "[192.0.2.1]", "_hidden", "unknown", "a:1"})
        EXPECT_FALSE(canonical_host(text)) << text;
}

}  // namespace
}  // namespace vmq::transport
