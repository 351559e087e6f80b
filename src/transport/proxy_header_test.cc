#include "transport/proxy_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "transport/proxy_builder.h"

namespace vmq::transport {
namespace {

using ::testing::HasSubstr;
using Command = ProxyHeader::Command;
using Family = ProxyHeader::Family;
using transport::testing::proxy_v2;
using transport::testing::proxy_v2_tcp4;
using transport::testing::proxy_v2_tcp4_crc;
using transport::testing::tls_tlv;
using transport::testing::tlv;

/// Decodes `bytes` as they would come one at a time: every answer before the last is NeedMore.
ProxyHeaderResult decode(std::string_view bytes) {
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
        auto result = decode_proxy_header(bytes.substr(0, size));
        if (result.status == ProxyHeaderStatus::NeedMore) continue;
        const auto all = decode_proxy_header(bytes);
        EXPECT_EQ(all.status, result.status);
        EXPECT_EQ(all.consumed, result.consumed);
        EXPECT_EQ(all.reason, result.reason);
        return result;
    }
    return {};
}

ProxyHeader complete(const std::string& bytes) {
    auto result = decode(bytes + "\x10");
    EXPECT_EQ(result.status, ProxyHeaderStatus::Complete) << result.reason;
    EXPECT_EQ(result.consumed, bytes.size());
    return result.header;
}

std::string refusal(const std::string& bytes) {
    const auto result = decode(bytes);
    EXPECT_EQ(result.status, ProxyHeaderStatus::Malformed);
    EXPECT_EQ(result.consumed, 0U);
    return result.reason;
}

TEST(ProxyHeaderV1, TellsBothEndsOfTcp4) {
    const auto header = complete("PROXY TCP4 192.0.2.1 198.51.100.2 56789 1883\r\n");
    EXPECT_EQ(header.version, 1);
    EXPECT_EQ(header.command, Command::Proxy);
    EXPECT_EQ(header.family, Family::Tcp4);
    EXPECT_EQ(header.source, (PeerAddress{"192.0.2.1", 56'789}));
    EXPECT_EQ(header.destination, (PeerAddress{"198.51.100.2", 1'883}));
    EXPECT_TRUE(header.has_addresses());
}

TEST(ProxyHeaderV1, WritesTcp6InItsShortForm) {
    const auto header = complete("PROXY TCP6 2001:DB8:0:0:0:0:0:1 ::1 0 65535\r\n");
    EXPECT_EQ(header.family, Family::Tcp6);
    EXPECT_EQ(header.source, (PeerAddress{"2001:db8::1", 0}));
    EXPECT_EQ(header.destination, (PeerAddress{"::1", 65'535}));
}

TEST(ProxyHeaderV1, UnknownHasNoAddressesWhateverFollows) {
    for (const char* line : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN any \t\r thing\r\n"}) {
        const auto header = complete(line);
        EXPECT_EQ(header.command, Command::Proxy);
        EXPECT_FALSE(header.has_addresses());
    }
}

TEST(ProxyHeaderV1, TakesALineOf107BytesAndNotOneMore) {
    const std::string longest = "PROXY UNKNOWN " + std::string(107 - 16, 'f') + "\r\n";
    ASSERT_EQ(longest.size(), kMaxProxyLine);
    (void)complete(longest);
    EXPECT_THAT(refusal("PROXY UNKNOWN " + std::string(107 - 15, 'f') + "\r\n"),
                HasSubstr("no line end within 107 bytes"));
}

TEST(ProxyHeaderV1, RefusesALineThatIsNoHeader) {
    const struct {
        const char* line;
        const char* reason;
    } cases[] = {
        {"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "protocol"},
        {"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "protocol"},
        {"PROXY \r\n", "protocol"},
        {"PROXY TCP4\r\n", "source is no address"},
        {"PROXY TCP4 ::1 ::1 1 2\r\n", "source is no address"},
        {"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "source is no address"},
        {"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", "source is no address"},
        {"PROXY TCP6 0000:0000:0000:0000:0000:0000:255.255.255.2559 ::1 1 2\r\n", "source is no"},
        {"PROXY TCP4 1.2.3.4 1.2.3 1 2\r\n", "destination is no address"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4  1 2\r\n", "source port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "source port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", "source port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "source port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "destination port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "destination port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2x\r\n", "destination port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "CR LF"},
        {"PROXY \n", "CR LF"},
    };
    for (const auto& [line, reason] : cases) EXPECT_THAT(refusal(line), HasSubstr(reason)) << line;
}

TEST(ProxyHeader, RefusesTheFirstByteThatCannotBeOneAndSaysWhatItLooksLike) {
    EXPECT_THAT(refusal("\x16\x03\x01"), HasSubstr("like TLS"));
    EXPECT_THAT(refusal("\x10\x0C"), HasSubstr("like MQTT"));
    EXPECT_THAT(refusal("GET / HTTP/1.1\r\n"), HasSubstr("like HTTP"));
    EXPECT_THAT(refusal("POST / HTTP/1.1\r\n"), HasSubstr("like HTTP"));
    EXPECT_THAT(refusal("\r\n\r\nX"), HasSubstr("other bytes"));
    EXPECT_EQ(decode_proxy_header("G").status, ProxyHeaderStatus::Malformed);
}

TEST(ProxyHeaderV2, TellsBothEndsOfTcp4) {
    const auto header = complete(proxy_v2_tcp4());
    EXPECT_EQ(header.version, 2);
    EXPECT_EQ(header.command, Command::Proxy);
    EXPECT_EQ(header.family, Family::Tcp4);
    EXPECT_EQ(header.source, (PeerAddress{"192.0.2.1", 56'789}));
    EXPECT_EQ(header.destination, (PeerAddress{"198.51.100.2", 1'883}));
    EXPECT_FALSE(header.tls.has_value());
}

TEST(ProxyHeaderV2, TellsBothEndsOfTcp6) {
    const std::string source = "\x20\x01\x0D\xB8" + std::string(11, '\0') + "\x01";
    const std::string destination = std::string(15, '\0') + "\x01";
    const auto header = complete(
        proxy_v2(0x21, 0x21,
                 source + destination + testing::big_endian(4'000, 2) + testing::big_endian(1, 2)));
    EXPECT_EQ(header.family, Family::Tcp6);
    EXPECT_EQ(header.source, (PeerAddress{"2001:db8::1", 4'000}));
    EXPECT_EQ(header.destination, (PeerAddress{"::1", 1}));
}

TEST(ProxyHeaderV2, TellsPathsOfUnixSockets) {
    std::string source = "/run/client.sock";
    source.resize(108);
    std::string destination(1, '\0');
    destination += "abstract";
    destination.resize(108);
    const auto header = complete(proxy_v2(0x21, 0x31, source + destination));
    EXPECT_EQ(header.family, Family::Unix);
    EXPECT_EQ(header.source, (PeerAddress{"/run/client.sock", 0}));
    EXPECT_EQ(header.destination, (PeerAddress{"@abstract", 0}));

    const auto full =
        complete(proxy_v2(0x21, 0x31, std::string(108, 'p') + std::string(108, '\0')));
    EXPECT_EQ(full.source.address, std::string(108, 'p'));
    EXPECT_EQ(full.destination.address, "");
}

TEST(ProxyHeaderV2, LocalAndUnspecifiedHaveNoAddressesWhateverFollows) {
    for (const auto& bytes :
         {proxy_v2(0x20, 0x00, ""), proxy_v2(0x20, 0x11, testing::kTcp4Addresses),
          proxy_v2(0x20, 0xFF, "anything"), proxy_v2(0x21, 0x00, ""),
          proxy_v2(0x21, 0x00, "anything")}) {
        const auto header = complete(bytes);
        EXPECT_EQ(header.command, bytes[12] == 0x20 ? Command::Local : Command::Proxy);
        EXPECT_FALSE(header.has_addresses());
        EXPECT_EQ(header.source, PeerAddress{});
    }
}

TEST(ProxyHeaderV2, RefusesOtherVersionsCommandsAndFamilies) {
    EXPECT_THAT(refusal(proxy_v2(0x11, 0x11, testing::kTcp4Addresses)), HasSubstr("version 1 "));
    EXPECT_THAT(refusal(proxy_v2(0x22, 0x11, testing::kTcp4Addresses)), HasSubstr("command 2 "));
    for (const int family : {0x12, 0x22, 0x32})
        EXPECT_THAT(
            refusal(proxy_v2(0x21, static_cast<std::uint8_t>(family), std::string(216, 'x'))),
            HasSubstr("datagrams"));
    for (const int family : {0x01, 0x10, 0x13, 0x41})
        EXPECT_THAT(
            refusal(proxy_v2(0x21, static_cast<std::uint8_t>(family), std::string(216, 'x'))),
            HasSubstr("not known"));
}

TEST(ProxyHeaderV2, TakesABlockOf4096BytesAndNotOneMore) {
    (void)complete(proxy_v2_tcp4(tlv(0x04, std::string(4096 - 12 - 3, '\0'))));
    const auto larger = proxy_v2_tcp4(tlv(0x04, std::string(4097 - 12 - 3, '\0')));
    EXPECT_THAT(refusal(larger), HasSubstr("4097 bytes of header"));
    EXPECT_EQ(decode_proxy_header(larger.substr(0, 16)).status, ProxyHeaderStatus::Malformed);
}

TEST(ProxyHeaderV2, NeedsItsAddressesWhole) {
    for (const auto& [family, size] : {std::pair{0x11, 11}, {0x21, 35}, {0x31, 215}}) {
        EXPECT_THAT(refusal(proxy_v2(0x21, static_cast<std::uint8_t>(family),
                                     std::string(static_cast<std::size_t>(size), 'x'))),
                    HasSubstr("too few for the addresses"));
    }
}

TEST(ProxyHeaderV2, ReadsTheTlvsThatMatterAndSkipsTheOthers) {
    const auto header = complete(proxy_v2_tcp4(
        tlv(0x01, "mqtt") + tlv(0x02, "broker.example") + tlv(0x04, "\0\0") + tlv(0x05, "id-1") +
        tls_tlv(0x07, 0,
                tlv(0x21, "TLSv1.3") + tlv(0x22, "device-7") + tlv(0x23, "TLS_AES_128_GCM_SHA256") +
                    tlv(0x24, "SHA256") + tlv(0x7F, "")) +
        tlv(0x30, "netns") + tlv(0xEA, "vpce") + tlv(0xEA, "vpce")));
    EXPECT_EQ(header.authority, "broker.example");
    EXPECT_EQ(header.unique_id, "id-1");
    ASSERT_TRUE(header.tls.has_value());
    EXPECT_TRUE(header.tls->over_tls);
    EXPECT_TRUE(header.tls->certificate_on_connection);
    EXPECT_TRUE(header.tls->certificate_in_session);
    EXPECT_EQ(header.tls->version, "TLSv1.3");
    EXPECT_EQ(header.tls->common_name, "device-7");
    EXPECT_EQ(header.tls->cipher, "TLS_AES_128_GCM_SHA256");
    EXPECT_TRUE(header.tls->has_verified_certificate());
}

TEST(ProxyHeaderV2, ACertificateCountsOnlyIfThereIsOneAndItIsValid) {
    const auto tls = [](std::uint8_t client, std::uint32_t verify) {
        return *complete(proxy_v2_tcp4(tls_tlv(client, verify, ""))).tls;
    };
    EXPECT_TRUE(tls(0x03, 0).has_verified_certificate());
    EXPECT_TRUE(tls(0x05, 0).has_verified_certificate());
    EXPECT_FALSE(tls(0x01, 0).has_verified_certificate());
    EXPECT_FALSE(tls(0x03, 1).has_verified_certificate());
    EXPECT_EQ(tls(0x03, 0x01020304).verify_result, 0x01020304U);
    EXPECT_FALSE(tls(0x00, 0).over_tls);
}

TEST(ProxyHeaderV2, RefusesBrokenTlvs) {
    const struct {
        std::string tlvs;
        const char* reason;
    } cases[] = {
        {"\x04", "longer than the header"},
        {std::string("\x04\x00", 2), "longer than the header"},
        {std::string("\x04\x00\x01", 3), "longer than the header"},
        {tlv(0x02, "a") + tlv(0x02, "a"), "TLV 0x02 is there twice"},
        {tlv(0x05, "a") + tlv(0x05, "b"), "TLV 0x05 is there twice"},
        {tls_tlv(0, 0, "") + tls_tlv(0, 0, ""), "TLV 0x20 is there twice"},
        {tls_tlv(1, 0, tlv(0x22, "a") + tlv(0x22, "b")), "TLV 0x22 is there twice"},
        {tls_tlv(1, 0, "\x22"), "longer than the header"},
        {tlv(0x20, "1234"), "shorter than 5 bytes"},
        {tlv(0x02, "\xFF"), "authority is not UTF-8"},
        {tls_tlv(1, 0, tlv(0x22, "\xC0\x80")), "common name is not UTF-8"},
        {tls_tlv(1, 0, tlv(0x22, std::string("a\0b", 3))), "common name is not UTF-8"},
        {tls_tlv(1, 0, tlv(0x21, "\xFF")), "TLS version is not UTF-8"},
        {tls_tlv(1, 0, tlv(0x23, "\xFF")), "cipher is not UTF-8"},
        {tlv(0x03, "123"), "CRC32C is not 4 bytes"},
    };
    for (const auto& [tlvs, reason] : cases)
        EXPECT_THAT(refusal(proxy_v2_tcp4(tlvs)), HasSubstr(reason));
}

TEST(ProxyHeaderV2, TakesAUniqueIdOf128BytesAndNotOneMore) {
    const std::string id(128, '\xFF');
    EXPECT_EQ(complete(proxy_v2_tcp4(tlv(0x05, id))).unique_id, id);
    EXPECT_THAT(refusal(proxy_v2_tcp4(tlv(0x05, id + "x"))), HasSubstr("longer than 128 bytes"));
}

TEST(ProxyHeaderV2, ChecksTheChecksumWhereverItStands) {
    // Computed bit by bit from the definition of CRC-32C, independently of the code.
    EXPECT_EQ(proxy_v2_tcp4_crc().substr(31), "\xA6\x31\x31\x1A");
    (void)complete(proxy_v2_tcp4_crc());
    (void)complete(proxy_v2_tcp4_crc(tlv(0x02, "broker.example")));
    auto damaged = proxy_v2_tcp4_crc(tlv(0x02, "broker.example"));
    damaged[20] ^= 1;
    EXPECT_THAT(refusal(damaged), HasSubstr("CRC32C does not match"));
}

}  // namespace
}  // namespace vmq::transport
