#include "doctor/checks.h"

#include "transport/peer_address.h"

#include <fmt/core.h>

#include <array>

namespace vmq::doctor {

Findings check_all(const Subject& subject) {
    constexpr std::array<Check, 15> kChecks{
        check_settings,      check_listeners,    check_access,       check_limits,  check_ports,
        check_other_brokers, check_certificates, check_secret_files, check_folders, check_disk,
        check_open_files,    check_memory,       check_kernel,       check_clock,   check_libraries,
    };
    Findings findings;
    for (const Check check : kChecks) check(subject, findings);
    return findings;
}

void add_diagnostics(const config::LoadResult& loaded, Findings& findings) {
    for (const auto& error : loaded.errors) {
        findings.push_back(
            {Severity::Problem, "configuration", config::to_string(error),
             "The broker does not start with it.",
             error.key.empty() ? "correct the line" : "vernemq config describe " + error.key});
    }
    for (const auto& warning : loaded.warnings) {
        findings.push_back({Severity::Warning, "configuration", config::to_string(warning),
                            "The broker starts, but does not do what the line asks for.",
                            "take it out, or see docs/operating/configuration.md"});
    }
}

bool is_loopback(const std::string& address) noexcept {
    return address.empty() || transport::is_loopback(address);  // empty: a Unix socket
}

std::string name_of(const config::ListenerSettings& listener) {
    return "listener." + std::string(config::word_of(listener.kind)) + "." + listener.name;
}

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::array<const char*, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
    auto number = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (number >= 1024 && unit + 1 < kUnits.size()) {
        number /= 1024;
        ++unit;
    }
    return fmt::format("{:.{}f} {}", number, unit == 0 || number >= 100 ? 0 : 1, kUnits[unit]);
}

}  // namespace vmq::doctor
