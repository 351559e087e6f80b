#include "broker/session_walks.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "broker/limits.h"
#include "broker/shard.h"
#include "support/test_broker.h"

namespace vmq::broker {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using vmq::testing::KeptRecords;
using vmq::testing::TestBroker;
using vmq::testing::TestClient;

/// A question to one shard that takes its portions one by one.
class Asking final {
public:
    explicit Asking(TestBroker& broker, SessionQuestion question = {}, ShardId shard = 0)
        : broker_(broker), walks_(broker.shard(shard).session_walks()) {
        walks_.begin(number_, std::move(question),
                     [this](SessionPortion portion) { portions.push_back(std::move(portion)); });
    }
    ~Asking() { walks_.end(number_); }

    void ask() { walks_.ask(number_); }
    [[nodiscard]] bool finished() const { return !portions.empty() && portions.back().last; }
    /// Everything.
    std::vector<SessionPicture> all() {
        for (broker_.settle(); !finished(); broker_.settle()) ask();
        std::vector<SessionPicture> sessions;
        for (const SessionPortion& portion : portions) {
            sessions.insert(sessions.end(), portion.sessions.begin(), portion.sessions.end());
        }
        return sessions;
    }

    std::vector<SessionPortion> portions;

private:
    static inline std::uint64_t last_number_ = 0;

    TestBroker& broker_;
    SessionWalks& walks_;
    const WalkNumber number_{++last_number_};
};

std::vector<std::string> ids(const std::vector<SessionPicture>& sessions) {
    std::vector<std::string> names;
    for (const SessionPicture& session : sessions) names.push_back(session.client_id);
    return names;
}

SessionQuestion named(std::string client_id) {
    SessionQuestion question;
    question.client_id = std::move(client_id);
    return question;
}

SessionQuestion with_messages() {
    SessionQuestion question;
    question.messages = true;
    return question;
}

SessionQuestion with_subscriptions() {
    SessionQuestion question;
    question.subscriptions = true;
    return question;
}

std::vector<std::string> payloads(const std::vector<SessionPicture>& sessions) {
    std::vector<std::string> all;
    for (const SessionPicture& session : sessions) {
        for (const auto& queued : session.messages) all.emplace_back(queued.message->payload());
    }
    return all;
}

TEST(SessionWalks, ShowsWhatIsKnownOfAConnectedClient) {
    TestBroker broker;
    broker.advance(Millis(5000));
    broker.subscribe(
        "v5 client_id=a clean_start=0 session_expiry_interval=60 keep_alive=30 "
        "username=joe",
        "topic=t/# qos=1");
    const auto sessions = Asking(broker, with_subscriptions()).all();
    ASSERT_THAT(sessions, SizeIs(1));
    const SessionPicture& session = sessions.front();
    EXPECT_EQ(session.client_id, "a");
    EXPECT_EQ(session.mountpoint, "");
    EXPECT_EQ(session.expiry_interval_s, 60U);
    EXPECT_EQ(session.subscription_count, 1U);
    EXPECT_EQ(session.offline_queued, 0U);
    EXPECT_EQ(session.since, broker.shard().wall(broker.shard().now()));
    ASSERT_THAT(session.connections, SizeIs(1));
    const ConnectionPicture& connection = session.connections.front();
    EXPECT_EQ(connection.username, "joe");
    EXPECT_EQ(connection.version, mqtt::ProtocolVersion::V5);
    EXPECT_FALSE(connection.bridge);
    EXPECT_FALSE(connection.clean_start);
    EXPECT_EQ(connection.keep_alive_s, 30U);
    EXPECT_EQ(connection.waiting_acks, 0U);
    EXPECT_NE(connection.number, 0U);
    ASSERT_THAT(session.subscriptions, SizeIs(1));
    EXPECT_EQ(session.subscriptions.front().filter, "t/#");
    EXPECT_EQ(session.subscriptions.front().options.qos, mqtt::QoS::AtLeastOnce);
    EXPECT_THAT(session.messages, IsEmpty());
}

TEST(SessionWalks, ShowsWhatWaitsForAClientThatIsAway) {
    TestBroker broker;
    broker.subscribe("v5 client_id=a clean_start=0 session_expiry_interval=60", "topic=t qos=1")
        .drop();
    broker.settle();
    TestClient& publisher = broker.connect("v5 client_id=p");
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x");
    publisher.send("PUBLISH topic=t qos=1 id=2 payload=y");
    broker.settle();
    const auto sessions = Asking(broker, with_messages()).all();
    ASSERT_THAT(ids(sessions), ElementsAre("a", "p"));
    EXPECT_THAT(sessions[0].connections, IsEmpty());
    EXPECT_EQ(sessions[0].offline_queued, 2U);
    EXPECT_THAT(payloads(sessions), ElementsAre("x", "y"));
    EXPECT_FALSE(sessions[0].messages[0].sent_before);
    EXPECT_EQ(sessions[0].messages[0].qos, mqtt::QoS::AtLeastOnce);
}

TEST(SessionWalks, MessagesInFlightAreShownAsSent) {
    TestBroker broker;
    TestClient& subscriber = broker.subscribe("v5 client_id=a receive_maximum=1", "topic=t qos=1");
    TestClient& publisher = broker.connect("v5 client_id=p");
    publisher.send("PUBLISH topic=t qos=1 id=1 payload=x");
    publisher.send("PUBLISH topic=t qos=1 id=2 payload=y");
    EXPECT_EQ(subscriber.next(), "PUBLISH qos=1 topic=t id=1 payload=x");
    const auto sessions = Asking(broker, with_messages()).all();
    ASSERT_THAT(payloads(sessions), ElementsAre("x", "y"));
    EXPECT_TRUE(sessions[0].messages[0].sent_before);
    EXPECT_FALSE(sessions[0].messages[1].sent_before);
    EXPECT_EQ(sessions[0].connections[0].waiting_acks, 1U);
    EXPECT_EQ(sessions[0].connections[0].queued, 1U);
}

TEST(SessionWalks, MessagesOnDiskAreFetchedAndShownOnce) {
    KeptRecords records;
    TestBroker broker({.records = &records});
    broker.subscribe("v5 client_id=a clean_start=0 session_expiry_interval=60", "topic=t qos=1")
        .drop();
    broker.settle();
    TestClient& publisher = broker.connect("v5 client_id=p");
    std::vector<std::string> expected;
    for (std::size_t i = 0; i < 2 * kMessagesAtOnce - 100; ++i) {
        publisher.send(fmt::format("PUBLISH topic=t qos=1 id={} payload={}", i + 1, i));
        expected.push_back(std::to_string(i));
    }
    broker.settle();
    Asking asking(broker, with_messages());
    const auto sessions = asking.all();
    EXPECT_EQ(payloads(sessions), expected);
    EXPECT_GT(sessions.size(), 3U);
    for (const SessionPicture& session : sessions) {
        EXPECT_LE(session.messages.size(), kMessagesAtOnce);
        for (const auto& queued : session.messages) EXPECT_NE(queued.sequence, 0U);
    }
}

TEST(SessionWalks, AClientThatEndsWhileItsMessagesAreFetchedIsLeftOut) {
    KeptRecords records;
    TestBroker broker({.records = &records});
    broker.subscribe("v5 client_id=a clean_start=0 session_expiry_interval=60", "topic=t qos=1")
        .drop();
    broker.settle();
    broker.connect("v5 client_id=p").send("PUBLISH topic=t qos=1 id=1 payload=x");
    broker.settle();
    for (const bool one : {false, true}) {
        SessionQuestion question = with_messages();
        if (one) question.client_id = "a";
        broker.simulation().keeping_store().hold();
        Asking asking(broker, question);
        broker.settle();
        EXPECT_FALSE(asking.finished());
        if (one) broker.shard().disconnect_client("", "a", true);
        if (!one) broker.shard().session_walks().remove(*broker.shard().find_client("", "a"));
        broker.simulation().keeping_store().release();
        const auto sessions = asking.all();
        EXPECT_THAT(payloads(sessions), IsEmpty());
        if (!one) broker.shard().session_walks().add(*broker.shard().find_client("", "a"));
    }
}

TEST(SessionWalks, ManySubscriptionsComeInParts) {
    TestBroker broker;
    TestClient& client = broker.connect("v5 client_id=a");
    std::vector<std::string> expected;
    for (std::size_t i = 0; i < 2 * kSubscriptionsAtOnce + 1; ++i) {
        client.send(fmt::format("SUBSCRIBE id=1 topic=t/{} qos=0", i));
        expected.push_back(fmt::format("t/{}", i));
    }
    broker.settle();
    const auto sessions = Asking(broker, with_subscriptions()).all();
    EXPECT_THAT(ids(sessions), ElementsAre("a", "a", "a"));
    std::vector<std::string> filters;
    for (const auto& session : sessions) {
        EXPECT_EQ(session.subscription_count, expected.size());
        EXPECT_LE(session.subscriptions.size(), kSubscriptionsAtOnce);
        for (const auto& each : session.subscriptions) filters.push_back(each.filter);
    }
    EXPECT_THAT(filters, ::testing::UnorderedElementsAreArray(expected));
}

TEST(SessionWalks, AClientIdIsFoundInEveryMountpoint) {
    TestBroker broker;
    for (const char* mountpoint : {"", "m", "n"}) {
        broker.listener().policy.mountpoint = mountpoint;
        broker.connect("v5 client_id=a");
        broker.connect("v5 client_id=b");
    }
    const auto mountpoints = [&](SessionQuestion question) {
        std::vector<std::string> names;
        for (const auto& session : Asking(broker, std::move(question)).all()) {
            EXPECT_EQ(session.client_id, "a");
            names.push_back(session.mountpoint);
        }
        return names;
    };
    EXPECT_THAT(mountpoints(named("a")), UnorderedElementsAre("", "m", "n"));
    SessionQuestion question = named("a");
    question.mountpoint = "m";
    EXPECT_THAT(mountpoints(question), ElementsAre("m"));
    question.mountpoint = "x";
    EXPECT_THAT(mountpoints(question), IsEmpty());
    EXPECT_THAT(Asking(broker, named("c")).all(), IsEmpty());
    question.client_id.reset();
    question.mountpoint = "n";
    EXPECT_THAT(ids(Asking(broker, question).all()), ElementsAre("a", "b"));
}

TEST(SessionWalks, EverySessionOfAClientIdHasItsConnection) {
    session::Settings settings;
    settings.allow_multiple_sessions = true;
    TestBroker broker({.settings = settings});
    broker.connect("v5 client_id=a username=one");
    broker.connect("v5 client_id=a username=two clean_start=0", true);
    const auto sessions = Asking(broker).all();
    ASSERT_THAT(sessions, SizeIs(1));
    ASSERT_THAT(sessions[0].connections, SizeIs(2));
    EXPECT_EQ(sessions[0].connections[0].username, "one");
    EXPECT_EQ(sessions[0].connections[1].username, "two");
}

// Sessions that are there all the time are shown exactly once, whatever comes and goes.
TEST(SessionWalks, SessionsThatComeAndGoDisturbNobody) {
    TestBroker broker;
    std::map<std::string, int> stay;
    std::vector<std::string> leave;
    const std::size_t count = 2 * kSessionsAtOnce + 500;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string id = fmt::format("c{}", i);
        broker.connect("v5 clean_start=0 session_expiry_interval=60 client_id=" + id).drop();
        if (i % 3 == 0) {
            leave.push_back(id);
        } else {
            stay[id] = 0;
        }
    }
    broker.settle();
    Asking asking(broker);
    std::size_t round = 0;
    for (broker.settle(); !asking.finished(); broker.settle()) {
        for (std::size_t i = 0; i < 100 && !leave.empty(); ++i) {
            // The next in line of the walk is among them.
            const std::size_t place = ++round % 2 == 0 ? 0 : leave.size() / 2;
            broker.shard().disconnect_client("", leave[place], true);
            leave.erase(leave.begin() + static_cast<std::ptrdiff_t>(place));
        }
        broker.connect(fmt::format("v5 client_id=new{}", round)).drop();
        asking.ask();
    }
    for (const auto& portion : asking.portions) {
        EXPECT_LE(portion.sessions.size(), kSessionsAtOnce);
        for (const auto& session : portion.sessions) {
            const auto known = stay.find(session.client_id);
            if (known != stay.end()) ++known->second;
        }
    }
    for (const auto& [id, seen] : stay) ASSERT_EQ(seen, 1) << id;
    EXPECT_GE(asking.portions.size(), 2U);
}

TEST(SessionWalks, NothingIsDoneBeforeTheNextPortionIsAskedFor) {
    TestBroker broker;
    for (std::size_t i = 0; i < 3 * kSessionsAtOnce; ++i) {
        broker.connect(fmt::format("v5 client_id={} session_expiry_interval=60", i)).drop();
    }
    broker.settle();
    Asking asking(broker);
    broker.settle();
    EXPECT_EQ(asking.portions.size(), 1U);
    broker.settle();
    EXPECT_EQ(asking.portions.size(), 1U);
    asking.ask();
    asking.ask();
    broker.settle();
    EXPECT_EQ(asking.portions.size(), 2U);
}

TEST(SessionWalks, TooManyQuestionsAreRefused) {
    TestBroker broker;
    broker.connect("v5 client_id=a");
    std::vector<std::unique_ptr<Asking>> questions;
    for (std::size_t i = 0; i < kMaxWalks; ++i) {
        questions.push_back(std::make_unique<Asking>(broker));
    }
    Asking refused(broker);
    ASSERT_TRUE(refused.finished());
    EXPECT_TRUE(refused.portions.back().refused);
    questions.pop_back();
    EXPECT_THAT(Asking(broker).all(), SizeIs(1));
    for (const auto& question : questions) EXPECT_THAT(question->all(), SizeIs(1));
    EXPECT_EQ(broker.shard().session_walks().size(), 0U);
}

}  // namespace
}  // namespace vmq::broker
