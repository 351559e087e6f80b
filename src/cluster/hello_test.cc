#include "cluster/hello.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/frame_codec.h"
#include "cluster/test_values.h"
#include "cluster/wire.h"

namespace vmq::cluster {
namespace {

using test::body_of;

constexpr VersionRange kOwn{2, 4};

Hello full_hello() {
    Hello hello;
    hello.versions = {1, 3};
    hello.kind = LinkKind::Data;
    hello.shard = 300;
    hello.node = "a@host";
    hello.incarnation.bytes.fill(7);
    hello.boot = Boot{0x0102'0304'0506'0708};
    hello.nonce.fill(9);
    hello.port = 44'053;
    hello.port_has_tls = true;
    hello.expected_node = "b@host";
    hello.longest_frame = 64 << 20;
    return hello;
}

std::string hello_body(const Hello& hello) {
    std::string bytes;
    append_hello(hello, bytes);
    return std::string(body_of(bytes));
}

TEST(Hello, IsReadAsItWasWritten) {
    const Hello hello = full_hello();
    Hello read;
    ASSERT_EQ(decode_hello(hello_body(hello), kOwn, read), HelloStatus::Complete);
    EXPECT_EQ(read.versions, hello.versions);
    EXPECT_EQ(read.kind, LinkKind::Data);
    EXPECT_EQ(read.shard, 300);
    EXPECT_EQ(read.node, "a@host");
    EXPECT_EQ(read.incarnation, hello.incarnation);
    EXPECT_EQ(read.boot, hello.boot);
    EXPECT_EQ(read.nonce, hello.nonce);
    EXPECT_EQ(read.port, 44'053);
    EXPECT_TRUE(read.port_has_tls);
    EXPECT_EQ(read.expected_node, "b@host");
    EXPECT_EQ(read.longest_frame, 64U << 20);
}

TEST(Hello, OfAnotherKindOfProgramIsKnownFromAMalformedOne) {
    Hello read;
    EXPECT_EQ(decode_hello("GET / HTTP/1.1", kOwn, read), HelloStatus::OtherProtocol);
    EXPECT_EQ(decode_hello("vmqmesh", kOwn, read), HelloStatus::OtherProtocol);
    EXPECT_EQ(decode_hello("vmqmesh\n", kOwn, read), HelloStatus::Malformed);
    EXPECT_EQ(decode_hello("vmqmesh\n\3\2", kOwn, read), HelloStatus::Malformed) << "3 to 2";
}

TEST(Hello, OfOtherVersionsIsReadUpToThem) {
    Hello read;
    EXPECT_EQ(decode_hello("vmqmesh\n\1\1", kOwn, read), HelloStatus::OtherVersions);
    EXPECT_EQ(decode_hello("vmqmesh\n\5\7?", kOwn, read), HelloStatus::OtherVersions);
    EXPECT_EQ(read.versions, (VersionRange{5, 7}));
    EXPECT_EQ(decode_hello("vmqmesh\n\4\7", kOwn, read), HelloStatus::Malformed);
}

TEST(Hello, WithANameThatIsNoneIsRefused) {
    for (const std::string_view name : {"a@host", "b@host"}) {
        std::string body = hello_body(full_hello());
        Hello read;
        ASSERT_EQ(decode_hello(body, kOwn, read), HelloStatus::Complete);
        body[body.find(name) + 1] = '\n';
        EXPECT_EQ(decode_hello(body, kOwn, read), HelloStatus::Malformed);
    }
    Hello hello = full_hello();
    hello.expected_node.clear();
    Hello read;
    EXPECT_EQ(decode_hello(hello_body(hello), kOwn, read), HelloStatus::Complete);
}

TEST(Hello, OfAnUnknownKindOfLinkIsRefused) {
    std::string body = hello_body(full_hello());
    body[10] = 4;
    Hello read;
    EXPECT_EQ(decode_hello(body, kOwn, read), HelloStatus::Malformed);
}

TEST(Refused, HasALongestText) {
    std::string bytes;
    append_refused({RefusalCode::Busy, std::string(5000, 'x')}, bytes);
    Refusal refusal;
    ASSERT_TRUE(decode_refused(body_of(bytes), refusal));
    EXPECT_EQ(refusal.text, std::string(kLongestRefusalText, 'x'));
    std::string body;
    ByteWriter writer(body);
    writer.u8(9);
    writer.string(std::string(kLongestRefusalText + 1, 'x'));
    EXPECT_FALSE(decode_refused(body, refusal));
}

TEST(Refused, HasANameForEveryCode) {
    EXPECT_EQ(refusal_name(RefusalCode::BadCookie), "bad_cookie");
    for (std::uint8_t code = 1; code <= 11; ++code) {
        EXPECT_NE(refusal_name(RefusalCode{code}), "refused") << int{code};
    }
    EXPECT_EQ(refusal_name(RefusalCode{12}), "refused");
}

TEST(Welcome, IsOneNumber) {
    std::string bytes;
    append_welcome(300, bytes);
    std::uint16_t version = 0;
    EXPECT_TRUE(decode_welcome(body_of(bytes), version));
    EXPECT_EQ(version, 300);
    EXPECT_FALSE(decode_welcome("", version));
    EXPECT_FALSE(decode_welcome("\1\1", version));
}

}  // namespace
}  // namespace vmq::cluster
