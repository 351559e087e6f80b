#include "plugins/native/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/native/call.h"
#include "plugins/native/native_string.h"
#include "plugins/native/test_values.h"

namespace vmq::plugins::native {
namespace {

using test::text;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

Host& make(Settings settings = {}) {
    return Host::make("guard", std::move(settings), 3, {},
                      [](ShardId, const std::function<void()>& work) { work(); });
}

TEST(Host, SaysWhatItIs) {
    const vmq_host& host = make();
    EXPECT_EQ(host.size, sizeof(vmq_host));
    EXPECT_EQ(host.abi_version, VMQ_PLUGIN_ABI_VERSION);
    EXPECT_EQ(host.shard_count, 3U);
    EXPECT_EQ(text(host.plugin_name), "guard");
    EXPECT_THAT(text(host.broker_version), ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST(Host, GivesSettingsByKeyAndInOrder) {
    const vmq_host& host = make({{"url", "http://x"}, {"acme.password", "secret"}, {"empty", ""}});
    EXPECT_EQ(text(host.setting(&host, native_string("url"))), "http://x");
    EXPECT_EQ(text(host.setting(&host, native_string("empty"))), "");
    EXPECT_EQ(text(host.setting(&host, native_string("guard.url"))), "-");
    EXPECT_EQ(text(host.setting(&host, {nullptr, 0})), "-");
    std::vector<std::pair<std::string, std::string>> all;
    vmq_string value;
    for (std::size_t i = 0; host.setting_at(&host, i, &value).data != nullptr; ++i) {
        all.emplace_back(text(host.setting_at(&host, i, nullptr)), text(value));
    }
    EXPECT_THAT(all, ElementsAre(Pair("acme.password", "secret"), Pair("empty", ""),
                                 Pair("url", "http://x")));
}

TEST(Host, LogsInThePluginsName) {
    const vmq_host& host = make();
    ::testing::internal::CaptureStderr();
    host.log(&host, VMQ_LOG_DEBUG, native_string("not asked for"));
    host.log(&host, VMQ_LOG_INFO, native_string("news"));
    host.log(&host, VMQ_LOG_WARNING, native_string("two\nlines"));
    host.log(&host, VMQ_LOG_ERROR, {nullptr, 0});
    host.log(&host, 99, native_string("of a later level"));
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, HasSubstr("[info] guard: news\n"));
    EXPECT_THAT(said, HasSubstr("[warning] guard: two"));
    EXPECT_EQ(said.find("two\nlines"), std::string::npos);
    EXPECT_THAT(said, HasSubstr("[error] guard: \n"));
    EXPECT_THAT(said, HasSubstr("[info] guard: of a later level\n"));
    EXPECT_EQ(said.find("asked"), std::string::npos);
}

TEST(Host, KeepsWhyInitFails) {
    Host& host = make();
    EXPECT_EQ(host.failure(), "");
    std::string why = "no database";
    EXPECT_NE(host.fail(&host, native_string(why)), 0);
    why = "copied";
    EXPECT_EQ(host.failure(), "no database");
}

/// Waits for one verdict of each kind and has the function for that kind give it.
template <typename Verdict, typename Answer>
void complete(Host& host, const Answer& answer,
              std::int32_t (*function)(const vmq_host*, vmq_ticket, const Answer*)) {
    int given = 0;
    const auto ticket = host.late().wait<Verdict>(0, [&given](const Verdict& verdict) {
        EXPECT_EQ(verdict.decision, hooks::Decision::Ok);
        ++given;
    });
    EXPECT_EQ(function(&host, ticket, &answer), 1);
    EXPECT_EQ(function(&host, ticket, &answer), 0);
    EXPECT_EQ(given, 1);
}

TEST(Host, CompletesEachKindOfQuestion) {
    Host& host = make();
    complete<hooks::RegisterVerdict>(host, vmq_register_answer_of(VMQ_OK), host.complete_register);
    complete<hooks::AuthVerdict>(host, vmq_auth_answer_of(VMQ_OK), host.complete_auth);
    complete<hooks::PublishVerdict>(host, vmq_publish_answer_of(VMQ_OK), host.complete_publish);
    complete<hooks::SubscribeVerdict>(host, vmq_subscribe_answer_of(VMQ_OK),
                                      host.complete_subscribe);
    EXPECT_EQ(host.late().waiting(), 0U);
}

TEST(Host, WithoutACallThereIsNobodyToAnswer) {
    const vmq_host& host = make();
    const auto answer = vmq_register_answer_of(VMQ_OK);
    EXPECT_EQ(host.answer_register(nullptr, &answer), VMQ_ERROR);
    EXPECT_EQ(host.defer(nullptr), 0U);
}

TEST(Host, AnswersOfAnotherKindLeaveTheQuestionOpen) {
    Host& host = make();
    const auto ticket = host.late().wait<hooks::RegisterVerdict>(0, {});
    const auto answer = vmq_publish_answer_of(VMQ_OK);
    EXPECT_EQ(host.complete_publish(&host, ticket, &answer), 0);
    EXPECT_EQ(host.late().waiting(), 1U);
}

TEST(Host, HandsWishesToTheBroker) {
    std::vector<std::string> done;
    bool takes = true;
    Services services;
    services.publish = [&](const broker::Publication& message) {
        done.push_back(message.mountpoint + "/" + message.topic + " " + message.payload +
                       (message.retain ? " retained" : "") + " expires in " +
                       std::to_string(message.message_expiry_interval.value_or(0)));
        return takes;
    };
    services.disconnect = [&](const std::string& mountpoint, const std::string& client_id,
                              bool cleanup) {
        done.push_back("disconnect " + mountpoint + "/" + client_id + (cleanup ? " whole" : ""));
        return takes;
    };
    services.reauthorize = [&](const std::string& mountpoint, const std::string& client_id) {
        done.push_back("reauthorize " + mountpoint + "/" + client_id);
        return takes;
    };
    const vmq_host& host = Host::make(
        "guard", {}, 1, {}, [](ShardId, const std::function<void()>&) {}, std::move(services));
    const vmq_property expiry{VMQ_PROPERTY_MESSAGE_EXPIRY_INTERVAL, 9, kNoString, kNoString};
    vmq_message message{};
    message.size = sizeof(message);
    message.mountpoint = native_string("m");
    message.topic = native_string("t");
    message.payload = native_string("p");
    message.retain = 1;
    message.properties = {&expiry, 1};
    EXPECT_EQ(host.publish(&host, &message), 1);
    EXPECT_EQ(host.disconnect(&host, native_string("m"), native_string("c"), 1), 1);
    takes = false;
    EXPECT_EQ(host.reauthorize(&host, kNoString, native_string("c")), 0);
    EXPECT_THAT(
        done, ElementsAre("m/t p retained expires in 9", "disconnect m/c whole", "reauthorize /c"));
}

TEST(Host, MessagesThatMakeNoSenseAreNotPublished) {
    Services services;
    services.publish = [](const broker::Publication& message) {
        ADD_FAILURE() << message.topic;
        return true;
    };
    const vmq_host& host = Host::make(
        "guard", {}, 1, {}, [](ShardId, const std::function<void()>&) {}, std::move(services));
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(host.publish(&host, nullptr), 0);
    vmq_message message{};
    message.size = sizeof(message);
    EXPECT_EQ(host.publish(&host, &message), 0);  // no topic
    message.topic = native_string("a/#");
    EXPECT_EQ(host.publish(&host, &message), 0);
    message.topic = native_string("a");
    message.qos = 3;
    EXPECT_EQ(host.publish(&host, &message), 0);
    EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("there is no QoS 3"));
    // Without a broker nothing is done.
    const vmq_host& alone = make();
    message.qos = 0;
    EXPECT_EQ(alone.publish(&alone, &message), 0);
    EXPECT_EQ(alone.disconnect(&alone, kNoString, native_string("c"), 0), 0);
}

}  // namespace
}  // namespace vmq::plugins::native
