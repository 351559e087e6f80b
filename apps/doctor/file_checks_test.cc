#include <gtest/gtest.h>

#include "doctor/checks.h"
#include "doctor/fake_system.h"

namespace vmq::doctor {
namespace {

constexpr const char* kStore = "vmq_generic_msg_store.store_dir = /data/store\nlog.console = off\n";
constexpr const char* kTls =
    "listener.ssl.default = 0.0.0.0:8883\nlistener.ssl.certfile = c.pem\n"
    "listener.ssl.keyfile = k.pem\n";

constexpr const char* kHttps =
    "listener.https.web = 0.0.0.0:8443\nlistener.https.web.certfile = web-c.pem\n"
    "listener.https.web.keyfile = web.pem\n";

TEST(Disk, FileSystemsThatKeepNothingAreNoPlaceForTheStore) {
    Patient patient;
    EXPECT_EQ(worst(patient.examine(check_disk, kStore)), Severity::Ok);
    for (const char* type : {"tmpfs", "overlay", "nfs", "fuse", "9p"}) {
        patient.system.volumes["/data/store"] = patient.system.everywhere;
        patient.system.volumes["/data/store"].type = type;
        EXPECT_TRUE(found(patient.examine(check_disk, kStore), Severity::Warning, type)) << type;
    }
    const std::string elsewhere = "vmq_generic_msg_store.store_dir = /other\n";
    patient.system.volumes["log"] = patient.system.volumes["/data/store"];
    EXPECT_EQ(worst(patient.examine(check_disk, elsewhere)), Severity::Ok) << "a log may be there";
}

TEST(Disk, LittleRoomAndReadOnlyVolumesAreTold) {
    Patient patient;
    Volume& volume = patient.system.volumes["/data/store"] = patient.system.everywhere;
    volume.free_bytes = 900'000'000;
    EXPECT_TRUE(found(patient.examine(check_disk, kStore), Severity::Warning, "858 MB is free"));
    volume.free_bytes = 90'000'000;
    EXPECT_TRUE(found(patient.examine(check_disk, kStore), Severity::Problem, "85.8 MB is free"));
    volume = patient.system.everywhere;
    volume.read_only = true;
    EXPECT_TRUE(found(patient.examine(check_disk, kStore), Severity::Problem, "read-only"));
    volume = patient.system.everywhere;
    volume.free_files = 10;
    EXPECT_TRUE(found(patient.examine(check_disk, kStore), Severity::Warning, "df -i"));
}

TEST(Disk, WithoutAStoreNothingIsKept) {
    EXPECT_TRUE(found(Patient().examine(check_disk, "vmq_generic_msg_store.store_dir = ''\n"),
                      Severity::Note, "no message store"));
}

TEST(Folders, MustBelongToTheBroker) {
    Patient patient;
    EXPECT_EQ(worst(patient.examine(check_folders, kStore)), Severity::Ok) << "made at start";
    patient.system.add_folder("/data/store", 0750, 7);
    patient.system.folders["/data/store"] = {"CURRENT", "LOCK"};
    patient.system.add_file("/data/store/CURRENT", 0640, 7);
    EXPECT_EQ(worst(patient.examine(check_folders, kStore)), Severity::Ok);
    patient.system.add_file("/data/store/LOCK", 0640, 0);
    EXPECT_TRUE(found(patient.examine(check_folders, kStore), Severity::Warning,
                      "chown -R user7 /data/store"));
    patient.system.add_folder("/data/store", 0777, 7);
    EXPECT_TRUE(
        found(patient.examine(check_folders, kStore), Severity::Problem, "chmod o-w /data/store"));
    patient.system.add_file("/data/store", 0640);
    EXPECT_TRUE(found(patient.examine(check_folders, kStore), Severity::Problem, "no folder"));
}

TEST(Folders, OfTheStoreMayBeEverybodysIfTheyAreSticky) {
    Patient patient;
    patient.system.add_folder("/data/store", 01777, 7);
    EXPECT_EQ(worst(patient.examine(check_folders, kStore)), Severity::Ok);
}

TEST(Folders, OfTheLogAreNotTheBrokersToChange) {
    Patient patient;
    const std::string settings =
        "vmq_generic_msg_store.store_dir = /data/store\nlog.console = file\n"
        "log.console.file = /var/log/x.log\nlog.error.file = /tmp/error.log\n";
    patient.system.add_folder("/data/store", 0750, 7);
    patient.system.add_folder("/var/log", 0755, 0);
    patient.system.add_folder("/tmp", 01777, 0);
    patient.system.folders["/var/log"] = {"x.log", "x.log.0", "x.log.1.gz", "x.log.d", "syslog"};
    for (const char* name : {"x.log", "x.log.0", "x.log.1.gz"}) {
        patient.system.add_file(std::string("/var/log/") + name, 0640, 7);
    }
    patient.system.add_file("/var/log/syslog", 0642, 3);
    patient.system.add_file("/var/log/x.log.d", 0642, 3);
    patient.system.add_file("/tmp/error.log", 0640, 7);
    EXPECT_EQ(worst(patient.examine(check_folders, settings)), Severity::Ok);
    patient.system.add_file("/tmp/error.log", 0640, 0);
    patient.system.add_file("/var/log/x.log.1.gz", 0642, 7);
    const auto findings = patient.examine(check_folders, settings);
    EXPECT_TRUE(found(findings, Severity::Warning, "chown user7 /tmp/error.log"));
    EXPECT_TRUE(found(findings, Severity::Problem, "chmod o-w /var/log/x.log.1.gz"));
    EXPECT_EQ(findings.size(), 2U);
    patient.system.asking = 7;
    patient.system.add_file("/tmp/error.log", 0440, 7, false);
    EXPECT_TRUE(found(patient.examine(check_folders, settings), Severity::Problem,
                      "/tmp/error.log cannot be written"));
    patient.system.add_folder("/tmp/error.log", 0750, 7);
    EXPECT_TRUE(found(patient.examine(check_folders, settings), Severity::Problem, "is a folder"));
}

TEST(Folders, OfOthersAreSaidNotToBeChecked) {
    Patient patient;
    patient.system.asking = 1000;
    patient.system.add_folder("/data/store", 0700, 7, false);
    EXPECT_TRUE(found(patient.examine(check_folders, kStore), Severity::Note, "sudo -u user7"));
    patient.system.add_folder("/data/store", 0500, 1000, false);
    EXPECT_TRUE(
        found(patient.examine(check_folders, kStore), Severity::Problem, "cannot be written"));
}

TEST(Secrets, MustNotBeReadableByOthers) {
    Patient patient;
    patient.system.add_file("etc/vmq.passwd", 0640);
    patient.system.add_file("k.pem", 0600);
    EXPECT_EQ(worst(patient.examine(check_secret_files, kTls)), Severity::Ok);
    patient.system.add_file("etc/vmq.passwd", 0644);
    EXPECT_TRUE(found(patient.examine(check_secret_files, kTls), Severity::Problem,
                      "chmod o-rwx etc/vmq.passwd"));
    patient.system.add_file("etc/vmq.passwd", 0602);
    EXPECT_TRUE(found(patient.examine(check_secret_files, kTls), Severity::Problem, "write"));
    patient.system.add_file("k.pem", 0644);
    EXPECT_TRUE(found(patient.examine(check_secret_files, kTls), Severity::Problem, "k.pem"));
    const std::string with_password = std::string(kTls) + "listener.ssl.keypasswd = secret\n";
    patient.system.add_file("vernemq.conf", 0644);
    const auto findings = patient.examine(check_secret_files, with_password);
    EXPECT_TRUE(found(findings, Severity::Warning, "k.pem"));
    EXPECT_TRUE(found(findings, Severity::Warning, "chmod o-rwx vernemq.conf"));
    EXPECT_FALSE(found(findings, Severity::Warning, "secret"));
    const std::string with_keys =
        std::string(kTls) + "listener.ssl.psk_support = on\nlistener.ssl.pskfile = psk\n";
    patient.system.add_file("psk", 0644);
    EXPECT_TRUE(found(patient.examine(check_secret_files, with_keys), Severity::Problem, "psk"));
    patient.system.add_file("web.pem", 0644);
    EXPECT_TRUE(found(patient.examine(check_secret_files, kHttps), Severity::Problem,
                      "chmod o-rwx web.pem"));
}

transport::CertificateInfo certificate(transport::WallTime from, transport::WallTime until) {
    return {"c.pem", from, until, "broker.example", "", {}};
}

TEST(Certificates, AreLookedAtBeforeTheyExpire) {
    using std::chrono::days;
    Patient patient;
    const auto now = patient.system.time;
    const auto with = [&](transport::WallTime from, transport::WallTime until) {
        patient.system.certificates = std::vector{certificate(from, until)};
        return patient.examine(check_certificates, kTls);
    };
    EXPECT_EQ(worst(with(now - days(1), now + days(31))), Severity::Ok);
    EXPECT_TRUE(found(with(now - days(1), now + days(30)), Severity::Warning,
                      "expires on 2030-07-15, in 30 days"));
    EXPECT_TRUE(found(with(now - days(9), now - days(1)), Severity::Problem,
                      "listener.ssl.default: the certificate of broker.example expired on"));
    EXPECT_TRUE(found(with(now + days(1), now + days(9)), Severity::Problem, "not valid before"));
    EXPECT_TRUE(found(patient.examine(check_certificates, kHttps), Severity::Problem,
                      "listener.https.web: the certificate of broker.example is not valid"))
        << "HTTPS has certificates as well";
    patient.days = 60;
    EXPECT_EQ(worst(with(now - days(1), now + days(31))), Severity::Warning);
}

TEST(Certificates, ThatCannotBeLoadedAreAProblemUnlessTheyAreNotOurs) {
    Patient patient;
    patient.system.certificates =
        Error{ErrorCode::InvalidValue, "the key in k.pem does not belong to c.pem"};
    EXPECT_TRUE(
        found(patient.examine(check_certificates, kTls), Severity::Problem, "does not belong"));
    patient.system.asking = 1000;
    patient.system.add_file("k.pem", 0600, 7, false);
    EXPECT_TRUE(found(patient.examine(check_certificates, kTls), Severity::Note,
                      "k.pem could not be read"));
}

TEST(Certificates, WhatLoadingHadToSayIsPassedOn) {
    Patient patient;
    patient.system.tls_notices = {"the list of revoked certificates is old"};
    EXPECT_TRUE(found(patient.examine(check_certificates, kTls), Severity::Note, "revoked"));
}

}  // namespace
}  // namespace vmq::doctor
