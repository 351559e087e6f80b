// The checks: each looks at one thing of a configuration and of the machine, and says what it
// found.
#pragma once

#include <sys/types.h>
#include <optional>
#include <string>

#include "broker/options_from_config.h"
#include "config/config.h"
#include "config/listener_options.h"
#include "doctor/finding.h"
#include "doctor/system.h"

namespace vmq::doctor {

/// What is looked at. References outlive it.
struct Subject {
    const System& system;
    const config::Config& config;
    const broker::ConfiguredBroker& broker;  // of that configuration
    const std::optional<std::string>& file;  // the configuration file; nothing: there is none
    bool runs = false;                       // the broker of that file
    std::optional<pid_t> running;            // its process, if it may be asked
    int days = 30;                           // certificates that expire within them are told
};

using Check = void (*)(const Subject& subject, Findings& findings);

// What the system lets the broker do.
void check_open_files(const Subject& subject, Findings& findings);
void check_kernel(const Subject& subject, Findings& findings);
void check_memory(const Subject& subject, Findings& findings);
void check_clock(const Subject& subject, Findings& findings);
void check_libraries(const Subject& subject, Findings& findings);

// Folders and files.
void check_disk(const Subject& subject, Findings& findings);
void check_folders(const Subject& subject, Findings& findings);
void check_secret_files(const Subject& subject, Findings& findings);
void check_certificates(const Subject& subject, Findings& findings);

// Who can reach it and do what.
void check_ports(const Subject& subject, Findings& findings);
void check_other_brokers(const Subject& subject, Findings& findings);
void check_listeners(const Subject& subject, Findings& findings);
void check_access(const Subject& subject, Findings& findings);
void check_limits(const Subject& subject, Findings& findings);
void check_settings(const Subject& subject, Findings& findings);

/// All of them, in the order in which people read.
[[nodiscard]] Findings check_all(const Subject& subject);

/// What loading the configuration said; the other checks need one without errors.
void add_diagnostics(const config::LoadResult& loaded, Findings& findings);

// For the checks.
[[nodiscard]] bool is_loopback(const std::string& address) noexcept;
/// `listener.tcp.default`
[[nodiscard]] std::string name_of(const config::ListenerSettings& listener);
/// "1.5 GB"
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

}  // namespace vmq::doctor
