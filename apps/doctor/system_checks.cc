// Limits of the process and the kernel, memory, clock, libraries.
#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

#include "doctor/checks.h"

namespace vmq::doctor {
namespace {

constexpr std::uint64_t kOwnFiles = 512;  // store, log, sockets between threads
constexpr std::uint64_t kRecommendedFiles = 65'536;
constexpr std::uint64_t kFewFiles = 1024;

// Measured; docs/performance.md.
constexpr std::uint64_t kBytesPerConnection = 1536;
constexpr std::uint64_t kBytesPerTlsConnection = 18'432;

std::optional<std::uint64_t> number_at_start(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
        text.remove_prefix(1);
    }
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end == text.data()) return std::nullopt;
    return number;
}

std::optional<std::uint64_t> number_in(const System& system, const std::string& path) {
    const auto text = system.read(path);
    return text ? number_at_start(*text) : std::nullopt;
}

/// /proc/sys/net/core/somaxconn of net.core.somaxconn
std::optional<std::uint64_t> sysctl(const System& system, std::string key) {
    std::replace(key.begin(), key.end(), '.', '/');
    return number_in(system, "/proc/sys/" + key);
}

/// Connections that the listeners admit; nothing: one of them has no limit.
std::optional<std::uint64_t> connections(const Subject& subject) {
    std::uint64_t sum = 0;
    for (const auto& listener : subject.config.listeners()) {
        if (!listener.max_connections) return std::nullopt;
        sum += *listener.max_connections;
    }
    return sum;
}

/// The number behind `name` in a text of lines, such as /proc/meminfo.
std::optional<std::uint64_t> number_after(const std::string& text, std::string_view name) {
    const auto at = text.find(name);
    if (at == std::string::npos) return std::nullopt;
    return number_at_start(std::string_view(text).substr(at + name.size()));
}

struct Memory {
    std::uint64_t bytes = 0;
    bool of_cgroup = false;
};

/// What the broker's control group, or one above it, may use at most.
std::optional<std::uint64_t> cgroup_limit(const System& system, const std::string& process) {
    const auto groups = system.read("/proc/" + process + "/cgroup");
    if (!groups) return std::nullopt;
    std::optional<std::uint64_t> least;
    std::string_view rest = *groups;
    while (!rest.empty()) {
        const auto line = rest.substr(0, std::min(rest.find('\n'), rest.size()));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        const auto first = line.find(':');
        const auto second = line.find(':', first == std::string_view::npos ? 0 : first + 1);
        if (second == std::string_view::npos) continue;
        const auto controllers = line.substr(first + 1, second - first - 1);
        std::string path(line.substr(second + 1));
        const bool v2 = controllers.empty();
        if (!v2 && controllers != "memory") continue;
        const std::string root = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
        const std::string file = v2 ? "/memory.max" : "/memory.limit_in_bytes";
        for (;;) {
            if (const auto limit = number_in(system, root + (path == "/" ? "" : path) + file)) {
                least = std::min(least.value_or(std::numeric_limits<std::uint64_t>::max()), *limit);
            }
            if (path.empty() || path == "/") break;
            path.erase(path.rfind('/'));
        }
    }
    return least;
}

std::optional<Memory> memory_of(const Subject& subject) {
    const auto info = subject.system.read("/proc/meminfo");
    const auto kilobytes = info ? number_after(*info, "MemTotal:") : std::nullopt;
    if (!kilobytes) return std::nullopt;
    Memory memory{*kilobytes * 1024, false};
    const std::string process = subject.running ? std::to_string(*subject.running) : "self";
    const auto limit = cgroup_limit(subject.system, process);
    if (limit && *limit < memory.bytes) memory = {*limit, true};
    return memory;
}

}  // namespace

void check_open_files(const Subject& subject, Findings& findings) {
    std::uint64_t limit = subject.system.file_limit().hard;
    std::string whose = "this shell's hard limit";
    if (subject.running) {
        const auto text =
            subject.system.read("/proc/" + std::to_string(*subject.running) + "/limits");
        const auto soft = text ? number_after(*text, "Max open files") : std::nullopt;
        if (text && text->find("Max open files            unlimited") != std::string::npos) {
            limit = std::numeric_limits<std::uint64_t>::max();
        } else if (soft) {
            limit = *soft;
        } else {
            findings.push_back({Severity::Note, "files",
                                "the limit of the running broker could not be read", "",
                                "run it as root or as the broker's user"});
            return;
        }
        whose = "the running broker's limit";
    }
    const auto admitted = connections(subject);
    const std::uint64_t needed =
        admitted ? *admitted + kOwnFiles : std::max(kRecommendedFiles, kOwnFiles);
    const std::string wanted =
        admitted ? fmt::format("max_connections of all listeners add up to {}", *admitted)
                 : std::string("there is a listener without max_connections");
    if (limit >= needed) {
        findings.push_back({Severity::Ok, "files",
                            fmt::format("{} files may be open, {} can be needed", limit, needed),
                            "", ""});
        return;
    }
    findings.push_back(
        {limit < kFewFiles ? Severity::Problem : Severity::Warning, "files",
         fmt::format("{} is {}, but {}", whose, limit, wanted),
         "Each connection is an open file; clients beyond the limit cannot connect.",
         fmt::format("LimitNOFILE={0} in the systemd unit, ulimit -n {0} in a shell as root, or "
                     "a lower max_connections",
                     std::max(needed, kRecommendedFiles))});
}

void check_kernel(const Subject& subject, Findings& findings) {
    const System& system = subject.system;
    const std::size_t before = findings.size();
    std::uint64_t backlog = 0;
    for (const auto& listener : subject.config.listeners()) {
        backlog = std::max<std::uint64_t>(backlog, listener.backlog);
    }
    const auto at_least = [&](const std::string& key, std::uint64_t wanted, Severity severity,
                              std::string why) {
        const auto found = sysctl(system, key);
        if (!found || *found >= wanted) return;
        findings.push_back({severity, "kernel",
                            fmt::format("{} is {}, {} is wanted", key, *found, wanted),
                            std::move(why),
                            fmt::format("sysctl -w {0}={1}; to keep it: echo '{0} = {1}' >> "
                                        "/etc/sysctl.d/60-vernemq.conf",
                                        key, wanted)});
    };
    at_least("net.core.somaxconn", backlog, Severity::Warning,
             "A listener's backlog is cut to it: of many clients that connect at once some have "
             "to try again.");
    at_least("net.ipv4.tcp_max_syn_backlog", backlog, Severity::Note,
             "Of many clients that connect at once some have to try again.");
    if (const auto admitted = connections(subject)) {
        const std::uint64_t needed = *admitted + kOwnFiles;
        at_least("fs.file-max", needed, Severity::Warning,
                 "The whole machine cannot open as many files as there may be connections.");
        at_least("fs.nr_open", needed, Severity::Warning,
                 "No process can open as many files as there may be connections.");
        at_least("net.netfilter.nf_conntrack_max", needed, Severity::Warning,
                 "The firewall follows each connection and drops those beyond its limit.");
    }
    const auto swappiness = sysctl(system, "vm.swappiness");
    const auto info = system.read("/proc/meminfo");
    const auto swap = info ? number_after(*info, "SwapTotal:") : std::nullopt;
    if (swappiness && *swappiness > 10 && swap.value_or(0) > 0) {
        findings.push_back({Severity::Note, "kernel",
                            fmt::format("vm.swappiness is {} and there is swap", *swappiness),
                            "Sessions that are swapped out answer late.",
                            "sysctl -w vm.swappiness=1"});
    }
    if (sysctl(system, "vm.overcommit_memory") == 2U) {
        findings.push_back(
            {Severity::Note, "kernel", "vm.overcommit_memory is 2",
             "Memory that is set aside and never used counts; the broker may be refused some "
             "although there is plenty.",
             "sysctl -w vm.overcommit_memory=0"});
    }
    const auto pages = system.read("/sys/kernel/mm/transparent_hugepage/enabled");
    if (pages && pages->find("[always]") != std::string::npos) {
        findings.push_back({Severity::Note, "kernel", "transparent huge pages are always used",
                            "Many small sessions then take more memory than they need.",
                            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"});
    }
    if (const auto range = system.read("/proc/sys/net/ipv4/ip_local_port_range")) {
        const auto low = number_at_start(*range);
        const auto blank = range->find_first_of(" \t");
        const auto high = blank == std::string::npos
                              ? std::nullopt
                              : number_at_start(std::string_view(*range).substr(blank));
        for (const auto& listener : subject.config.listeners()) {
            if (!low || !high || listener.port < *low || listener.port > *high) continue;
            findings.push_back(
                {Severity::Note, "kernel",
                 fmt::format("port {} of {} is one the system gives to outgoing connections",
                             listener.port, name_of(listener)),
                 "After a restart something else may have it.",
                 fmt::format("sysctl -w net.ipv4.ip_local_reserved_ports={}", listener.port)});
        }
    }
    if (findings.size() == before) {
        findings.push_back({Severity::Ok, "kernel", "settings of the kernel fit", "", ""});
    }
}

void check_memory(const Subject& subject, Findings& findings) {
    const auto memory = memory_of(subject);
    if (!memory) {
        findings.push_back(
            {Severity::Note, "memory", "the machine's memory could not be read", "", ""});
        return;
    }
    const std::string available =
        fmt::format("{} {}", bytes_text(memory->bytes),
                    memory->of_cgroup ? "that its control group may use" : "of this machine");
    const std::uint64_t store = subject.broker.options.store.memory_bytes;
    const std::size_t before = findings.size();
    if (store > memory->bytes / 2) {
        const bool all = store >= memory->bytes;
        findings.push_back(
            {all ? Severity::Problem : Severity::Warning, "memory",
             fmt::format("the store may take {} of the {}", bytes_text(store), available),
             "Sessions and queues need memory too; when there is none the kernel ends the broker.",
             fmt::format("leveldb.maximum_memory = {}", memory->bytes / 4)});
    }
    std::uint64_t for_connections = 0;
    bool counted = true;
    for (const auto& listener : subject.config.listeners()) {
        if (!listener.max_connections) {
            counted = false;
            continue;
        }
        const bool tls = listener.kind == config::ListenerKind::Ssl ||
                         listener.kind == config::ListenerKind::Wss;
        for_connections +=
            *listener.max_connections * (tls ? kBytesPerTlsConnection : kBytesPerConnection);
    }
    if (counted && store <= memory->bytes / 2 && for_connections + store > memory->bytes / 10 * 8) {
        findings.push_back(
            {Severity::Warning, "memory",
             fmt::format(
                 "as many idle connections as max_connections allows take some {} of the {}",
                 bytes_text(for_connections), available),
             "Without a single message in a queue; when there is no memory the kernel ends the "
             "broker.",
             "lower max_connections, or more memory"});
    }
    if (findings.size() == before) findings.push_back({Severity::Ok, "memory", available, "", ""});
}

void check_clock(const Subject& subject, Findings& findings) {
    constexpr auto kBuilt = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);
    if (subject.system.now() < kBuilt) {
        findings.push_back({Severity::Problem, "clock", "the clock is years late",
                            "Certificates are not valid yet, and messages expire at wrong times.",
                            "timedatectl set-ntp true"});
        return;
    }
    const auto synchronised = subject.system.clock_synchronised();
    if (!synchronised) {
        findings.push_back({Severity::Note, "clock",
                            "whether the clock is kept right could not be found out", "",
                            "timedatectl"});
    } else if (!*synchronised) {
        findings.push_back(
            {Severity::Warning, "clock", "nothing keeps the clock right",
             "Certificates, expiry of messages and sessions, and logs of several machines depend "
             "on it.",
             "timedatectl set-ntp true (Debian: apt install systemd-timesyncd or chrony)"});
    } else {
        findings.push_back({Severity::Ok, "clock", "synchronised", "", ""});
    }
}

void check_libraries(const Subject& subject, Findings& findings) {
    for (const auto& library : subject.system.libraries()) {
        const bool same = library.used.substr(0, library.used.find('.')) ==
                          library.built.substr(0, library.built.find('.'));
        if (same) {
            findings.push_back(
                {Severity::Ok, "libraries", library.name + " " + library.used, "", ""});
        } else {
            findings.push_back(
                {Severity::Problem, "libraries",
                 fmt::format("{} {} is in use, the broker is made for {}", library.name,
                             library.used, library.built),
                 "It may do something else than the broker expects.",
                 "install the package of the broker for this version of the system"});
        }
    }
}

}  // namespace vmq::doctor
