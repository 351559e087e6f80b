#include "plugins/native/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/properties.h"
#include "plugins/native/native_string.h"

namespace vmq::plugins::native {
namespace {

using hooks::Decision;
using mqtt::QoS;
using mqtt::ReasonCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

/// What is wrong with the answer; empty if nothing is.
template <typename Answer>
std::string mistake(const Answer& answer) {
    const auto verdict = to_verdict(&answer);
    return verdict ? "" : verdict.error().detail;
}

TEST(Answers, NothingSetChangesNothing) {
    const auto answer = vmq_register_answer_of(VMQ_OK);
    const auto verdict = to_verdict(&answer);
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict.value().decision, Decision::Ok);
    const auto& changes = verdict.value().modifiers;
    EXPECT_FALSE(
        changes.client_id || changes.mountpoint || changes.username || changes.clean_start ||
        changes.session_expiry_interval_s || changes.max_message_size || changes.max_message_rate ||
        changes.max_inflight_messages || changes.retry_interval_ms || changes.upgrade_qos ||
        changes.allow_multiple_sessions || changes.max_online_messages ||
        changes.max_offline_messages || changes.queue_lifo || changes.max_connection_lifetime_s ||
        changes.response_information || changes.request_problem_info || changes.topic_alias_max ||
        changes.fc_receive_max_client || changes.fc_receive_max_broker || changes.max_packet_size ||
        changes.max_qos || changes.retain_available || changes.wildcard_subs_available ||
        changes.sub_ids_available || changes.shared_subs_available);
}

TEST(Answers, EveryModifierOfASession) {
    auto answer = vmq_register_answer_of(VMQ_OK);
    answer.set = ~std::uint64_t{0};
    answer.client_id = native_string("client");
    answer.mountpoint = native_string("");
    answer.username = native_string("user");
    answer.response_information = native_string("information");
    answer.max_online_messages = -1;
    answer.max_offline_messages = std::numeric_limits<std::int64_t>::max();
    answer.session_expiry_interval_s = 1;
    answer.max_message_size = 2;
    answer.max_message_rate = 3;
    answer.retry_interval_ms = 4;
    answer.max_connection_lifetime_s = 5;
    answer.max_packet_size = 6;
    answer.max_inflight_messages = 7;
    answer.topic_alias_max = 8;
    answer.receive_max_client = 9;
    answer.receive_max_broker = 10;
    answer.clean_start = 1;
    answer.allow_multiple_sessions = 1;
    answer.request_problem_info = 1;
    answer.wildcard_subs_available = 1;
    answer.shared_subs_available = 1;
    answer.max_qos = 1;
    const auto verdict = to_verdict(&answer);
    ASSERT_TRUE(verdict) << verdict.error().detail;
    const auto& changes = verdict.value().modifiers;
    EXPECT_EQ(changes.client_id, "client");
    EXPECT_EQ(changes.mountpoint, "") << "an empty text is one";
    EXPECT_EQ(changes.username, "user");
    EXPECT_EQ(changes.response_information, "information");
    EXPECT_EQ(changes.max_online_messages, -1);
    EXPECT_EQ(changes.max_offline_messages, std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(changes.session_expiry_interval_s, 1U);
    EXPECT_EQ(changes.max_message_size, 2U);
    EXPECT_EQ(changes.max_message_rate, 3U);
    EXPECT_EQ(changes.retry_interval_ms, 4U);
    EXPECT_EQ(changes.max_connection_lifetime_s, 5U);
    EXPECT_EQ(changes.max_packet_size, 6U);
    EXPECT_EQ(changes.max_inflight_messages, 7);
    EXPECT_EQ(changes.topic_alias_max, 8);
    EXPECT_EQ(changes.fc_receive_max_client, 9);
    EXPECT_EQ(changes.fc_receive_max_broker, 10);
    EXPECT_EQ(changes.clean_start, true);
    EXPECT_EQ(changes.upgrade_qos, false);
    EXPECT_EQ(changes.allow_multiple_sessions, true);
    EXPECT_EQ(changes.queue_lifo, false);
    EXPECT_EQ(changes.request_problem_info, true);
    EXPECT_EQ(changes.retain_available, false);
    EXPECT_EQ(changes.wildcard_subs_available, true);
    EXPECT_EQ(changes.sub_ids_available, false);
    EXPECT_EQ(changes.shared_subs_available, true);
    EXPECT_EQ(changes.max_qos, QoS::AtLeastOnce);
}

TEST(Answers, EachFlagStandsForItsOwnNumberOnly) {
    for (unsigned bit = 0; bit <= 21; ++bit) {
        auto answer = vmq_register_answer_of(VMQ_OK);
        answer.set = 1ULL << bit;
        answer.receive_max_client = 1;
        answer.receive_max_broker = 1;
        const auto verdict = to_verdict(&answer);
        ASSERT_TRUE(verdict);
        const auto& changes = verdict.value().modifiers;
        const std::vector<bool> changed{changes.clean_start.has_value(),
                                        changes.session_expiry_interval_s.has_value(),
                                        changes.max_message_size.has_value(),
                                        changes.max_message_rate.has_value(),
                                        changes.max_inflight_messages.has_value(),
                                        changes.retry_interval_ms.has_value(),
                                        changes.upgrade_qos.has_value(),
                                        changes.allow_multiple_sessions.has_value(),
                                        changes.max_online_messages.has_value(),
                                        changes.max_offline_messages.has_value(),
                                        changes.queue_lifo.has_value(),
                                        changes.max_connection_lifetime_s.has_value(),
                                        changes.request_problem_info.has_value(),
                                        changes.topic_alias_max.has_value(),
                                        changes.fc_receive_max_client.has_value(),
                                        changes.fc_receive_max_broker.has_value(),
                                        changes.max_packet_size.has_value(),
                                        changes.max_qos.has_value(),
                                        changes.retain_available.has_value(),
                                        changes.wildcard_subs_available.has_value(),
                                        changes.sub_ids_available.has_value(),
                                        changes.shared_subs_available.has_value()};
        for (std::size_t i = 0; i < changed.size(); ++i) {
            EXPECT_EQ(changed[i], i == bit) << "flag " << bit << ", number " << i;
        }
    }
}

TEST(Answers, ARefusalHasCodeReasonAndServer) {
    auto answer = vmq_register_answer_of(VMQ_ERROR);
    answer.refusal.reason_code = 0x9C;
    answer.refusal.reason_string = native_string("over there");
    answer.refusal.server_reference = native_string("other.example");
    const auto verdict = to_verdict(&answer);
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict.value().decision, Decision::Error);
    EXPECT_EQ(verdict.value().refusal.reason, ReasonCode::UseAnotherServer);
    EXPECT_EQ(verdict.value().refusal.reason_string, "over there");
    EXPECT_EQ(verdict.value().refusal.server_reference, "other.example");
}

TEST(Answers, WhatMakesNoSenseOfASessionIsRefused) {
    auto answer = vmq_register_answer_of(VMQ_ANSWERED);
    EXPECT_THAT(mistake(answer), HasSubstr("3 is no decision"));
    for (const std::uint32_t code : {0x01U, 0x7FU, 0xA3U, 0x186U}) {
        answer = vmq_register_answer_of(VMQ_ERROR);
        answer.refusal.reason_code = code;
        EXPECT_THAT(mistake(answer), HasSubstr("no reason code of an error")) << code;
    }
    answer = vmq_register_answer_of(VMQ_OK);
    answer.client_id = native_string("\xFF");
    EXPECT_THAT(mistake(answer), HasSubstr("the client id is not UTF-8"));
    const std::string long_text(65'536, 'x');
    answer.client_id = native_string(long_text);
    EXPECT_THAT(mistake(answer), HasSubstr("the client id has 65536 bytes"));
    answer.client_id = native_string(std::string_view(long_text).substr(1));
    EXPECT_EQ(mistake(answer), "");
    answer.set = VMQ_REGISTER_MAX_QOS;
    answer.max_qos = 3;
    EXPECT_THAT(mistake(answer), HasSubstr("no QoS 3"));
    answer.set = VMQ_REGISTER_MAX_OFFLINE_MESSAGES;
    answer.max_offline_messages = -2;
    EXPECT_THAT(mistake(answer), HasSubstr("max_offline_messages is -2"));
    answer.set = VMQ_REGISTER_RECEIVE_MAX_BROKER;
    answer.receive_max_broker = 0;
    EXPECT_THAT(mistake(answer), HasSubstr("receive maximum is 1 or more"));
}

TEST(Answers, OneThatIsMissingOrTooShortIsRefused) {
    EXPECT_FALSE(to_verdict(static_cast<const vmq_register_answer*>(nullptr)));
    auto answer = vmq_publish_answer_of(VMQ_OK);
    answer.size = offsetof(vmq_publish_answer, decision);
    EXPECT_FALSE(to_verdict(&answer));
}

TEST(Answers, WhatAnOlderHeaderDidNotHaveIsNotRead) {
    auto answer = vmq_publish_answer_of(VMQ_OK);
    answer.topic = native_string("changed");
    answer.payload = native_string("garbage behind the end");
    answer.size = offsetof(vmq_publish_answer, payload);
    const auto verdict = to_verdict(&answer);
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict.value().modifiers.topic, "changed");
    EXPECT_FALSE(verdict.value().modifiers.payload);
}

TEST(Answers, WhatANewerHeaderHasBesidesIsIgnored) {
    struct {
        vmq_auth_answer known;
        std::uint64_t added = ~std::uint64_t{0};
    } answer{vmq_auth_answer_of(VMQ_OK)};
    answer.known.size = sizeof(answer);
    answer.known.continues = 1;
    answer.known.data = native_string("challenge");
    answer.known.reason_string = native_string("go on");
    const auto verdict = to_verdict(&answer.known);
    ASSERT_TRUE(verdict);
    EXPECT_TRUE(verdict.value().continues);
    EXPECT_EQ(verdict.value().data, "challenge");
    EXPECT_EQ(verdict.value().reason_string, "go on");
}

TEST(Answers, EveryModifierOfAMessage) {
    const std::vector<vmq_property> properties{
        {VMQ_PROPERTY_PAYLOAD_FORMAT_INDICATOR, 1, {}, {}},
        {VMQ_PROPERTY_MESSAGE_EXPIRY_INTERVAL, 60, {}, {}},
        {VMQ_PROPERTY_CONTENT_TYPE, 0, native_string("text"), {}},
        {VMQ_PROPERTY_RESPONSE_TOPIC, 0, native_string("answers"), {}},
        {VMQ_PROPERTY_CORRELATION_DATA, 0, native_string("\xFF"), {}},
        {VMQ_PROPERTY_USER_PROPERTY, 0, native_string("1"), native_string("b")},
        {VMQ_PROPERTY_USER_PROPERTY, 0, native_string("2"), native_string("a")}};
    auto answer = vmq_publish_answer_of(VMQ_OK);
    answer.set =
        VMQ_PUBLISH_QOS | VMQ_PUBLISH_RETAIN | VMQ_PUBLISH_THROTTLE | VMQ_PUBLISH_PROPERTIES;
    answer.topic = native_string("topic");
    answer.payload = native_string(std::string_view("\0\xFF", 2));
    answer.mountpoint = native_string("mountpoint");
    answer.qos = 2;
    answer.retain = 1;
    answer.throttle_ms = 500;
    answer.properties = {properties.data(), properties.size()};
    const auto verdict = to_verdict(&answer);
    ASSERT_TRUE(verdict) << verdict.error().detail;
    const auto& changes = verdict.value().modifiers;
    EXPECT_EQ(changes.topic, "topic");
    EXPECT_EQ(changes.payload, std::string("\0\xFF", 2));
    EXPECT_EQ(changes.mountpoint, "mountpoint");
    EXPECT_EQ(changes.qos, QoS::ExactlyOnce);
    EXPECT_EQ(changes.retain, true);
    EXPECT_EQ(changes.throttle_ms, 500U);
    EXPECT_EQ(changes.message_expiry_interval, 60U);
    ASSERT_TRUE(changes.properties);
    const auto read = mqtt::decode_forwarded_properties(*changes.properties);
    EXPECT_EQ(read.payload_format_indicator, 1);
    EXPECT_EQ(read.content_type, "text");
    EXPECT_EQ(read.response_topic, "answers");
    EXPECT_EQ(read.correlation_data, "\xFF");
    EXPECT_THAT(read.user_properties, ElementsAre(Pair("b", "1"), Pair("a", "2")));
}

TEST(Answers, AnEmptyListOfPropertiesTakesThemAway) {
    auto answer = vmq_publish_answer_of(VMQ_OK);
    answer.set = VMQ_PUBLISH_PROPERTIES;
    const auto verdict = to_verdict(&answer);
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict.value().modifiers.properties, "");
    EXPECT_FALSE(verdict.value().modifiers.message_expiry_interval);
}

TEST(Answers, WhatMakesNoSenseOfAMessageIsRefused) {
    auto answer = vmq_publish_answer_of(VMQ_OK);
    for (const std::string_view topic : {"", "a/#", "+", "\xFF"}) {
        answer.topic = native_string(topic);
        EXPECT_THAT(mistake(answer), HasSubstr("cannot be published to")) << topic;
    }
    const auto with = [](vmq_property property) {
        auto changed = vmq_publish_answer_of(VMQ_OK);
        changed.set = VMQ_PUBLISH_PROPERTIES;
        changed.properties = {&property, 1};
        return mistake(changed);
    };
    const std::string long_text(65'536, 'x');
    EXPECT_THAT(with({VMQ_PROPERTY_TOPIC_ALIAS_MAXIMUM, 1, {}, {}}), HasSubstr("0x22 is none of"));
    EXPECT_THAT(with({0x12345, 1, {}, {}}), HasSubstr("0x12345 is none of"));
    EXPECT_THAT(with({VMQ_PROPERTY_PAYLOAD_FORMAT_INDICATOR, 2, {}, {}}), HasSubstr("0 or 1"));
    EXPECT_THAT(with({VMQ_PROPERTY_RESPONSE_TOPIC, 0, native_string("a/+"), {}}),
                HasSubstr("response topic"));
    EXPECT_THAT(with({VMQ_PROPERTY_CONTENT_TYPE, 0, native_string("\xFF"), {}}),
                HasSubstr("not UTF-8"));
    EXPECT_THAT(with({VMQ_PROPERTY_USER_PROPERTY, 0, native_string("x"), native_string(long_text)}),
                HasSubstr("more than 65535 bytes"));
    answer = vmq_publish_answer_of(VMQ_OK);
    const vmq_property property{VMQ_PROPERTY_CONTENT_TYPE, 0, native_string("x"), {}};
    answer.properties = {&property, 1};
    EXPECT_THAT(mistake(answer), HasSubstr("not flagged"));
}

TEST(Answers, SubscriptionsReplaceThoseOfTheClient) {
    std::vector<vmq_subscription> subscriptions(2);
    subscriptions[0].filter = native_string("a/#");
    subscriptions[0].qos = 1;
    subscriptions[0].no_local = 1;
    subscriptions[0].retain_as_published = 1;
    subscriptions[0].retain_handling = 2;
    subscriptions[1].filter = native_string("b");
    subscriptions[1].reason_code = 0x97;
    auto answer = vmq_subscribe_answer_of(VMQ_OK);
    answer.set = VMQ_SUBSCRIBE_SUBSCRIPTIONS;
    answer.subscriptions = subscriptions.data();
    answer.subscription_count = subscriptions.size();
    const auto verdict = to_verdict(&answer);
    ASSERT_TRUE(verdict) << verdict.error().detail;
    const auto& topics = verdict.value().topics;
    ASSERT_TRUE(topics && topics->size() == 2);
    EXPECT_EQ((*topics)[0].filter, "a/#");
    EXPECT_EQ((*topics)[0].options, (mqtt::SubscriptionOptions{QoS::AtLeastOnce, true, true,
                                                               mqtt::RetainHandling::DoNotSend}));
    EXPECT_EQ((*topics)[0].reason, ReasonCode::Success);
    EXPECT_EQ((*topics)[1].filter, "b");
    EXPECT_EQ((*topics)[1].reason, ReasonCode::QuotaExceeded);

    subscriptions[0].retain_handling = 3;
    EXPECT_THAT(mistake(answer), HasSubstr("retain handling"));
    subscriptions[0].retain_handling = 0;
    subscriptions[0].qos = 0x80;
    EXPECT_THAT(mistake(answer), HasSubstr("no QoS 128"));
    subscriptions[0].qos = 0;
    subscriptions[1].reason_code = 2;
    EXPECT_THAT(mistake(answer), HasSubstr("no reason code of an error"));
    answer.set = 0;
    EXPECT_THAT(mistake(answer), HasSubstr("not flagged"))
        << "or the client would keep what the plugin means to take away";
}

TEST(Answers, FiltersReplaceThoseOfTheClient) {
    const std::vector<vmq_string> filters{native_string("a"), native_string("b")};
    auto answer = vmq_unsubscribe_answer_of(VMQ_OK);
    answer.filters = filters.data();
    answer.filter_count = filters.size();
    EXPECT_THAT(mistake(answer), HasSubstr("not flagged"));
    answer.set = VMQ_UNSUBSCRIBE_FILTERS;
    const auto verdict = to_verdict(&answer);
    ASSERT_TRUE(verdict);
    ASSERT_TRUE(verdict.value().filters);
    EXPECT_THAT(*verdict.value().filters, ElementsAre("a", "b"));
}

}  // namespace
}  // namespace vmq::plugins::native
