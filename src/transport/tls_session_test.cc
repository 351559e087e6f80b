#include "transport/tls_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "support/tls/tls_fixture.h"

namespace vmq::transport {
namespace {

using ::testing::HasSubstr;
using vmq::testing::make_certificate;
using vmq::testing::take_all;
using vmq::testing::TestCertificate;
using vmq::testing::TlsClientOptions;
using vmq::testing::TlsPair;
using Status = TlsSession::Status;
using Key = vmq::testing::CertificateSpec::Key;

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 31 % 23);
    return text;
}

OutputBuffer output_of(std::string_view text) {
    OutputBuffer buffer;
    buffer.bytes() = text;
    return buffer;
}

class TlsSessionTest : public vmq::testing::TlsTest {};

// Every version with every kind of key.
class TlsVersionsTest : public vmq::testing::TlsTest,
                        public ::testing::WithParamInterface<std::tuple<int, Key>> {
protected:
    TlsVersionsTest() {
        server = make_certificate({.common_name = "broker", .key = std::get<Key>(GetParam())},
                                  &authority);
        options.certificate = write_pair("server", server);
        client_options.version = std::get<int>(GetParam());
        client_options.trusted = &authority;
    }
    TlsClientOptions client_options;
};

TEST_P(TlsVersionsTest, HandshakeThenBytesBothWays) {
    TlsPair pair(context(), client_options);
    pair.run();
    ASSERT_TRUE(pair.open()) << pair.session.error() << pair.client.error();
    EXPECT_EQ(pair.session.protocol(),
              client_options.version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
    EXPECT_FALSE(pair.session.resumed());
    pair.client.send("hello");
    OutputBuffer answer = output_of("welcome");
    ASSERT_TRUE(pair.session.send(answer, pair.out));
    EXPECT_TRUE(answer.empty());
    pair.run();
    EXPECT_EQ(pair.plain, "hello");
    EXPECT_EQ(pair.client.plain(), "welcome");
}

TEST_P(TlsVersionsTest, OneByteAtATime) {
    TlsPair pair(context(), client_options);
    pair.run(1);
    ASSERT_TRUE(pair.open()) << pair.session.error() << pair.client.error();
    pair.client.send("hello");
    pair.run(1);
    EXPECT_EQ(pair.plain, "hello");
}

TEST_P(TlsVersionsTest, SpeaksWithTheClientInTheSameBytesAsItsLastHandshakeMessage) {
    TlsPair pair(context(), client_options);
    pair.give(pair.client.output());
    pair.client.receive(take_all(pair.out));
    std::string wire = pair.client.output();
    if (pair.client.open()) {
        pair.client.send("early");
        wire += pair.client.output();
    }
    pair.give(wire);
    pair.run();
    EXPECT_EQ(pair.plain, client_options.version == TLS1_3_VERSION ? "early" : "");
}

TEST_P(TlsVersionsTest, LargeAndManySmallPiecesArriveInOrder) {
    TlsPair pair(context(), client_options);
    pair.run();
    const std::string large = pattern(1'000'000);
    pair.client.send(large);
    for (int i = 0; i < 300; ++i) pair.client.send("small");
    pair.run(7001);
    EXPECT_EQ(pair.plain.size(), 1'000'000U + 300 * 5);
    EXPECT_EQ(pair.plain.substr(0, large.size()), large);

    OutputBuffer answer;
    std::string expected;
    for (int i = 0; i < 300; ++i) {
        answer.bytes() += "head";
        expected += "head";
        const auto payload = std::make_shared<std::string>(
            pattern(i % 10 == 0 ? 40'000 : static_cast<std::size_t>(i)));
        if (!payload->empty()) answer.append_reference(*payload, payload);
        expected += *payload;
    }
    ASSERT_TRUE(pair.session.send(answer, pair.out));
    pair.run();
    EXPECT_EQ(pair.client.plain(), expected);
}

TEST_P(TlsVersionsTest, CloseIsSaidBothWays) {
    TlsPair pair(context(), client_options);
    pair.run();
    pair.client.send("last");
    pair.client.close();
    pair.run();
    EXPECT_EQ(pair.plain, "last");
    EXPECT_EQ(pair.status, Status::PeerClosed);
    OutputBuffer answer = output_of("goodbye");
    EXPECT_TRUE(pair.session.send(answer, pair.out));
    pair.session.close(pair.out);
    EXPECT_FALSE(pair.out.empty());
    OutputBuffer late = output_of("late");
    EXPECT_FALSE(pair.session.send(late, pair.out));
    EXPECT_EQ(late.size(), 4U);
}

TEST_P(TlsVersionsTest, ClosingFirstIsSeenByTheClient) {
    TlsPair pair(context(), client_options);
    pair.run();
    pair.session.close(pair.out);
    pair.client.receive(take_all(pair.out));
    EXPECT_TRUE(pair.client.peer_closed());
}

INSTANTIATE_TEST_SUITE_P(All, TlsVersionsTest,
                         ::testing::Combine(::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                                            ::testing::Values(Key::Ec, Key::Rsa)));

TEST_F(TlsSessionTest, SmallPiecesShareARecord) {
    TlsPair pair(context());
    pair.run();
    OutputBuffer answer;
    for (int i = 0; i < 100; ++i) {
        answer.bytes() += "ab";
        const auto payload = std::make_shared<std::string>(pattern(50));
        answer.append_reference(*payload, payload);
    }
    ASSERT_TRUE(pair.session.send(answer, pair.out));
    EXPECT_LT(pair.out.size(), 5200U + 50U);
}

TEST_F(TlsSessionTest, NothingIsSentBeforeTheHandshake) {
    TlsPair pair(context());
    OutputBuffer early = output_of("early");
    EXPECT_FALSE(pair.session.send(early, pair.out));
    pair.session.close(pair.out);
    EXPECT_TRUE(pair.out.empty());
    EXPECT_EQ(early.size(), 5U);
}

TEST_F(TlsSessionTest, AClientMayUpdateItsKeys) {
    TlsPair pair(context(), {.version = TLS1_3_VERSION});
    pair.run();
    pair.client.update_key();
    pair.client.send("after");
    pair.run();
    EXPECT_EQ(pair.plain, "after");
    OutputBuffer answer = output_of("fine");
    ASSERT_TRUE(pair.session.send(answer, pair.out));
    pair.run();
    EXPECT_EQ(pair.client.plain(), "fine");
}

TEST_F(TlsSessionTest, TheKeyChangesAfterManyRecords) {
    TlsSession session(context(), 3);
    vmq::testing::TlsClient client({.version = TLS1_3_VERSION});
    std::string plain;
    OutputBuffer out;
    while (session.receive(client.output(), plain, out) == Status::Handshaking)
        client.receive(take_all(out));
    client.receive(take_all(out));
    std::string wire;
    for (int i = 0; i < 10; ++i) {
        OutputBuffer answer = output_of("0123456789");
        ASSERT_TRUE(session.send(answer, out));
        wire += take_all(out);
    }
    client.receive(wire);
    EXPECT_EQ(client.plain().size(), 100U);
    constexpr std::size_t kRecord = 5 + 10 + 1 + 16;  // header, text, type, tag
    constexpr std::size_t kKeyUpdate = 5 + 5 + 1 + 16;
    EXPECT_EQ(wire.size(), 10 * kRecord + 3 * kKeyUpdate);
}

TEST_F(TlsSessionTest, ShardsShareAContextAndSessionsMove) {
    const auto shared = context();
    const auto work = [&shared](std::vector<std::unique_ptr<TlsPair>>& pairs, int count) {
        for (int i = 0; i < count; ++i) {
            pairs.push_back(std::make_unique<TlsPair>(shared));
            pairs.back()->run();
        }
    };
    std::array<std::vector<std::unique_ptr<TlsPair>>, 2> of_shard;
    {
        std::thread other(work, std::ref(of_shard[1]), 20);
        work(of_shard[0], 20);
        other.join();
    }
    std::swap(of_shard[0], of_shard[1]);
    const auto speak = [](std::vector<std::unique_ptr<TlsPair>>& pairs) {
        for (const auto& pair : pairs) {
            pair->client.send("hello");
            pair->run();
        }
    };
    {
        std::thread other(speak, std::ref(of_shard[1]));
        speak(of_shard[0]);
        other.join();
    }
    for (const auto& pairs : of_shard)
        for (const auto& pair : pairs) EXPECT_EQ(pair->plain, "hello");
}

TEST_F(TlsSessionTest, ATruncatedStreamGivesWholeRecordsOnlyAndNoClose) {
    TlsPair pair(context());
    pair.run();
    pair.client.send("first");
    pair.client.send("second");
    const std::string wire = pair.client.output();
    pair.give(std::string_view(wire).substr(0, wire.size() - 1));
    EXPECT_EQ(pair.plain, "first");
    EXPECT_EQ(pair.status, Status::Open);
}

TEST_F(TlsSessionTest, AlteredBytesEndTheSession) {
    TlsPair pair(context());
    pair.run();
    pair.client.send("hello");
    std::string wire = pair.client.output();
    wire.back() = static_cast<char>(wire.back() ^ 1);
    pair.give(wire);
    EXPECT_EQ(pair.status, Status::Failed);
    EXPECT_EQ(pair.plain, "");
    EXPECT_FALSE(pair.out.empty());  // an alert
    EXPECT_THAT(pair.session.error(), HasSubstr("does not decrypt"));
    EXPECT_EQ(pair.session.receive("more", pair.plain, pair.out), Status::Failed);
}

std::string error_of_first_bytes(std::shared_ptr<const TlsContext> context, std::string_view wire,
                                 std::size_t most = std::string::npos) {
    TlsPair pair(std::move(context));
    pair.give(wire, most);
    EXPECT_EQ(pair.status, Status::Failed);
    EXPECT_TRUE(pair.out.empty());
    return pair.session.error();
}

TEST_F(TlsSessionTest, SaysWhatIsNotTls) {
    using namespace std::literals;
    const auto shown = context();
    EXPECT_THAT(error_of_first_bytes(shown, "\x10\x0c\0\4MQTT\4\2\0\0\0\0"sv),
                HasSubstr("looks like plain MQTT"));
    EXPECT_THAT(error_of_first_bytes(shown, "\x10"sv), HasSubstr("looks like plain MQTT"));
    EXPECT_THAT(error_of_first_bytes(shown, "GET / HTTP/1.1\r\n\r\n"),
                HasSubstr("looks like plain HTTP"));
    EXPECT_THAT(error_of_first_bytes(shown, "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n"),
                HasSubstr("proxy_protocol = on"));
    EXPECT_THAT(error_of_first_bytes(shown, "garbage"), HasSubstr("not TLS"));
    EXPECT_THAT(error_of_first_bytes(shown, "\x16\x05\1\0\5"sv), HasSubstr("not TLS"));
    EXPECT_THAT(error_of_first_bytes(shown, "\x17\x03\3\0\1x"sv), HasSubstr("not TLS"));
    EXPECT_THAT(error_of_first_bytes(shown, "\x16\x03\1\xff\xff"sv, 1),
                HasSubstr("not a TLS record"));
}

TEST_F(TlsSessionTest, RefusesAHelloThatAnnouncesTooMuch) {
    using namespace std::literals;
    const std::string_view hello = "\x16\x03\1\0\6\1\2\0\0\3\3"sv;
    EXPECT_THAT(error_of_first_bytes(context(), hello), HasSubstr("larger than"));
}

TEST_F(TlsSessionTest, HoldsNothingBeforeTheFirstRecordAndLittleOfIt) {
    TlsPair pair(context());
    const std::size_t before = pair.session.memory();
    const std::string hello = pair.client.output();
    pair.give(std::string_view(hello).substr(0, hello.size() - 1), 1);
    EXPECT_LT(pair.session.memory(), before + 2 * hello.size());
    pair.give(std::string_view(hello).substr(hello.size() - 1));
    EXPECT_GT(pair.session.memory(), before + 1000);
}

TEST_F(TlsSessionTest, SaysWhatTheClientDislikes) {
    const TestCertificate other =
        make_certificate({.common_name = "Other", .is_authority = true}, nullptr);
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsPair pair(context(), {.trusted = &other, .version = version});
        pair.run();
        EXPECT_EQ(pair.session.status(), Status::Failed);
        EXPECT_THAT(pair.session.error(), HasSubstr("does not trust the listener's certificate"));
    }
}

TEST_F(TlsSessionTest, VersionsThatAreNotAllowedAreRefused) {
    options.tls_version = {"tlsv1.2"};
    TlsPair newer(context(), {.version = TLS1_3_VERSION});
    newer.run();
    EXPECT_THAT(newer.session.error(), HasSubstr("no TLS version"));
    options.tls_version = {"tlsv1.3"};
    TlsPair older(context(), {.version = TLS1_2_VERSION});
    older.run();
    EXPECT_THAT(older.session.error(), HasSubstr("no TLS version"));
    EXPECT_FALSE(older.client.open());
}

TEST_F(TlsSessionTest, OldVersionsWorkWhenAllowedWithANotice) {
    options.tls_version = {"tlsv1.1", "tlsv1.2"};
    const auto allowed = context();
    EXPECT_THAT(allowed->notices(), ::testing::Contains(HasSubstr("security level")));
    TlsPair pair(allowed, {.version = TLS1_1_VERSION});
    pair.run();
    EXPECT_TRUE(pair.open()) << pair.session.error();
    TlsPair too_old(allowed, {.version = TLS1_VERSION});
    too_old.run();
    EXPECT_THAT(too_old.session.error(), HasSubstr("no TLS version"));
}

TEST_F(TlsSessionTest, CiphersAreTheListedOnesInOurOrder) {
    options.ciphers =
        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:"
        "TLS_CHACHA20_POLY1305_SHA256";
    const auto shown = context();
    TlsPair both(shown, {.version = TLS1_2_VERSION,
                         .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"});
    both.run();
    EXPECT_EQ(both.session.cipher(), "ECDHE-ECDSA-AES256-GCM-SHA384");
    TlsPair none(shown, {.version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305"});
    none.run();
    EXPECT_THAT(none.session.error(), HasSubstr("no shared cipher"));
    TlsPair newer(shown, {.version = TLS1_3_VERSION});
    newer.run();
    EXPECT_EQ(newer.session.cipher(), "TLS_CHACHA20_POLY1305_SHA256");
}

TEST_F(TlsSessionTest, CurvesAreTheListedOnes) {
    options.eccs = {"secp384r1", "secp521r1"};
    const auto shown = context();
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsPair good(shown, {.version = version, .groups = "P-256:P-384"});
        good.run();
        EXPECT_TRUE(good.open()) << good.session.error();
        TlsPair bad(shown, {.version = version, .groups = "P-256:X25519"});
        bad.run();
        EXPECT_EQ(bad.session.status(), Status::Failed);
        EXPECT_THAT(bad.session.error(), HasSubstr("no shared"));
    }
}

}  // namespace
}  // namespace vmq::transport
