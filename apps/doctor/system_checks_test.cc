#include <gtest/gtest.h>

#include "doctor/checks.h"
#include "doctor/fake_system.h"

namespace vmq::doctor {
namespace {

constexpr const char* kListener = "listener.tcp.default = 127.0.0.1:1883\n";

TEST(OpenFiles, MustSufficeForAllConnections) {
    Patient patient;
    EXPECT_EQ(worst(patient.examine(check_open_files, kListener)), Severity::Ok);
    patient.system.limit = {1024, 10'000};
    const auto findings = patient.examine(check_open_files, kListener);
    EXPECT_TRUE(found(findings, Severity::Warning, "10000"));
    EXPECT_TRUE(found(findings, Severity::Warning, "LimitNOFILE=65536"));
    patient.system.limit = {256, 256};
    EXPECT_TRUE(found(patient.examine(check_open_files, kListener), Severity::Problem, "256"));
    EXPECT_EQ(worst(patient.examine(check_open_files,
                                    std::string(kListener) + "listener.max_connections = 100\n")),
              Severity::Problem);
}

TEST(OpenFiles, WithoutALimitOfConnectionsTheRecommendationCounts) {
    Patient patient;
    patient.system.limit = {1024, 65'535};
    const std::string unlimited = std::string(kListener) + "listener.max_connections = infinity\n";
    EXPECT_EQ(worst(patient.examine(check_open_files, unlimited)), Severity::Warning);
}

TEST(OpenFiles, ARunningBrokerIsAskedForItsOwn) {
    Patient patient;
    patient.pid = 77;
    EXPECT_TRUE(found(patient.examine(check_open_files, kListener), Severity::Note, "could not"));
    patient.system.texts["/proc/77/limits"] =
        "Max processes             1                    1                    processes\n"
        "Max open files            2048                 4096                 files\n";
    EXPECT_TRUE(found(patient.examine(check_open_files, kListener), Severity::Warning,
                      "the running broker's limit is 2048"));
    patient.system.texts["/proc/77/limits"] =
        "Max open files            unlimited            unlimited            files\n";
    EXPECT_EQ(worst(patient.examine(check_open_files, kListener)), Severity::Ok);
}

TEST(Kernel, LimitsBelowTheConfigurationAreToldWithTheCommandThatRaisesThem) {
    Patient patient;
    EXPECT_EQ(worst(patient.examine(check_kernel, kListener)), Severity::Ok);
    patient.system.texts["/proc/sys/net/core/somaxconn"] = "128\n";
    patient.system.texts["/proc/sys/fs/file-max"] = "9000\n";
    patient.system.texts["/proc/sys/fs/nr_open"] = "9001\n";
    patient.system.texts["/proc/sys/net/netfilter/nf_conntrack_max"] = "9002\n";
    patient.system.texts["/proc/sys/net/ipv4/tcp_max_syn_backlog"] = "100\n";
    const auto findings = patient.examine(check_kernel, kListener);
    for (const char* fix :
         {"sysctl -w net.core.somaxconn=1024", "sysctl -w fs.file-max=10512",
          "sysctl -w fs.nr_open=10512", "sysctl -w net.netfilter.nf_conntrack_max=10512",
          "echo 'fs.nr_open = 10512' >> /etc/sysctl.d/60-vernemq.conf"}) {
        EXPECT_TRUE(found(findings, Severity::Warning, fix)) << fix;
    }
    EXPECT_TRUE(found(findings, Severity::Note, "net.ipv4.tcp_max_syn_backlog=1024"));
}

TEST(Kernel, WhatCostsLatencyIsANote) {
    Patient patient;
    patient.system.texts["/proc/sys/vm/swappiness"] = "60\n";
    EXPECT_EQ(worst(patient.examine(check_kernel, kListener)), Severity::Ok) << "without swap";
    patient.system.texts["/proc/meminfo"] = "MemTotal: 8388608 kB\nSwapTotal: 1000 kB\n";
    patient.system.texts["/proc/sys/vm/overcommit_memory"] = "2\n";
    patient.system.texts["/sys/kernel/mm/transparent_hugepage/enabled"] = "[always] madvise never";
    const auto findings = patient.examine(check_kernel, "listener.tcp.default = 127.0.0.1:40000\n");
    for (const char* what : {"vm.swappiness is 60", "vm.overcommit_memory is 2", "huge pages",
                             "ip_local_reserved_ports=40000"}) {
        EXPECT_TRUE(found(findings, Severity::Note, what)) << what;
    }
    EXPECT_EQ(findings.size(), 4U);
}

TEST(Memory, TheStoreMustNotTakeAllOfIt) {
    Patient patient;
    EXPECT_EQ(worst(patient.examine(check_memory, kListener)), Severity::Ok);
    patient.system.texts["/proc/meminfo"] = "MemTotal: 2097152 kB\n";
    EXPECT_TRUE(found(patient.examine(check_memory, "leveldb.maximum_memory = 1500000000\n"),
                      Severity::Warning, "leveldb.maximum_memory = 536870912"));
    EXPECT_EQ(worst(patient.examine(check_memory, "leveldb.maximum_memory = 3000000000\n")),
              Severity::Problem);
}

TEST(Memory, TheLimitOfAControlGroupCounts) {
    Patient patient;
    patient.system.texts["/proc/self/cgroup"] = "0::/system.slice/vernemq.service\n";
    patient.system.texts["/sys/fs/cgroup/system.slice/vernemq.service/memory.max"] = "max\n";
    patient.system.texts["/sys/fs/cgroup/system.slice/memory.max"] = "134217728\n";
    EXPECT_TRUE(found(patient.examine(check_memory, "leveldb.maximum_memory = 100000000\n"),
                      Severity::Warning, "control group"));
    patient.system.texts["/proc/self/cgroup"] = "5:cpu:/\n4:memory:/box\n";
    patient.system.texts["/sys/fs/cgroup/memory/box/memory.limit_in_bytes"] = "50000000\n";
    EXPECT_TRUE(found(patient.examine(check_memory, "leveldb.maximum_memory = 100000000\n"),
                      Severity::Problem, "control group"));
}

TEST(Memory, ConnectionsNeedSome) {
    const Patient patient;
    EXPECT_TRUE(found(patient.examine(check_memory, std::string(kListener) +
                                                        "listener.max_connections = 6000000\n"),
                      Severity::Warning, "max_connections"));
}

TEST(Memory, ThatCannotBeReadIsSaid) {
    Patient patient;
    patient.system.texts.erase("/proc/meminfo");
    EXPECT_TRUE(found(patient.examine(check_memory), Severity::Note, "could not be read"));
}

TEST(Clock, MustBeKeptRight) {
    Patient patient;
    EXPECT_EQ(worst(patient.examine(check_clock)), Severity::Ok);
    patient.system.synchronised = false;
    EXPECT_TRUE(found(patient.examine(check_clock), Severity::Warning, "timedatectl set-ntp true"));
    patient.system.synchronised = std::nullopt;
    EXPECT_EQ(worst(patient.examine(check_clock)), Severity::Note);
    patient.system.time = std::chrono::sys_days(std::chrono::year(1970) / 1 / 1);
    EXPECT_EQ(worst(patient.examine(check_clock)), Severity::Problem);
}

TEST(Libraries, OfAnotherMajorVersionAreAProblem) {
    Patient patient;
    EXPECT_TRUE(found(patient.examine(check_libraries), Severity::Ok, "OpenSSL 3.0.1"));
    patient.system.used = {{"RocksDB", "6.29.0", "7.8.3"}};
    EXPECT_TRUE(found(patient.examine(check_libraries), Severity::Problem, "RocksDB 6.29.0"));
}

}  // namespace
}  // namespace vmq::doctor
