// A machine made up by a test: all is well unless the test says otherwise.
#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/file_source.h"
#include "doctor/checks.h"

namespace vmq::doctor {

class FakeSystem final : public System {
public:
    std::map<std::string, std::string> texts{
        {"/proc/meminfo", "MemTotal:        8388608 kB\nSwapTotal:             0 kB\n"},
        {"/proc/sys/net/core/somaxconn", "4096\n"},
        {"/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"},
        {"/proc/self/cgroup", "0::/\n"},
    };
    std::map<std::string, FileFacts> files;
    std::map<std::string, Volume> volumes;  // by path
    Volume everywhere{"ext4", 100'000'000'000, 50'000'000'000, 1'000'000, 900'000, false};
    std::map<std::string, std::vector<std::string>> folders;
    FileLimit limit{1024, 1'048'576};
    uid_t asking = 0;
    transport::WallTime time = std::chrono::sys_days(std::chrono::year(2030) / 6 / 15);
    std::optional<bool> synchronised = true;
    std::map<std::uint16_t, PortUse> ports;
    std::vector<Process> running;
    Result<std::vector<transport::CertificateInfo>> certificates{
        std::vector<transport::CertificateInfo>{}};
    std::vector<std::string> tls_notices;
    std::vector<Library> used{{"OpenSSL", "3.0.1", "3.0.9"}};

    void add_file(const std::string& path, mode_t mode, uid_t owner = 0, bool readable = true) {
        files[path] = {S_IFREG | mode, owner, readable, readable};
    }
    void add_folder(const std::string& path, mode_t mode, uid_t owner = 0, bool writable = true) {
        files[path] = {S_IFDIR | mode, owner, true, writable};
    }

    std::optional<std::string> read(const std::string& path) const override {
        const auto found = texts.find(path);
        return found == texts.end() ? std::nullopt : std::optional(found->second);
    }
    std::optional<FileFacts> file(const std::string& path) const override {
        const auto found = files.find(path);
        return found == files.end() ? std::nullopt : std::optional(found->second);
    }
    std::optional<Volume> volume(const std::string& path) const override {
        const auto found = volumes.find(path);
        return found == volumes.end() ? everywhere : found->second;
    }
    std::vector<std::string> list(const std::string& folder) const override {
        const auto found = folders.find(folder);
        return found == folders.end() ? std::vector<std::string>() : found->second;
    }
    FileLimit file_limit() const override { return limit; }
    uid_t user() const override { return asking; }
    std::string user_name(uid_t user) const override {
        return user == 0 ? "root" : "user" + std::to_string(user);
    }
    transport::WallTime now() const override { return time; }
    std::optional<bool> clock_synchronised() const override { return synchronised; }
    PortUse port(const std::string& /*address*/, std::uint16_t port) const override {
        const auto found = ports.find(port);
        return found == ports.end() ? PortUse{} : found->second;
    }
    std::vector<Process> processes() const override { return running; }
    Result<std::vector<transport::CertificateInfo>> load_tls(
        const transport::TlsOptions& /*options*/,
        std::vector<std::string>& notices) const override {
        notices = tls_notices;
        return certificates;
    }
    std::vector<Library> libraries() const override { return used; }
};

/// Runs a check on a made up machine with lines of a configuration.
class Patient final {
public:
    FakeSystem system;
    bool runs = false;
    std::optional<pid_t> pid;
    int days = 30;

    Findings examine(Check check, const std::string& settings = {}) const {
        config::MemoryFiles files;
        files.files["vernemq.conf"] = settings;
        const auto loaded = config::Config::load(files, "vernemq.conf");
        if (!loaded.config) return {{Severity::Problem, "test", "the settings are wrong", "", ""}};
        const auto configured = broker::options_from_config(*loaded.config);
        const std::optional<std::string> file = "vernemq.conf";
        Findings findings;
        check({system, *loaded.config, configured, file, runs, pid, days}, findings);
        return findings;
    }
};

/// Whether there is one of that severity in whose text, hint and all, `words` stand.
inline bool found(const Findings& findings, Severity severity, std::string_view words) {
    for (const Finding& each : findings) {
        const std::string text = each.what + " " + each.why + " " + each.fix;
        if (each.severity == severity && text.find(words) != std::string::npos) return true;
    }
    return false;
}

inline Severity worst(const Findings& findings) {
    Severity result = Severity::Ok;
    for (const Finding& each : findings) result = std::max(result, each.severity);
    return result;
}

}  // namespace vmq::doctor
