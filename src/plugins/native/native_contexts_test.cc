#include "plugins/native/native_contexts.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "mqtt/properties.h"
#include "plugins/native/test_values.h"

namespace vmq::plugins::native {
namespace {

using mqtt::Property;
using test::text;

/// "ID:number:text:name" of all of them.
std::string list(const vmq_properties& properties) {
    std::string out;
    for (std::size_t i = 0; i < properties.count; ++i) {
        const vmq_property& property = properties.items[i];
        out += std::to_string(property.id) + ":" + std::to_string(property.number) + ":" +
               text(property.text) + ":" + text(property.name) + " ";
    }
    return out;
}

std::string who(const vmq_client& client) {
    return text(client.mountpoint) + "|" + text(client.client_id) + "|" + text(client.username);
}

TEST(NativeContexts, ARegistrationWithAllThereIs) {
    mqtt::Properties properties;
    properties.set(Property::SessionExpiryInterval);
    properties.session_expiry_interval = 60;
    properties.set(Property::AuthenticationMethod);
    properties.authentication_method = "SCRAM";
    properties.set(Property::AuthenticationData);
    properties.authentication_data = "data";
    properties.set(Property::RequestProblemInformation);
    properties.request_problem_information = 0;
    properties.set(Property::RequestResponseInformation);
    properties.request_response_information = 1;
    properties.set(Property::ReceiveMaximum);
    properties.receive_maximum = 5;
    properties.set(Property::TopicAliasMaximum);
    properties.topic_alias_maximum = 6;
    properties.set(Property::MaximumPacketSize);
    properties.maximum_packet_size = 7;
    const hooks::ConnectionMetadata metadata{"127.0.0.1", 8883, "mqtts", "der"};
    hooks::RegisterContext context;
    context.peer = {"10.0.0.1", 4711};
    context.subscriber = {"mountpoint", "client"};
    context.username = "user";
    context.password = "secret";
    context.clean_start = false;
    context.v5 = true;
    context.properties = &properties;
    context.metadata = &metadata;
    NativeContexts contexts;
    const auto told = contexts.of(context);
    EXPECT_EQ(told.size, sizeof(told));
    EXPECT_EQ(who(told.client), "mountpoint|client|user");
    EXPECT_EQ(text(told.password), "secret");
    EXPECT_EQ(text(told.peer_address), "10.0.0.1");
    EXPECT_EQ(told.peer_port, 4711);
    EXPECT_EQ(told.clean_start, 0);
    EXPECT_EQ(told.v5, 1);
    EXPECT_EQ(list(told.properties),
              "17:60:-:- 21:0:SCRAM:- 22:0:data:- 23:0:-:- 25:1:-:- 33:5:-:- 34:6:-:- 39:7:-:- ");
    ASSERT_NE(told.listener, nullptr);
    EXPECT_EQ(told.listener->size, sizeof(vmq_listener));
    EXPECT_EQ(text(told.listener->address), "127.0.0.1");
    EXPECT_EQ(told.listener->port, 8883);
    EXPECT_EQ(text(told.listener->type), "mqtts");
    EXPECT_EQ(text(told.listener->client_certificate), "der");
}

TEST(NativeContexts, NoneIsNotEmpty) {
    NativeContexts contexts;
    hooks::RegisterContext context;
    auto told = contexts.of(context);
    EXPECT_EQ(who(told.client), "||-");
    EXPECT_EQ(text(told.password), "-");
    EXPECT_EQ(told.listener, nullptr);
    EXPECT_EQ(told.properties.count, 0U);
    context.username = std::string_view();
    context.password = std::string_view();
    told = contexts.of(context);
    EXPECT_EQ(who(told.client), "||");
    EXPECT_EQ(text(told.password), "");
}

TEST(NativeContexts, AuthenticationData) {
    NativeContexts contexts;
    mqtt::Properties properties;
    properties.user_properties.emplace_back("k", "v");
    properties.set(mqtt::Property::UserProperty);
    const auto told =
        contexts.of(hooks::AuthContext{{"m", "c"}, "u", "method", "data", &properties});
    EXPECT_EQ(list(told.properties), "38:0:v:k ");
    EXPECT_EQ(told.size, sizeof(told));
    EXPECT_EQ(who(told.client), "m|c|u");
    EXPECT_EQ(text(told.method), "method");
    EXPECT_EQ(text(told.data), "data");
}

TEST(NativeContexts, AMessageWithItsPropertiesAndThenOneWithout) {
    mqtt::Properties properties;
    properties.set(Property::PayloadFormatIndicator);
    properties.payload_format_indicator = 1;
    properties.set(Property::ContentType);
    properties.content_type = "text";
    properties.set(Property::ResponseTopic);
    properties.response_topic = "answers";
    properties.set(Property::CorrelationData);
    properties.correlation_data = "id";
    properties.set(Property::UserProperty);
    properties.user_properties = {{"b", "1"}, {"a", "2"}};
    std::string encoded;
    mqtt::append_properties(properties, encoded);
    hooks::PublishContext context;
    context.subscriber = {"m", "c"};
    context.qos = mqtt::QoS::ExactlyOnce;
    context.topic = "topic";
    context.payload = "payload";
    context.retain = true;
    context.v5 = true;
    context.properties = encoded;
    context.message_expiry_interval = 30;
    NativeContexts contexts;
    auto told = contexts.of(context);
    EXPECT_EQ(told.size, sizeof(told));
    EXPECT_EQ(who(told.client), "m|c|-");
    EXPECT_EQ(text(told.topic), "topic");
    EXPECT_EQ(text(told.payload), "payload");
    EXPECT_EQ(told.qos, 2);
    EXPECT_EQ(told.retain, 1);
    EXPECT_EQ(told.v5, 1);
    EXPECT_EQ(list(told.properties),
              "1:1:-:- 3:0:text:- 8:0:answers:- 9:0:id:- 38:0:1:b 38:0:2:a 2:30:-:- ");
    told = contexts.of(hooks::PublishContext{});
    EXPECT_EQ(told.properties.count, 0U);
    EXPECT_EQ(told.v5, 0);
}

TEST(NativeContexts, SubscriptionsInTheirOrder) {
    const std::vector<mqtt::SubscribeEntry> entries{
        {"a", {mqtt::QoS::AtLeastOnce, true, false, mqtt::RetainHandling::DoNotSend}},
        {"b", {mqtt::QoS::AtMostOnce, false, true, mqtt::RetainHandling::Send}}};
    mqtt::Properties properties;
    properties.set(Property::SubscriptionIdentifier);
    properties.subscription_identifiers = {9};
    hooks::SubscribeContext context;
    context.subscriber = {"m", "c"};
    context.username = "u";
    context.entries = &entries;
    context.v5 = true;
    context.properties = &properties;
    NativeContexts contexts;
    const auto told = contexts.of(context);
    EXPECT_EQ(told.size, sizeof(told));
    EXPECT_EQ(who(told.client), "m|c|u");
    ASSERT_EQ(told.subscription_count, 2U);
    const vmq_subscription& first = told.subscriptions[0];
    EXPECT_EQ(text(first.filter), "a");
    EXPECT_EQ(first.qos, 1);
    EXPECT_EQ(first.no_local, 1);
    EXPECT_EQ(first.retain_as_published, 0);
    EXPECT_EQ(first.retain_handling, 2);
    EXPECT_EQ(first.reason_code, 0);
    EXPECT_EQ(text(told.subscriptions[1].filter), "b");
    EXPECT_EQ(told.subscriptions[1].retain_as_published, 1);
    EXPECT_EQ(list(told.properties), "11:9:-:- ");
}

TEST(NativeContexts, FiltersOrAllOfThem) {
    const std::vector<std::string_view> filters{"a", "b"};
    NativeContexts contexts;
    mqtt::Properties properties;
    properties.user_properties.emplace_back("k", "v");
    properties.set(mqtt::Property::UserProperty);
    auto told =
        contexts.of(hooks::UnsubscribeContext{{"m", "c"}, "u", &filters, true, &properties});
    EXPECT_EQ(list(told.properties), "38:0:v:k ");
    EXPECT_EQ(told.size, sizeof(told));
    EXPECT_EQ(who(told.client), "m|c|u");
    ASSERT_EQ(told.filter_count, 2U);
    EXPECT_EQ(text(told.filters[1]), "b");
    EXPECT_EQ(told.all_filters, 0);
    EXPECT_EQ(told.v5, 1);
    told =
        contexts.of(hooks::UnsubscribeContext{{"m", "c"}, std::nullopt, nullptr, false, nullptr});
    EXPECT_EQ(list(told.properties), "");
    EXPECT_EQ(told.filter_count, 0U);
    EXPECT_EQ(told.all_filters, 1);
}

TEST(NativeContexts, ClientsAndMessagesOfEvents) {
    NativeContexts contexts;
    mqtt::Properties told_to_client;
    told_to_client.server_keep_alive = 30;
    told_to_client.set(mqtt::Property::ServerKeepAlive);
    told_to_client.maximum_qos = 1;
    told_to_client.set(mqtt::Property::MaximumQoS);
    const auto client =
        contexts.of(hooks::ClientContext{{"10.0.0.1", 1}, {"m", "c"}, "u", true, &told_to_client});
    EXPECT_EQ(list(client.properties), "19:30:-:- 36:1:-:- ");
    EXPECT_EQ(client.size, sizeof(client));
    EXPECT_EQ(who(client.client), "m|c|u");
    EXPECT_EQ(text(client.peer_address), "10.0.0.1");
    EXPECT_EQ(client.peer_port, 1);
    EXPECT_EQ(client.v5, 1);
    const auto message = contexts.of(hooks::MessageContext{{"m", "c"},
                                                           mqtt::QoS::AtLeastOnce,
                                                           "topic",
                                                           "payload",
                                                           true,
                                                           hooks::DropReason::MaxPacketSizeExceeded,
                                                           {},
                                                           60});
    EXPECT_EQ(list(message.properties), "2:60:-:- ");
    EXPECT_EQ(message.size, sizeof(message));
    EXPECT_EQ(who(message.client), "m|c|-");
    EXPECT_EQ(text(message.topic), "topic");
    EXPECT_EQ(text(message.payload), "payload");
    EXPECT_EQ(message.qos, 1);
    EXPECT_EQ(message.retain, 1);
    EXPECT_EQ(message.drop_reason, VMQ_DROP_MAX_PACKET_SIZE_EXCEEDED);
}

TEST(NativeContexts, SettingsThatHaveChanged) {
    const std::vector<hooks::ConfigContext::Entry> entries{{"a", "1"}, {"gone", ""}};
    NativeContexts contexts;
    const auto told = contexts.of(hooks::ConfigContext{true, &entries});
    EXPECT_EQ(told.size, sizeof(told));
    EXPECT_EQ(told.at_start, 1);
    ASSERT_EQ(told.entry_count, 2U);
    EXPECT_EQ(text(told.entries[0].key), "a");
    EXPECT_EQ(text(told.entries[0].value), "1");
    EXPECT_EQ(told.entries[1].value.data, nullptr);
}

}  // namespace
}  // namespace vmq::plugins::native
