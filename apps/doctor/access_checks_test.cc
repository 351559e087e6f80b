#include <gtest/gtest.h>

#include "doctor/checks.h"
#include "doctor/fake_system.h"

namespace vmq::doctor {
namespace {

constexpr const char* kLocal = "listener.tcp.default = 127.0.0.1:1883\n";
constexpr const char* kPublic = "listener.tcp.default = 0.0.0.0:1883\n";

TEST(Ports, ThatOthersHaveAreAProblem) {
    Patient patient;
    EXPECT_TRUE(found(patient.examine(check_ports, kLocal), Severity::Ok, "127.0.0.1:1883: free"));
    patient.system.ports[1883] = {PortUse::State::Taken, "mosquitto (pid 12)"};
    EXPECT_TRUE(found(patient.examine(check_ports, kLocal), Severity::Problem,
                      "taken by mosquitto (pid 12)"));
    patient.system.ports[1883] = {PortUse::State::Taken, ""};
    EXPECT_TRUE(found(patient.examine(check_ports, kLocal), Severity::Problem, "another program"));
    patient.runs = true;
    EXPECT_EQ(patient.examine(check_ports, kLocal).size(), 0U) << "it is the broker that has it";
}

TEST(Ports, RightsAndAddressesAreTold) {
    Patient patient;
    patient.system.ports[443] = {PortUse::State::NotAllowed, ""};
    patient.system.ports[1883] = {PortUse::State::NoSuchAddress, ""};
    const auto findings =
        patient.examine(check_ports,
                        "listener.ws.web = 127.0.0.1:443\nlistener.tcp.v6 = [2001:db8::1]:1883\n"
                        "listener.tcp.unix = local:/run/x:0\n");
    EXPECT_TRUE(found(findings, Severity::Warning, "CAP_NET_BIND_SERVICE"));
    EXPECT_TRUE(found(findings, Severity::Problem, "[2001:db8::1]:1883"));
    EXPECT_EQ(findings.size(), 2U);
}

TEST(Brokers, OthersOnThisMachineAreNamed) {
    Patient patient;
    patient.system.running = {{1, "init"}, {5, "mosquitto"}, {6, "beam.smp"}, {7, "beam.smp"}};
    patient.system.texts["/proc/6/cmdline"] = "/usr/lib/vernemq/erts/bin/beam.smp";
    patient.system.texts["/proc/7/cmdline"] = "/usr/lib/rabbitmq/beam.smp";
    const auto findings = patient.examine(check_other_brokers);
    EXPECT_TRUE(found(findings, Severity::Note, "mosquitto runs here as well (pid 5)"));
    EXPECT_TRUE(found(findings, Severity::Note, "VerneMQ (Erlang) runs here as well (pid 6)"));
    EXPECT_EQ(findings.size(), 2U);
}

TEST(Listeners, WithoutTlsForOtherMachinesAreARisk) {
    const Patient patient;
    EXPECT_EQ(worst(patient.examine(check_listeners, kLocal)), Severity::Ok);
    EXPECT_TRUE(found(patient.examine(check_listeners, kPublic), Severity::Warning,
                      "listener.tcp.default = 127.0.0.1:1883"));
    EXPECT_EQ(worst(patient.examine(check_listeners,
                                    std::string(kPublic) + "listener.tcp.proxy_protocol = on\n")),
              Severity::Note);
    EXPECT_EQ(worst(patient.examine(check_listeners, "listener.tcp.x = local:/run/x:0\n")),
              Severity::Ok);
    EXPECT_TRUE(found(patient.examine(check_listeners, "listener.http.default = 0.0.0.0:8888\n"),
                      Severity::Warning, "API keys"));
    EXPECT_TRUE(found(patient.examine(check_listeners,
                                      "listener.ssl.default = 0.0.0.0:8883\n"
                                      "listener.ssl.tls_version = tlsv1.1,tlsv1.2\n"),
                      Severity::Warning, "TLS 1.0 or 1.1"));
}

TEST(Listeners, OfAClusterNeedACookieOfTheirOwn) {
    const Patient patient;
    const std::string cluster = "listener.vmq.clustering = 0.0.0.0:44053\n";
    EXPECT_TRUE(found(patient.examine(check_listeners, cluster), Severity::Problem,
                      "default distributed_cookie"));
    EXPECT_EQ(worst(patient.examine(check_listeners, cluster + "distributed_cookie = x7\n")),
              Severity::Ok);
}

TEST(Access, WithoutAPasswordFromOtherMachinesIsTold) {
    Patient patient;
    patient.system.add_file("etc/vmq.acl", 0640);
    patient.system.add_file("etc/vmq.passwd", 0640);
    patient.system.texts["etc/vmq.acl"] = "user a\ntopic #\n";
    EXPECT_EQ(worst(patient.examine(check_access, kPublic)), Severity::Ok);
    const std::string anonymous = "allow_anonymous = on\n";
    EXPECT_EQ(worst(patient.examine(check_access, kLocal + anonymous)), Severity::Ok);
    EXPECT_TRUE(found(patient.examine(check_access, kPublic + anonymous), Severity::Warning,
                      "need no password"));
    EXPECT_TRUE(
        found(patient.examine(check_access, kPublic + anonymous + "plugins.vmq_acl = off\n"),
              Severity::Problem, "read and write everything"));
    EXPECT_TRUE(found(
        patient.examine(check_access, std::string(kPublic) +
                                          "listener.tcp.default.allow_anonymous_override = on\n"),
        Severity::Warning, "listener.tcp.default.allow_anonymous_override = off"));
    const std::string tls = "listener.ssl.default = 0.0.0.0:8883\n" + anonymous;
    const std::string psk = "listener.ssl.psk_support = on\nlistener.ssl.pskfile = psk\n";
    const std::string certificate = "listener.ssl.certfile = c.pem\nlistener.ssl.keyfile = k.pem\n";
    const std::string require =
        "listener.ssl.require_certificate = on\nlistener.ssl.cafile = ca.pem\n";
    EXPECT_EQ(worst(patient.examine(check_access, tls + certificate + require)), Severity::Ok);
    EXPECT_EQ(worst(patient.examine(check_access, tls + psk)), Severity::Ok);
    EXPECT_EQ(worst(patient.examine(check_access, tls + psk + certificate)), Severity::Warning)
        << "who has no pre-shared key may come without";
}

TEST(Access, RulesForEverybodyAreTold) {
    Patient patient;
    patient.system.add_file("etc/vmq.passwd", 0640);
    EXPECT_TRUE(found(patient.examine(check_access, kPublic), Severity::Warning,
                      "everybody may do everything"));
    patient.system.add_file("etc/vmq.acl", 0640);
    for (const char* rules : {"topic #\n", "# comment\n\n  topic   write  #\r\n", "pattern #\n",
                              "user a\ntopic x\npattern read #\n"}) {
        patient.system.texts["etc/vmq.acl"] = rules;
        EXPECT_TRUE(
            found(patient.examine(check_access, kPublic), Severity::Warning, "holds for everybody"))
            << rules;
        EXPECT_EQ(worst(patient.examine(check_access, kLocal)), Severity::Note);
    }
    for (const char* rules : {"topic read news/#\n", "user a\ntopic #\n", "pattern %u/#\n", ""}) {
        patient.system.texts["etc/vmq.acl"] = rules;
        EXPECT_EQ(worst(patient.examine(check_access, kPublic)), Severity::Ok) << rules;
    }
}

TEST(Access, MissingFilesAreToldAndThoseOfOthersAreNotes) {
    Patient patient;
    const auto missing =
        patient.examine(check_access, std::string(kLocal) + "vmq_acl.acl_file = rules\n");
    EXPECT_TRUE(found(missing, Severity::Problem, "rules is not there"));
    EXPECT_TRUE(found(missing, Severity::Warning, "vmq-passwd -c etc/vmq.passwd NAME"));
    patient.system.add_file("etc/vmq.passwd", 0640, 7, false);
    patient.system.add_file("rules", 0640, 7, false);
    EXPECT_EQ(
        worst(patient.examine(check_access, std::string(kLocal) + "vmq_acl.acl_file = rules\n")),
        Severity::Note);
}

TEST(Limits, ThatAreMissingAreTold) {
    const Patient patient;
    const std::string all =
        "persistent_client_expiration = 2w\nmax_message_size = 1000\nmax_session_expiry_interval "
        "= 9\n";
    EXPECT_EQ(worst(patient.examine(check_limits, all)), Severity::Ok);
    EXPECT_EQ(worst(patient.examine(check_limits)), Severity::Note);
    EXPECT_TRUE(found(patient.examine(check_limits, all + "max_offline_messages = -1\n"),
                      Severity::Warning, "max_offline_messages = 100000"));
    EXPECT_TRUE(found(patient.examine(check_limits, all + "durability = memory\n"),
                      Severity::Warning, "durability = os"));
}

TEST(Settings, FilesOfTheErlangVmAreNotRead) {
    Patient patient;
    patient.system.add_file("advanced.config", 0644);
    EXPECT_TRUE(found(patient.examine(check_settings, kLocal), Severity::Note, "advanced.config"));
    EXPECT_TRUE(found(patient.examine(check_settings), Severity::Warning, "nobody can connect"));
}

TEST(Diagnostics, ErrorsAreProblemsAndWarningsWarnings) {
    config::LoadResult loaded;
    loaded.errors = {{{"vernemq.conf", 3, 1}, "nodename", "is wrong"}};
    loaded.warnings = {{{"vernemq.conf", 4, 1}, "", "has no effect"}};
    Findings findings;
    add_diagnostics(loaded, findings);
    EXPECT_TRUE(found(findings, Severity::Problem, "vernemq config describe nodename"));
    EXPECT_TRUE(found(findings, Severity::Warning, "vernemq.conf:4"));
}

}  // namespace
}  // namespace vmq::doctor
