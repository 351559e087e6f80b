#include "broker/session_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/log.h"
#include "broker/limits.h"

namespace vmq::broker {
namespace {

using log::Level;
using session::CloseCause;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Line {
    Level level;
    log::Module module;
    std::string text;
    std::map<std::string, std::string> fields;
};

class SessionLogTest : public ::testing::Test, protected log::Output {
protected:
    SessionLogTest() { log::set_output(this); }
    ~SessionLogTest() override {
        log::set_output(nullptr);
        log::set_level(Level::Info);
    }
    SessionLogTest(const SessionLogTest&) = delete;
    SessionLogTest& operator=(const SessionLogTest&) = delete;

    void write(const log::Line& line) noexcept override {
        Line& kept =
            lines_.emplace_back(Line{line.level, line.place.module, std::string(line.text), {}});
        for (const log::Field& field : line.fields) {
            kept.fields[std::string(field.name)] = field.kind == log::Field::Kind::Text
                                                       ? std::string(field.text)
                                                       : std::to_string(field.number);
        }
    }
    [[nodiscard]] std::vector<std::string> texts() const {
        std::vector<std::string> all;
        for (const Line& line : lines_) all.push_back(line.text);
        return all;
    }
    [[nodiscard]] SessionLog::Who who(std::string_view client_id = "c") const {
        return {"", client_id, "joe", peer_, listener_};
    }

    const transport::PeerAddress peer_{"192.0.2.1", 4711};
    const Listener listener_{"default", ListenerKind::Mqtt};
    SessionLogSettings settings_;
    SessionLog log_{settings_};
    TimePoint now_{Seconds(1000)};
    std::vector<Line> lines_;
};

TEST_F(SessionLogTest, TellsWhoComesWithFields) {
    session::ConnectPlan plan;
    plan.version = mqtt::ProtocolVersion::V5;
    plan.keep_alive_s = 60;
    log_.connected(who(), plan, false, now_);
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_EQ(lines_[0].level, Level::Info);
    EXPECT_EQ(lines_[0].module, log::Module::Session);
    EXPECT_EQ(
        lines_[0].text,
        "client \"c\" connected from 192.0.2.1:4711 as joe, MQTT 5 on tcp.default, new session, "
        "clean start, keep alive 60 s");
    EXPECT_EQ(lines_[0].fields["event"], "connected");
    EXPECT_EQ(lines_[0].fields["client_id"], "c");
    EXPECT_EQ(lines_[0].fields["user"], "joe");
    EXPECT_EQ(lines_[0].fields["peer"], "192.0.2.1:4711");
    EXPECT_EQ(lines_[0].fields["listener"], "tcp.default");
    EXPECT_EQ(lines_[0].fields["keep_alive"], "60");
}

TEST_F(SessionLogTest, TellsWhoGoesAndWhy) {
    log_.closed(who(), {CloseCause::ClientDisconnect, "client disconnected", true, Millis(7)},
                now_);
    log_.closed(who(), {CloseCause::TakenOver, "taken over", true, {}}, now_);
    log_.closed(who(), {CloseCause::ProtocolError, "bad packet", true, {}}, now_);
    log_.closed(who(), {CloseCause::KeepAliveTimeout, "", true, {}}, now_);
    EXPECT_THAT(texts(),
                ElementsAre("client \"c\" from 192.0.2.1:4711 closed: client disconnected",
                            "client \"c\" from 192.0.2.1:4711 taken over by a new connection",
                            "client \"c\" from 192.0.2.1:4711 closed by the broker: bad packet",
                            "client {[],<<\"c\">>} with username joe stopped due to keepalive "
                            "expired, peer 192.0.2.1:4711"));
    EXPECT_EQ(lines_[0].fields["connected_ms"], "7");
    EXPECT_EQ(lines_[1].fields["event"], "taken_over");
    EXPECT_EQ(lines_[2].level, Level::Warning);
    EXPECT_EQ(lines_[2].fields["reason"], "protocol_error");
    EXPECT_EQ(lines_[3].level, Level::Warning);
}

TEST_F(SessionLogTest, SaysLessIfItIsTold) {
    settings_.connections.store(false);
    settings_.keepalive_as_warning.store(false);
    log_.connected(who(), {}, false, now_);
    log_.closed(who(), {CloseCause::ClientDisconnect, "", true, {}}, now_);
    EXPECT_THAT(lines_, IsEmpty());
    log_.closed(who(), {CloseCause::KeepAliveTimeout, "", true, {}}, now_);
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_EQ(lines_[0].level, Level::Info);
    log::set_level(Level::Warning);
    log_.closed(who(), {CloseCause::KeepAliveTimeout, "", true, {}}, now_);
    EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(SessionLogTest, WhoSaidNothingIsOfNoInterest) {
    log_.closed(who(""), {CloseCause::PeerClosed, "closed by the client", false, {}}, now_);
    EXPECT_THAT(lines_, IsEmpty());
    log::set_level(Level::Debug);
    log_.closed(who(""), {CloseCause::PeerClosed, "closed by the client", false, {}}, now_);
    EXPECT_THAT(texts(),
                ElementsAre("client (no id) from 192.0.2.1:4711 closed: closed by the client"));
}

TEST_F(SessionLogTest, RefusalsAreInVerneMQsWords) {
    log_.login_refused({"m", "c", std::nullopt, peer_, listener_}, "invalid_credentials");
    log_.login_refused(who(), "no_matching_hook_found");
    log_.publish_refused(who(), "t/x", "not_authorized");
    log_.subscribe_refused(who(), "t/#", false, "not_authorized");
    log_.will_refused(who(), "not_authorized");
    log_.enhanced_auth_refused(who(), "bad_authentication_method");
    EXPECT_THAT(
        texts(),
        ElementsAre("can't authenticate client {\"m\",<<\"c\">>} from 192.0.2.1:4711 due to "
                    "invalid_credentials",
                    "can't authenticate client {[],<<\"c\">>} from 192.0.2.1:4711 due to "
                    "no_matching_hook_found",
                    "can't auth publish for client {[],<<\"c\">>} (user joe) on topic t/x due to "
                    "not_authorized",
                    "can't authorize SUBSCRIBE from v3 client {[],<<\"c\">>} on topic \"t/#\" "
                    "from 192.0.2.1:4711 due to not_authorized",
                    "can't authenticate last will from 192.0.2.1:4711 for client {[],<<\"c\">>} "
                    "due to not_authorized",
                    "can't continue enhanced auth with client {[],<<\"c\">>} from 192.0.2.1:4711 "
                    "due to bad_authentication_method"));
    EXPECT_EQ(lines_[0].level, Level::Warning);
    EXPECT_EQ(lines_[0].fields["mountpoint"], "m");
    EXPECT_EQ(lines_[1].level, Level::Error);
    EXPECT_EQ(lines_[2].level, Level::Error);
    EXPECT_EQ(lines_[4].level, Level::Warning);
}

TEST_F(SessionLogTest, NobodyForgesAnAddressOrAReason) {
    const std::string forged = R"(x">>} from 198.51.100.9:1 due to invalid_credentials\)";
    const std::string safe = R"(x\">>} from 198.51.100.9:1 due to invalid_credentials\\)";
    const SessionLog::Who who{forged, forged, forged, peer_, listener_};
    const std::string sid = "{\"" + safe + "\",<<\"" + safe + "\">>}";
    const std::string peer = "192.0.2.1:4711";
    log_.login_refused(who, "r");
    log_.publish_refused(who, forged, "r");
    log_.subscribe_refused(who, forged, true, "r");
    log_.will_refused(who, "r");
    log_.connected(who, {}, false, now_);
    log_.closed(who, {CloseCause::ProtocolError, "bad", true, {}}, now_);
    ASSERT_EQ(lines_.size(), 6U);
    EXPECT_EQ(lines_[0].text, "can't authenticate client " + sid + " from " + peer + " due to r");
    EXPECT_EQ(lines_[1].text, "can't auth publish for client " + sid + " (user " + safe +
                                  ") on topic " + safe + " due to r");
    EXPECT_EQ(lines_[2].text, "can't authorize SUBSCRIBE from v5 client " + sid + " on topic \"" +
                                  safe + "\" from " + peer + " due to r");
    EXPECT_EQ(lines_[3].text,
              "can't authenticate last will from " + peer + " for client " + sid + " due to r");
    EXPECT_TRUE(lines_[4].text.starts_with("client \"" + safe + "\" connected from " + peer));
    EXPECT_TRUE(lines_[5].text.starts_with("client \"" + safe + "\" of mountpoint "));
    EXPECT_TRUE(lines_[5].text.ends_with(" from " + peer + " closed by the broker: bad"));
}

TEST_F(SessionLogTest, WhoIsRefusedAgainAndAgainIsSummedUp) {
    for (std::uint32_t i = 0; i < RepeatedLines::kLinesPerKey + 3; ++i) {
        log_.login_refused(who(), "invalid_credentials");
    }
    EXPECT_EQ(lines_.size(), RepeatedLines::kLinesPerKey);
    EXPECT_TRUE(log_.active());
    log_.report(now_);
    EXPECT_EQ(lines_.back().text, "3 more clients at 192.0.2.1 were refused");
    EXPECT_FALSE(log_.active());
    for (std::uint32_t i = 0; i < RepeatedLines::kLinesPerKey + 1; ++i) {
        log_.publish_refused(who(), "t", "not_authorized");
    }
    log_.report(now_ + kReportInterval - Seconds(1));
    EXPECT_TRUE(log_.active());
    log_.report(now_ + kReportInterval);
    EXPECT_EQ(lines_.back().text,
              "1 more messages or subscriptions of client \"c\" were not allowed");
}

TEST_F(SessionLogTest, AStormIsSummedUp) {
    const SessionLog::End bad{CloseCause::ProtocolError, "bad", true, {}};
    for (std::uint32_t i = 0; i < kCloseLogsPerSecond; ++i) log_.closed(who(), bad, now_);
    EXPECT_FALSE(log_.active());
    log_.closed(who(), bad, now_);
    EXPECT_EQ(lines_.size(), kCloseLogsPerSecond);
    EXPECT_TRUE(log_.active());
    log_.report(now_);
    EXPECT_EQ(lines_.back().text, "1 more connections were closed by the broker");
    log_.closed(who(), bad, now_ + Seconds(1));
    EXPECT_EQ(lines_.back().text, "client \"c\" from 192.0.2.1:4711 closed by the broker: bad");
    lines_.clear();
    for (std::uint32_t i = 0; i <= kConnectionLogsPerSecond; ++i) {
        log_.connected(who(), {}, false, now_);
    }
    EXPECT_EQ(lines_.size(), kConnectionLogsPerSecond);
    log_.report(now_);
    EXPECT_EQ(lines_.back().text, "1 more connections began or ended");
}

}  // namespace
}  // namespace vmq::broker
