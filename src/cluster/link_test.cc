#include "cluster/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/link_fixture.h"
#include "support/tls/listener_files.h"
#include "transport/tls_client_context.h"

namespace vmq::cluster {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;
using Cause = LinkEnd::Cause;
using metrics::Counter;
using testing::kStart;
using testing::SteppedNode;

constexpr FrameType kData{60};

void send(Link& link, FrameType type, std::string_view body) {
    append_frame(type, body, link.output().bytes());
}

/// Two nodes in one thread, whose time is that of the test.
class LinkTest : public ::testing::Test {
protected:
    /// Connects them: `a` dials, `b` accepts.
    void connect() {
        const auto [at_a, at_b] = testing::socket_pair();
        dial(at_a);
        accept(at_b);
    }
    void dial(int fd) {
        a_.link = std::make_unique<Link>(
            a_.links, a_.told, a_.local, testing::cookie(),
            Link::Dialled{fd, {"b", 44'053}, client_tls_, "node", purpose_}, judge_a_);
        a_.link->start();
    }
    void accept(int fd) {
        b_.link =
            std::make_unique<Link>(b_.links, b_.told, b_.local, testing::cookie(other_cookie_),
                                   Link::Accepted{fd, {"a", 5'000}, server_tls_}, judge_b_);
        b_.link->start();
    }
    /// Connects `a` to a bare descriptor, which it gives.
    int dial_bare() {
        const auto [at_a, bare] = testing::socket_pair();
        dial(at_a);
        bare_ = std::make_unique<Descriptor>(bare);
        return bare;
    }

    void run(int turns = 40) {
        for (int i = 0; i < turns; ++i) {
            a_.step(now_);
            b_.step(now_);
        }
    }
    /// Time passes in small steps, as it does.
    void pass(Millis time) {
        for (; time > Millis(0); time -= Millis(50)) {
            now_ += Millis(50);
            run(2);
        }
    }
    void agree() {
        connect();
        run();
        ASSERT_EQ(a_.told.agreed, 1) << (a_.told.ends.empty() ? "" : a_.told.ends[0].text);
        ASSERT_EQ(b_.told.agreed, 1);
    }
    void use_tls(bool name_matches = true) {
        files_ = std::make_unique<vmq::testing::ListenerFiles>(vmq::testing::CertificateSpec{
            .common_name = "node", .alternative_names = name_matches ? "DNS:node" : "DNS:another"});
        server_tls_ = files_->load();
        transport::TlsClientOptions options;
        options.cafile = files_->cafile;
        client_tls_ = transport::TlsClientContext::load(options).value();
    }

    TimePoint now_ = kStart;
    SteppedNode a_{"a@host", 1, kStart};
    SteppedNode b_{"b@host", 2, kStart};
    bool other_cookie_ = false;
    Handshake::Purpose purpose_{LinkKind::Data, 3, "b@host"};
    Handshake::Judge judge_a_;
    Handshake::Judge judge_b_;
    std::unique_ptr<vmq::testing::ListenerFiles> files_;
    std::shared_ptr<const transport::TlsContext> server_tls_;
    std::shared_ptr<const transport::TlsClientContext> client_tls_;
    std::unique_ptr<Descriptor> bare_;
};

/// What a bare descriptor has to read now.
std::string read_bare(int fd) {
    std::string all;
    std::array<char, 65'536> buffer;
    for (ssize_t got = 0; (got = ::read(fd, buffer.data(), buffer.size())) > 0;) {
        all.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return all;
}

void write_bare(int fd, std::string_view bytes) {
    ASSERT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

bool at_end(int fd) {
    char byte = 0;
    return ::read(fd, &byte, 1) == 0;
}

// --- With and without TLS ---

class LinkWays : public LinkTest, public ::testing::WithParamInterface<bool> {
protected:
    LinkWays() {
        if (GetParam()) use_tls();
    }
};
INSTANTIATE_TEST_SUITE_P(Tls, LinkWays, ::testing::Bool(),
                         [](const auto& way) { return way.param ? "Tls" : "Plain"; });

TEST_P(LinkWays, BothAgreeAndSendFrames) {
    agree();
    EXPECT_EQ(a_.link->has_tls(), GetParam());
    EXPECT_EQ(a_.link->peer().node, "b@host");
    EXPECT_EQ(b_.link->peer().node, "a@host");
    EXPECT_TRUE(a_.link->initiated());
    EXPECT_FALSE(b_.link->initiated());
    for (const Link* link : {a_.link.get(), b_.link.get()}) {
        EXPECT_EQ(link->kind(), LinkKind::Data);
        EXPECT_EQ(link->shard(), 3);
        EXPECT_EQ(link->version(), 1);
    }
    send(*a_.link, kData, "hello");
    send(*a_.link, kData, std::string(300'000, 'x'));
    send(*b_.link, kData, "welcome");
    run();
    ASSERT_EQ(b_.told.frames.size(), 2U);
    EXPECT_EQ(b_.told.frames[0].second, "hello");
    EXPECT_EQ(b_.told.frames[1].second, std::string(300'000, 'x'));
    ASSERT_EQ(a_.told.frames.size(), 1U);
    EXPECT_EQ(a_.told.frames[0].second, "welcome");
    EXPECT_EQ(a_.link->unsent(), 0U);
    EXPECT_GT(a_.metrics.get(Counter::ClusterBytesSent), 300'000U);
    EXPECT_EQ(a_.metrics.get(Counter::ClusterBytesSent),
              b_.metrics.get(Counter::ClusterBytesReceived));
    EXPECT_EQ(b_.metrics.get(Counter::ClusterBytesSent),
              a_.metrics.get(Counter::ClusterBytesReceived));
}

TEST_P(LinkWays, AReferencedPayloadArrives) {
    agree();
    const auto message = mqtt::Message::make({.topic = "t", .payload = std::string(500'000, 'p')});
    ASSERT_TRUE(append_publish(1, message, now_, a_.link->peer().longest_frame, a_.link->output()));
    send(*a_.link, kData, "behind");
    run();
    ASSERT_EQ(b_.told.frames.size(), 2U);
    ForwardedPublish read;
    ASSERT_TRUE(decode_publish(b_.told.frames[0].second, now_, read));
    EXPECT_EQ(read.parts.payload, message->payload());
    EXPECT_EQ(b_.told.frames[1].second, "behind");
}

TEST_P(LinkWays, AWrongCookieIsToldToBoth) {
    other_cookie_ = true;
    connect();
    run();
    ASSERT_EQ(a_.told.ends.size(), 1U);
    ASSERT_EQ(b_.told.ends.size(), 1U);
    EXPECT_EQ(b_.told.ends[0].cause, Cause::RefusedHere);
    EXPECT_EQ(a_.told.ends[0].cause, Cause::RefusedByPeer);
    EXPECT_EQ(a_.told.ends[0].refusal, RefusalCode::BadCookie);
    EXPECT_EQ(a_.told.ends[0].text, b_.told.ends[0].text);
    EXPECT_THAT(a_.told.ends[0].text, HasSubstr("distributed_cookie"));
    EXPECT_FALSE(a_.told.ends[0].proven);
    EXPECT_EQ(a_.told.agreed + b_.told.agreed, 0);
    EXPECT_EQ(b_.links.partings(), 0U) << "the peer has closed as well";
}

TEST_P(LinkWays, TheJudgesRefusalIsProven) {
    judge_b_ = [](const Hello&) { return Refusal{RefusalCode::Left, "b@host has left"}; };
    connect();
    run();
    ASSERT_EQ(a_.told.ends.size(), 1U);
    EXPECT_EQ(a_.told.ends[0].refusal, RefusalCode::Left);
    EXPECT_EQ(a_.told.ends[0].text, "b@host has left");
    EXPECT_TRUE(a_.told.ends[0].proven);
}

TEST_P(LinkWays, TheInitiatorsRefusalReachesAnAgreedAcceptor) {
    judge_a_ = [](const Hello&) { return Refusal{RefusalCode::NotMember, "no member"}; };
    connect();
    run();
    ASSERT_EQ(b_.told.ends.size(), 1U);
    EXPECT_EQ(b_.told.ends[0].cause, Cause::RefusedByPeer);
    EXPECT_EQ(b_.told.ends[0].refusal, RefusalCode::NotMember);
}

TEST_P(LinkWays, CloseTellsThePeerWhyAndNobodyHere) {
    agree();
    a_.link->close({RefusalCode::ShuttingDown, "a@host stops"});
    run();
    EXPECT_TRUE(a_.told.ends.empty());
    ASSERT_EQ(b_.told.ends.size(), 1U);
    EXPECT_EQ(b_.told.ends[0].refusal, RefusalCode::ShuttingDown);
    EXPECT_EQ(b_.told.ends[0].text, "a@host stops");
    EXPECT_TRUE(b_.told.ends[0].proven);
    EXPECT_EQ(a_.links.partings(), 0U);
}

TEST_P(LinkWays, WhatALittleWaitsIsSentBeforeTheEnd) {
    agree();
    send(*a_.link, kData, std::string(5'000, 'x'));
    append_frame(FrameType{61}, "urgent", a_.link->priority());
    a_.link->close({RefusalCode::ShuttingDown, "a@host stops"});
    run();
    ASSERT_EQ(b_.told.frames.size(), 2U);
    EXPECT_EQ(b_.told.frames[0].second, "urgent");
    ASSERT_EQ(b_.told.ends.size(), 1U);
    EXPECT_EQ(b_.told.ends[0].text, "a@host stops");
}

TEST_P(LinkWays, WhatIsALotIsLostAtTheEndButNotThePeersSense) {
    agree();
    b_.link->pause_reading();
    for (int i = 0; i < 600; ++i) send(*a_.link, kData, std::string(5'000, 'x'));
    run(3);
    ASSERT_GT(a_.link->unsent(), Link::kLastWords);
    a_.link->close({RefusalCode::ShuttingDown, "a@host stops"});
    b_.link->resume_reading();
    run();
    EXPECT_LT(b_.told.frames.size(), 600U);
    ASSERT_EQ(b_.told.ends.size(), 1U);
    EXPECT_EQ(b_.told.ends[0].text, "a@host stops");
}

TEST_P(LinkWays, GoesOnInAnotherLoopWithoutLosingAByte) {
    agree();
    SteppedNode shard("a@host", 1, kStart);
    SteppedNode other_shard("b@host", 2, kStart);
    const auto run_all = [&] {
        for (int i = 0; i < 40; ++i) {
            run(1);
            shard.step(now_);
            other_shard.step(now_);
        }
    };
    const auto numbers = [](Link& link, int from, int to) {
        for (int i = from; i < to; ++i)
            send(link, kData, std::to_string(i) + std::string(900, '-'));
    };
    // b gives its end away at the hundredth frame, when more has been read already; a in the
    // middle of writing.
    b_.told.when_frame = [&](Link& link, const Frame&) {
        if (b_.told.frames.size() != 100) return;
        other_shard.link =
            std::make_unique<Link>(other_shard.links, other_shard.told, link.release());
    };
    numbers(*a_.link, 0, 1000);
    a_.step(now_);
    ASSERT_GT(a_.link->unsent(), 0U);
    shard.link = std::make_unique<Link>(shard.links, shard.told, a_.link->release());
    shard.link->start();
    numbers(*shard.link, 1000, 1200);
    run_all();
    ASSERT_NE(other_shard.link, nullptr);
    other_shard.link->start();
    run_all();

    auto got = b_.told.frames;
    ASSERT_EQ(got.size(), 100U);
    got.insert(got.end(), other_shard.told.frames.begin(), other_shard.told.frames.end());
    ASSERT_EQ(got.size(), 1200U);
    for (int i = 0; i < 1200; ++i) {
        ASSERT_EQ(got[static_cast<std::size_t>(i)].second,
                  std::to_string(i) + std::string(900, '-'));
    }
    EXPECT_EQ(other_shard.link->peer().node, "a@host");
    EXPECT_EQ(other_shard.link->shard(), 3);
    EXPECT_EQ(other_shard.link->has_tls(), GetParam());
    send(*other_shard.link, kData, "back");
    run_all();
    ASSERT_EQ(shard.told.frames.size(), 1U);
    EXPECT_EQ(shard.told.frames[0].second, "back");
}

TEST_P(LinkWays, MayMoveAsSoonAsItIsAgreed) {
    SteppedNode shard("b@host", 2, kStart);
    b_.told.when_agreed = [&](Link& link) {
        shard.link = std::make_unique<Link>(shard.links, shard.told, link.release());
        b_.links.bury(std::move(b_.link));
    };
    connect();
    a_.told.when_agreed = [](Link& link) { send(link, kData, "first"); };
    run();
    ASSERT_NE(shard.link, nullptr);
    EXPECT_EQ(b_.link, nullptr);
    shard.link->start();
    for (int i = 0; i < 20; ++i) {
        run(1);
        shard.step(now_);
    }
    ASSERT_EQ(shard.told.frames.size(), 1U);
    EXPECT_EQ(shard.told.frames[0].second, "first");
    EXPECT_TRUE(a_.told.ends.empty());
}

// Such as a heartbeat in the turn that has agreed.
TEST_P(LinkWays, WhatIsUrgentDoesNotGoBeforeTheWelcome) {
    for (SteppedNode* node : {&a_, &b_}) {
        node->told.when_agreed = [](Link& link) {
            append_frame(FrameType{61}, "urgent", link.priority());
        };
    }
    agree();
    run();
    EXPECT_EQ(a_.told.frames, b_.told.frames);
    ASSERT_EQ(a_.told.frames.size(), 1U);
    EXPECT_EQ(a_.told.frames[0].second, "urgent");
}

TEST_P(LinkWays, AnIdleLinkStaysAndMeasuresTheRoundTrip) {
    agree();
    EXPECT_FALSE(a_.link->round_trip().has_value() && *a_.link->round_trip() > Millis(0));
    pass(Seconds(60));
    EXPECT_TRUE(a_.told.ends.empty() && b_.told.ends.empty());
    ASSERT_TRUE(a_.link->round_trip().has_value());
    EXPECT_LE(*a_.link->round_trip(), Millis(50));
}

class LinkHeartbeats : public LinkTest {
protected:
    /// How many each of them has sent in a minute.
    void expect_in_a_minute(std::uint64_t count) {
        agree();
        pass(Seconds(5));
        const std::uint64_t of_a = sent(a_);
        const std::uint64_t of_b = sent(b_);
        pass(Seconds(60));
        EXPECT_EQ(sent(a_) - of_a, count);
        EXPECT_EQ(sent(b_) - of_b, count);
    }
    /// Heartbeats and answers, all of which are as long as one.
    static std::uint64_t sent(const SteppedNode& node) {
        std::string one;
        append_heartbeat(FrameType::Heartbeat, 1'000'000, one);
        return node.metrics.get(metrics::Counter::ClusterBytesSent) / one.size();
    }
};

// The one that dialled asks, the other answers: two frames per interval keep a link.
TEST_F(LinkHeartbeats, OneSideSendsThemAsLongAsTheOtherHearsThem) {
    purpose_ = {LinkKind::Control, 0, "b@host"};
    expect_in_a_minute(120);
    const std::uint64_t before = sent(b_);
    for (int i = 0; i < 18; ++i) {  // a sleeps
        now_ += Millis(50);
        b_.step(now_);
    }
    EXPECT_EQ(sent(b_) - before, 1U);
}

// There are many of them, and a control link to the same peer.
TEST_F(LinkHeartbeats, AreHalfAsManyOnDataLinks) {
    purpose_ = {LinkKind::Data, 3, "b@host"};
    expect_in_a_minute(60);
}

TEST_P(LinkWays, ASilentPeerIsNoticedAfterThreeSeconds) {
    agree();
    const TimePoint begin = now_;
    while (a_.told.ends.empty() && now_ < begin + Seconds(10)) {
        now_ += Millis(50);
        a_.step(now_);  // b sleeps
    }
    ASSERT_EQ(a_.told.ends.size(), 1U);
    EXPECT_EQ(a_.told.ends[0].cause, Cause::Silent);
    EXPECT_THAT(a_.told.ends[0].text, HasSubstr("nothing was heard of it for 3000 ms"));
    EXPECT_GE(now_ - begin, Millis(3'000));
    EXPECT_LE(now_ - begin, Millis(3'100));
}

TEST_P(LinkWays, ANodeThatSleptItselfDoesNotTakeItsPeerForSilent) {
    agree();
    for (int i = 0; i < 20; ++i) {  // a sleeps, b speaks
        now_ += Millis(100);
        b_.step(now_);
    }
    now_ += Millis(2'000);
    a_.step(now_);
    EXPECT_TRUE(a_.told.ends.empty());
}

// --- Handshake ---

TEST_F(LinkTest, AHandshakeHasFiveSeconds) {
    const int bare = dial_bare();
    pass(Millis(4'900));
    EXPECT_TRUE(a_.told.ends.empty());
    pass(Millis(200));
    ASSERT_EQ(a_.told.ends.size(), 1U);
    EXPECT_EQ(a_.told.ends[0].cause, Cause::HandshakeTimeout);
    EXPECT_THAT(a_.told.ends[0].text, HasSubstr("its greeting did not come within 5000 ms"));
    (void)read_bare(bare);
    EXPECT_TRUE(at_end(bare));
}

TEST_F(LinkTest, ATlsHandshakeThatDoesNotComeIsNamed) {
    use_tls();
    (void)dial_bare();
    pass(Millis(5'100));
    ASSERT_EQ(a_.told.ends.size(), 1U);
    EXPECT_THAT(a_.told.ends[0].text, HasSubstr("the TLS handshake did not come within"));
}

TEST_F(LinkTest, ACertificateForAnotherNameIsRefused) {
    use_tls(false);
    connect();
    run();
    ASSERT_EQ(a_.told.ends.size(), 1U);
    EXPECT_EQ(a_.told.ends[0].cause, Cause::Tls);
    EXPECT_THAT(a_.told.ends[0].text, HasSubstr("does not name node"));
    ASSERT_EQ(b_.told.ends.size(), 1U);
    EXPECT_EQ(b_.told.ends[0].cause, Cause::Tls);
}

TEST_F(LinkTest, TlsOnOneSideOnlyIsNamedAsSuch) {
    use_tls();
    auto of_server = std::exchange(server_tls_, nullptr);
    connect();
    run();
    ASSERT_EQ(b_.told.ends.size(), 1U);
    EXPECT_THAT(b_.told.ends[0].text, HasSubstr("it speaks TLS, which is not expected here"));
    ASSERT_EQ(a_.told.ends.size(), 1U);
    EXPECT_THAT(a_.told.ends[0].text, HasSubstr("not TLS"));

    server_tls_ = std::move(of_server);
    client_tls_ = nullptr;
    a_.told.ends.clear();
    b_.told.ends.clear();
    connect();
    run();
    ASSERT_EQ(b_.told.ends.size(), 1U);
    EXPECT_THAT(b_.told.ends[0].text, HasSubstr("not TLS"));
    ASSERT_EQ(a_.told.ends.size(), 1U);
}

TEST_F(LinkTest, StrangersAreRefusedBeforeMuchIsBuffered) {
    for (const std::string& stranger :
         {"GET / HTTP/1.1\r\nHost: x\r\n\r\n"s, "\x10\x0E\0\x04MQTT\x05\x02\0\0\0\0\x01x"s,
          std::string(8, '\0'), "\xFF\xFF\xFF\xFF"s}) {
        b_.told.ends.clear();
        const auto [bare, at_b] = testing::socket_pair();
        const Descriptor owner(bare);
        accept(at_b);
        write_bare(bare, stranger);
        run();
        ASSERT_EQ(b_.told.ends.size(), 1U);
        EXPECT_EQ(b_.told.ends[0].cause, Cause::RefusedHere);
        EXPECT_EQ(b_.told.ends[0].refusal, RefusalCode::Protocol);
        EXPECT_THAT(b_.told.ends[0].text, HasSubstr("no vernemq node"));
    }
}

TEST_F(LinkTest, APeerThatClosesDuringTheHandshakeIsNamed) {
    (void)dial_bare();
    bare_.reset();
    run();
    ASSERT_EQ(a_.told.ends.size(), 1U);
    EXPECT_EQ(a_.told.ends[0].cause, Cause::PeerClosed);
    EXPECT_THAT(a_.told.ends[0].text, HasSubstr("before both knew each other"));
}

// --- Limits and errors ---

TEST_F(LinkTest, AFrameLongerThanAllowedEndsTheLinkAndThePeerHearsWhy) {
    b_.local.longest_frame = 5'000;
    agree();
    EXPECT_EQ(a_.link->peer().longest_frame, 5'000U);
    send(*a_.link, kData, std::string(4'999, 'x'));
    run();
    EXPECT_EQ(b_.told.frames.size(), 1U);
    send(*a_.link, kData, std::string(5'000, 'x'));
    run();
    ASSERT_EQ(b_.told.ends.size(), 1U);
    EXPECT_EQ(b_.told.ends[0].cause, Cause::RefusedHere);
    EXPECT_EQ(b_.told.ends[0].text,
              "a@host sent a frame of 5001 bytes, the longest taken here is 5000");
    ASSERT_EQ(a_.told.ends.size(), 1U);
    EXPECT_EQ(a_.told.ends[0].cause, Cause::RefusedByPeer);
    EXPECT_EQ(a_.told.ends[0].text, b_.told.ends[0].text);
    EXPECT_EQ(b_.told.frames.size(), 1U);
}

TEST_F(LinkTest, UnknownFramesAreSkippedIfTheyMayBe) {
    b_.told.when_frame = [](Link& link, const Frame& frame) { link.on_unknown(frame); };
    agree();
    send(*a_.link, FrameType{0xFE}, "of the future");
    run();
    EXPECT_TRUE(b_.told.ends.empty());
    send(*a_.link, FrameType{0x7E}, "of the future");
    send(*a_.link, kData, "never handled");
    run();
    ASSERT_EQ(b_.told.ends.size(), 1U);
    EXPECT_EQ(b_.told.ends[0].text, "a@host sent a frame of the unknown type 126");
    EXPECT_EQ(b_.told.frames.size(), 2U);
}

TEST_F(LinkTest, AnUnreadableHeartbeatEndsTheLink) {
    agree();
    send(*a_.link, FrameType::Heartbeat, "");
    run();
    ASSERT_EQ(b_.told.ends.size(), 1U);
    EXPECT_EQ(b_.told.ends[0].text, "a@host sent an unreadable heartbeat");
}

TEST_F(LinkTest, WhoAsksAndDoesNotReadGetsNoMoreAnswersThanFit) {
    agree();
    a_.link->pause_reading();
    std::string& heartbeats = a_.link->output().bytes();
    for (int i = 0; i < 400'000; ++i) append_heartbeat(FrameType::Heartbeat, 1, heartbeats);
    for (int i = 0; i < 1000 && a_.link->unsent() > 0; ++i) run(1);
    ASSERT_EQ(a_.link->unsent(), 0U);
    run();
    EXPECT_LE(b_.link->unsent(), 200U * 1024);
    EXPECT_TRUE(b_.told.ends.empty());
}

// --- Output ---

TEST_F(LinkTest, WhatIsUrgentGoesBeforeWhatWaitsAtTheEndOfAFrame) {
    agree();
    b_.link->pause_reading();
    for (int i = 0; i < 2000; ++i) send(*a_.link, kData, std::string(5'000, 'x'));
    run(3);
    const std::size_t waiting = a_.link->unsent();
    ASSERT_GT(waiting, 5'000'000U);
    append_frame(FrameType{61}, "urgent", a_.link->priority());
    b_.link->resume_reading();
    for (int i = 0; i < 2000 && a_.link->unsent() > 0; ++i) run(1);
    run();
    ASSERT_EQ(b_.told.frames.size(), 2001U);
    const auto urgent =
        std::find_if(b_.told.frames.begin(), b_.told.frames.end(),
                     [](const auto& frame) { return frame.first == FrameType{61}; });
    ASSERT_NE(urgent, b_.told.frames.end());
    EXPECT_EQ(urgent->second, "urgent");
    // Before it came what the system held and what was on its way.
    const auto before = static_cast<std::size_t>(urgent - b_.told.frames.begin());
    EXPECT_LT(before, (2000 * 5'005 - waiting + 80'000) / 5'000 + 1);
}

TEST_F(LinkTest, TellsWhenThereIsRoomAgain) {
    agree();
    b_.link->pause_reading();
    for (int i = 0; i < 400; ++i) send(*a_.link, kData, std::string(5'000, 'x'));
    run(3);
    a_.link->tell_when_below(100'000);
    run();
    EXPECT_EQ(a_.told.rooms, 0);
    std::size_t unsent = 0;
    a_.told.when_room = [&](Link& link) { unsent = link.unsent(); };
    b_.link->resume_reading();
    for (int i = 0; i < 1000 && a_.link->unsent() > 0; ++i) run(1);
    EXPECT_EQ(a_.told.rooms, 1);
    EXPECT_LE(unsent, 100'000U);
    a_.link->tell_when_below(0);
    run();
    EXPECT_EQ(a_.told.rooms, 2) << "there was room already";
}

TEST_F(LinkTest, KeepsNoMemoryOfABurst) {
    agree();
    const std::size_t before = a_.link->unsent();
    for (int i = 0; i < 400; ++i) send(*a_.link, kData, std::string(5'000, 'x'));
    for (int i = 0; i < 1000 && a_.link->unsent() > before; ++i) run(1);
    ASSERT_EQ(a_.link->unsent(), 0U);
    EXPECT_LE(a_.link->output().capacity(), 256U * 1024);
}

TEST_F(LinkTest, WhatATurnProducedLeavesTogetherAtItsEnd) {
    // The test plays the acceptor.
    const LocalNode peer = testing::local_node("b@host", 2);
    Handshake acceptor(peer, testing::cookie(), {});
    const int there = dial_bare();
    a_.step(now_);
    std::string out;
    const auto exchange = [&] {
        FrameReader reader(kLongestHandshakeFrame);
        const std::string bytes = read_bare(there);
        reader.add(bytes);
        Frame frame;
        while (reader.next(frame) == FrameReader::Status::Complete) {
            if (acceptor.status() == Handshake::Status::Running) (void)acceptor.receive(frame, out);
        }
        write_bare(there, std::exchange(out, {}));
        a_.step(now_);
        a_.step(now_);
    };
    exchange();
    exchange();
    ASSERT_EQ(a_.told.agreed, 1);
    (void)read_bare(there);
    for (int i = 0; i < 50; ++i) send(*a_.link, kData, "frame");
    append_frame(FrameType{61}, "urgent", a_.link->priority());
    EXPECT_EQ(read_bare(there), "") << "not before the end of the turn";
    a_.step(now_);
    const std::string got = read_bare(there);
    EXPECT_EQ(got.size(), 51 * kFrameOverhead + 50 * 5 + 6);
    EXPECT_EQ(got.substr(kFrameOverhead, 6), "urgent");
}

// --- Reading ---

TEST_F(LinkTest, APauseKeepsFramesBackAndThePeerIsNotTakenForSilent) {
    b_.told.when_frame = [](Link& link, const Frame&) { link.pause_reading(); };
    agree();
    for (int i = 0; i < 5; ++i) send(*a_.link, kData, std::to_string(i));
    run();
    EXPECT_EQ(b_.told.frames.size(), 1U);
    pass(Seconds(10));
    EXPECT_EQ(b_.told.frames.size(), 1U);
    EXPECT_TRUE(a_.told.ends.empty());
    EXPECT_TRUE(b_.told.ends.empty());
    b_.told.when_frame = [](Link& link, const Frame&) {  // and on at once
        link.pause_reading();
        link.resume_reading();
    };
    b_.link->resume_reading();
    run();
    ASSERT_EQ(b_.told.frames.size(), 5U);
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(b_.told.frames[static_cast<std::size_t>(i)].second, std::to_string(i));
    }
}

TEST_F(LinkTest, ThatIsPausedNoticesABrokenConnection) {
    agree();
    b_.link->pause_reading();
    a_.link.reset();
    run();
    EXPECT_EQ(b_.told.ends.size(), 1U);
}

TEST_F(LinkTest, TellsWhenABatchHasBeenHandled) {
    agree();
    const int before = b_.told.batches;
    for (int i = 0; i < 50; ++i) send(*a_.link, kData, "frame");
    run();
    EXPECT_EQ(b_.told.frames.size(), 50U);
    EXPECT_EQ(b_.told.batches, before + 1);
}

TEST_F(LinkTest, NothingIsHandledBehindTheFrameThatEndedTheLink) {
    b_.told.when_frame = [this](Link& link, const Frame&) {
        link.fail("sent what it must not");
        b_.links.bury(std::move(b_.link));
    };
    agree();
    for (int i = 0; i < 5; ++i) send(*a_.link, kData, "frame");
    run();
    EXPECT_EQ(b_.told.frames.size(), 1U);
    ASSERT_EQ(b_.told.ends.size(), 1U);
    EXPECT_EQ(b_.told.ends[0].text, "a@host sent what it must not");
    ASSERT_EQ(a_.told.ends.size(), 1U);
}

}  // namespace
}  // namespace vmq::cluster
