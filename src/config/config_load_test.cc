#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/test_files.h"

namespace vmq::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> errors_of(const std::string& text) {
    const LoadResult loaded = load_text(text);
    EXPECT_EQ(loaded.config == nullptr, !loaded.errors.empty());
    return lines_of(loaded.errors);
}

std::vector<std::string> warnings_of(const std::string& text) {
    const LoadResult loaded = load_text(text);
    EXPECT_EQ(all_of(loaded.errors), "");
    return lines_of(loaded.warnings);
}

TEST(Load, ShowsTheErrorsOfAllPhasesInTheOrderOfTheFile) {
    EXPECT_THAT(
        errors_of("max_online_messages = many\n"
                  "allow_anonymos = on\n"
                  "broken\n"
                  "log.console.file = $(nowhere)/x\n"
                  "queue_type = best\n"
                  "nodename = here\n"),
        ElementsAre(
            "vernemq.conf:1:23: max_online_messages: \"many\" is not valid: expected an integer "
            "from -1 to 2147483647",
            "vernemq.conf:2:1: allow_anonymos: there is no setting of this name; the nearest are "
            "allow_anonymous, log.console, acl_revocation",
            "vernemq.conf:3:7: broken: expected = after the key",
            "vernemq.conf:4:20: log.console.file: $(nowhere) is neither a setting with a value nor "
            "an environment variable",
            "vernemq.conf:5:14: queue_type: \"best\" is not valid: expected one of fifo, lifo",
            "vernemq.conf:6:12: nodename: \"here\" is not valid: expected name@host, such as "
            "VerneMQ@127.0.0.1"));
}

TEST(Load, ReportsErrorsWhereTheyStandInIncludedFiles) {
    MemoryFiles files;
    files.files = {{"/e/v.conf", "include d/*.conf\n"}, {"/e/d/a.conf", "\nallow_anonymous = yes"}};
    EXPECT_THAT(lines_of(Config::load(files, "/e/v.conf").errors),
                ElementsAre("/e/d/a.conf:2:19: allow_anonymous: \"yes\" is not valid: expected on "
                            "or off"));
}

TEST(Load, LastLineOfAKeyWinsAcrossIncludes) {
    MemoryFiles files;
    files.files = {{"v.conf",
                    "retry_interval = 1\ninclude a\nretry_interval = 3\n"
                    "max_message_size = wrong\ninclude b"},
                   {"a", "retry_interval = 2"},
                   {"b", "max_message_size = 5"}};
    const LoadResult loaded = Config::load(files, "v.conf");
    ASSERT_NE(loaded.config, nullptr) << all_of(loaded.errors);
    EXPECT_EQ(loaded.config->mqtt().retry_interval_s, 3U);
    EXPECT_EQ(loaded.config->mqtt().max_message_size, 5U);
}

TEST(Load, SubstitutesKeysDefaultsFilesAndTheEnvironment) {
    MemoryFiles files;
    files.files = {{"/e/v.conf",
                    "setup.log_dir = $(LOGS)/l\nnodename = $(<name)\n"
                    "retry_interval = $(max_inflight_messages)\n"},
                   {"/e/name", "a@b\n"}};
    files.variables = {{"LOGS", "/var"}};
    const LoadResult loaded = Config::load(files, "/e/v.conf");
    ASSERT_NE(loaded.config, nullptr) << all_of(loaded.errors);
    EXPECT_EQ(loaded.config->log().console_file, "/var/l/console.log");
    EXPECT_EQ(loaded.config->node().nodename, "a@b");
    EXPECT_EQ(loaded.config->mqtt().retry_interval_s, 20U);
}

TEST(Load, ReportsACircleThroughADefault) {
    EXPECT_THAT(errors_of("platform_data_dir = $(setup.data_dir)"),
                ElementsAre("vernemq.conf:1:21: platform_data_dir: refers to itself: "
                            "platform_data_dir -> setup.data_dir -> platform_data_dir"));
}

TEST(Load, SuggestsWhatTheDocumentationMisspells) {
    EXPECT_THAT(
        errors_of("mqtt.connect.timeout = 1\nvmq_reg_view = x\nlisteners.https.a = ::1:1\n"),
        ElementsAre("vernemq.conf:1:1: mqtt.connect.timeout: there is no setting of this name; it "
                    "is called mqtt_connect_timeout",
                    "vernemq.conf:2:1: vmq_reg_view: there is no setting of this name; it is "
                    "called default_reg_view",
                    "vernemq.conf:3:1: listeners.https.a: there is no setting of this name; it is "
                    "called listener.https.a"));
}

TEST(Load, StopsSuggestingAfterTenUnknownKeys) {
    std::string text;
    for (int i = 10; i < 21; ++i) text += "allow_anonymous" + std::to_string(i) + " = on\n";
    const auto errors = errors_of(text);
    ASSERT_EQ(errors.size(), 11U);
    EXPECT_THAT(errors[9], HasSubstr("the nearest are"));
    EXPECT_EQ(errors[10], "vernemq.conf:11:1: allow_anonymous20: there is no setting of this name");
}

TEST(Load, TellsBothReadingsOfAMisspelledListenerOption) {
    EXPECT_THAT(
        errors_of("listener.tcp.mountpiont = x"),
        ElementsAre("vernemq.conf:1:27: listener.tcp.mountpiont: \"x\" is not valid: expected "
                    "ADDR:PORT, such as 127.0.0.1:1883 or [::1]:1883 (read as the address of a tcp "
                    "listener named mountpiont; if an option of all tcp listeners is meant, there "
                    "is none of this name, the nearest are mountpoint, active_n, backlog)"));
}

TEST(Load, TellsWhichListenersHaveAnOption) {
    EXPECT_THAT(errors_of("listener.tcp.a.certfile = x"),
                ElementsAre(HasSubstr("; certfile is an option of ssl, wss, https, vmqs "
                                      "listeners")));
    EXPECT_THAT(errors_of("listener.tcp.a.mountpiont = x"),
                ElementsAre(HasSubstr("the nearest are listener.tcp.a.mountpoint, ")));
}

TEST(Load, WarnsOnceOfWhatMeansNothing) {
    EXPECT_THAT(warnings_of("trade_consistency = on\nerlang.K = on\naccept_eula = yes\n"
                            "log.sasl = nonsense\ntcp_listen_options = [\nvmq_pulse.url = $(x)\n"),
                ElementsAre("vernemq.conf: these settings mean nothing to this broker and are "
                            "ignored: trade_consistency, erlang.K, accept_eula, log.sasl, "
                            "tcp_listen_options, vmq_pulse.url"));
}

TEST(Load, WarnsOnceOfWhatIsNotBuiltYetButChecksIt) {
    EXPECT_THAT(
        warnings_of("http_module.vmq_http_pub.auth.mode = noauth\n"
                    "listener.vmq.max_connections = 8\n"
                    "vmq_webhooks.x = x\nallow_anonymous = on\n"),
        ElementsAre(
            "vernemq.conf: these settings have no effect yet: "
            "http_module.vmq_http_pub.auth.mode, listener.vmq.max_connections, vmq_webhooks.x"));
    EXPECT_THAT(errors_of("http_module.vmq_http_pub.auth.mode = maybe"), testing::SizeIs(1));
}

TEST(Load, SaysNothingAboutBuiltSettings) {
    EXPECT_THAT(warnings_of("allow_anonymous = on\nlistener.tcp.default = 127.0.0.1:1883\n"
                            "listener.http.default = 127.0.0.1:8888\nlistener.max_connections = 5\n"
                            "nodename = a@b\nlog.console = both\nsetup.log_dir = l\n"
                            "platform_data_dir = d\nlistener.tcp.buffer_sizes = 1,2,0\n"),
                IsEmpty());
}

TEST(Load, WarnsOfARoutingTableOnlyIfItIsNotWhatThereIs) {
    EXPECT_THAT(warnings_of("default_reg_view = vmq_reg_trie\nreg_views = [vmq_reg_trie]\n"),
                IsEmpty());
    EXPECT_THAT(warnings_of("default_reg_view = vmq_reg_ordered_trie\n"
                            "reg_views = [vmq_reg_trie, vmq_reg_ordered_trie]\n"),
                IsEmpty());
    EXPECT_THAT(warnings_of("default_reg_view = vmq_reg_redis_trie\n"
                            "reg_views = [vmq_reg_trie,mine]\n"),
                ElementsAre("vernemq.conf: these settings mean nothing to this broker and are "
                            "ignored: default_reg_view, reg_views"));
}

TEST(Load, WarnsOfSettingsNothingReads) {
    EXPECT_THAT(warnings_of("shared_subscription_policy = random\n"
                            "shared_subscription_timeout_action = requeue\n"
                            "subscriber_retain_mode = syncwait\nlistener.nr_of_acceptors = 10\n"
                            "listener.tcp.active_n = 5\n"),
                ElementsAre("vernemq.conf: these settings have no effect yet: "
                            "shared_subscription_timeout_action, subscriber_retain_mode",
                            "vernemq.conf: these settings mean nothing to this broker and are "
                            "ignored: listener.nr_of_acceptors, listener.tcp.active_n"));
    EXPECT_THAT(warnings_of("listener.tcp.x = 127.0.0.1:1\nlistener.tcp.x.buffer_sizes = 1,2,3\n"),
                ElementsAre("vernemq.conf:2:31: listener.tcp.x.buffer_sizes: the third number, the "
                            "read buffer, has no effect"));
}

TEST(Load, RefusesNoConnectionsAndSaysHowToHaveNoLimit) {
    EXPECT_THAT(errors_of("listener.max_connections = 0"),
                ElementsAre("vernemq.conf:1:28: listener.max_connections: \"0\" is not valid: "
                            "expected an integer from -1 to 4294967295 but not 0, or infinity for "
                            "no limit"));
    EXPECT_THAT(errors_of("listener.max_connections = infinity"), IsEmpty());
}

TEST(Load, SyslogOverTlsNeedsACertificateAndTheNewerForm) {
    const std::string tls = "log.syslog.remote.protocol = tls\n";
    EXPECT_THAT(errors_of(tls), ElementsAre("vernemq.conf:1:30: log.syslog.remote.protocol: tls "
                                            "needs log.syslog.format = rfc5424",
                                            "vernemq.conf:1:30: log.syslog.remote.protocol: tls "
                                            "needs log.syslog.remote.tls.cafile"));
    EXPECT_THAT(errors_of(tls + "log.syslog.format = rfc5424\n"), testing::SizeIs(1));
    EXPECT_THAT(errors_of(tls + "log.syslog.remote.tls.cafile = ca.pem\n"), testing::SizeIs(1));
    EXPECT_THAT(errors_of(tls + "log.syslog.format = rfc5424\n"
                                "log.syslog.remote.tls.cafile = ca.pem\n"),
                IsEmpty());
}

TEST(Load, WarnsOfListenersVerneMQWouldStartAtADefaultAddress) {
    EXPECT_THAT(warnings_of("listener.http.x.max_connections = 5\n"
                            "listener.http.x.nr_of_acceptors = 5\n"),
                ElementsAre("vernemq.conf:1:1: listener.http.x: has options but no address and is "
                            "not started (VerneMQ would start it at a default address)"));
}

TEST(Load, WarnsOfAModuleTheDocumentationMisspells) {
    for (const std::string line :
         {"http_modules = [vmq_mgmt_http]", "http_module.vmq_mgmt_http.auth.mode = noauth"}) {
        EXPECT_THAT(warnings_of(line),
                    testing::Contains(HasSubstr("there is no module vmq_mgmt_http; it is called "
                                                "vmq_http_mgmt_api")));
    }
}

TEST(Load, WarnsOfErlangTermsBesideTheFile) {
    MemoryFiles files;
    files.files = {{"/e/v.conf", ""}, {"/e/advanced.config", "[]."}};
    EXPECT_THAT(lines_of(Config::load(files, "/e/v.conf").warnings),
                ElementsAre("/e/advanced.config: is not read: it holds Erlang terms"));
}

TEST(Load, ReportsAMissingFile) {
    MemoryFiles files;
    EXPECT_THAT(lines_of(Config::load(files, "v.conf").errors),
                ElementsAre("v.conf: v.conf does not exist"));
}

TEST(Load, ShortensLongValuesAndKeepsThemOnOneLine) {
    EXPECT_THAT(errors_of("queue_type = '''a\nb'''"),
                ElementsAre("vernemq.conf:1:14: queue_type: \"a\\nb\" is not valid: expected one "
                            "of fifo, lifo"));
    EXPECT_THAT(errors_of("queue_type = " + std::string(81, 'x')),
                ElementsAre("vernemq.conf:1:14: queue_type: \"" + std::string(80, 'x') +
                            "...\" is not valid: expected one of fifo, lifo"));
}

TEST(Load, AcceptsANodenameOnlyAsNameAtHost) {
    EXPECT_THAT(errors_of("nodename = a@b"), IsEmpty());
    for (const std::string bad : {"a", "@b", "a@", "a@b@c"}) {
        EXPECT_THAT(errors_of("nodename = " + bad), testing::SizeIs(1)) << bad;
    }
}

}  // namespace
}  // namespace vmq::config
