// Listeners, ports, who may connect and do what, settings that carry a risk.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "config/file_source.h"
#include "doctor/checks.h"

namespace vmq::doctor {
namespace {

using Kind = config::ListenerKind;

bool is_mqtt(Kind kind) {
    return kind == Kind::Tcp || kind == Kind::Ssl || kind == Kind::Ws || kind == Kind::Wss;
}
bool is_plain(Kind kind) { return kind == Kind::Tcp || kind == Kind::Ws; }

bool has_plugin(const Subject& subject, std::string_view name) {
    const auto& enabled = subject.config.plugins().enabled;
    return std::any_of(enabled.begin(), enabled.end(),
                       [name](const config::EnabledPlugin& each) { return each.name == name; });
}

/// Whether nobody gets as far as CONNECT without a certificate or a key. Where there is a
/// certificate of the broker, pre-shared keys are only one way to come in.
bool asks_for_a_key(const config::ListenerSettings& listener) {
    if (is_plain(listener.kind)) return false;
    return listener.tls.require_certificate ||
           (listener.tls.psk_support && listener.tls.certfile.empty());
}

std::string endpoint_of(const config::ListenerSettings& listener) {
    if (listener.address.find(':') != std::string::npos) {
        return fmt::format("[{}]:{}", listener.address, listener.port);
    }
    return fmt::format("{}:{}", listener.address, listener.port);
}

/// The first rule that lets everybody do something with every topic, whatever their name.
std::string rule_for_everybody(std::string_view acl) {
    bool for_one = false;
    while (!acl.empty()) {
        auto line = acl.substr(0, std::min(acl.find('\n'), acl.size()));
        acl.remove_prefix(std::min(line.size() + 1, acl.size()));
        std::array<std::string, 3> words;
        std::size_t count = 0;
        while (count < words.size()) {
            line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
            const std::size_t end = std::min(line.find_first_of(" \t\r"), line.size());
            if (end == 0) break;
            words[count++] = line.substr(0, end);
            line.remove_prefix(end);
        }
        if (count == 0 || words[0].starts_with('#')) continue;
        // Topics that follow are for one name; patterns are for everybody wherever they stand.
        for_one = for_one || words[0] == "user";
        const bool for_all = words[0] == "pattern" || (words[0] == "topic" && !for_one);
        if (for_all && count > 1 && words[count - 1] == "#") {
            return words[0] + " " + (count > 2 ? words[1] + " " : "") + "#";
        }
    }
    return {};
}

void check_rules(const Subject& subject, bool in_public, Findings& findings) {
    if (!has_plugin(subject, "vmq_acl")) return;
    const std::string& path = subject.config.plugins().acl_file;
    const auto facts = subject.system.file(path);
    if (facts && !facts->readable) {
        findings.push_back({Severity::Note, "access", path + " could not be read and checked", "",
                            "run it as root or as the broker's user"});
        return;
    }
    std::string rule;
    if (!facts && !subject.config.plugins().acl_file_is_set) {
        rule = "topic #";  // what holds then, as with VerneMQ's own file
    } else if (!facts) {
        findings.push_back({Severity::Problem, "access", path + " is not there",
                            "Nobody may publish or subscribe.",
                            fmt::format("echo 'topic #' > {} lets everybody do everything; see "
                                        "docs/operating/acl.md",
                                        path)});
        return;
    } else {
        rule = rule_for_everybody(subject.system.read(path).value_or(""));
    }
    if (rule.empty()) {
        findings.push_back({Severity::Ok, "access", path + " opens no topic to everybody", "", ""});
        return;
    }
    findings.push_back(
        {in_public ? Severity::Warning : Severity::Note, "access",
         facts ? fmt::format("the rule '{}' of {} holds for everybody", rule, path)
               : fmt::format("{} is not there: everybody may do everything", path),
         "Every client may read the messages of all others, and send in their place.",
         fmt::format(
             "topics below `user NAME`, patterns with %u or %c in {}; `vmq-admin acl preview "
             "path=FILE` shows what they would end",
             path)});
}

}  // namespace

void check_ports(const Subject& subject, Findings& findings) {
    if (subject.runs) return;  // it has them
    for (const auto& listener : subject.config.listeners()) {
        if (listener.address.empty() || listener.port == 0) continue;
        const std::string where = name_of(listener) + " at " + endpoint_of(listener);
        const PortUse use = subject.system.port(listener.address, listener.port);
        const std::string start = "The broker does not start with it.";
        switch (use.state) {
            case PortUse::State::Free:
                findings.push_back({Severity::Ok, "ports", where + ": free", "", ""});
                break;
            case PortUse::State::Taken:
                findings.push_back(
                    {Severity::Problem, "ports",
                     fmt::format("{}: taken by {}", where,
                                 use.holder.empty() ? "another program" : use.holder),
                     start,
                     fmt::format("stop it (`ss -ltnp 'sport = :{}'` shows it to root), or give {} "
                                 "another port",
                                 listener.port, name_of(listener))});
                break;
            case PortUse::State::NotAllowed:
                findings.push_back(
                    {Severity::Warning, "ports",
                     fmt::format("{}: {} may not listen there", where,
                                 subject.system.user_name(subject.system.user())),
                     "Ports below 1024 need a right of their own.",
                     "AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit, as ours has "
                     "it, or a port above 1023"});
                break;
            case PortUse::State::NoSuchAddress:
                findings.push_back({Severity::Problem, "ports",
                                    where + ": this machine has no such address", start,
                                    "ip address shows those it has; 0.0.0.0 is all of IPv4"});
                break;
            case PortUse::State::Unknown:
                findings.push_back(
                    {Severity::Note, "ports", where + ": could not be tried", "", ""});
                break;
        }
    }
}

void check_other_brokers(const Subject& subject, Findings& findings) {
    constexpr std::array<std::string_view, 5> kBrokers{"mosquitto", "nanomq", "flashmq", "hivemq",
                                                       "emqx"};
    for (const Process& process : subject.system.processes()) {
        std::string name = process.name;
        if (name == "beam.smp") {
            const auto line =
                subject.system.read("/proc/" + std::to_string(process.pid) + "/cmdline");
            if (!line) continue;
            if (line->find("vernemq") != std::string::npos) name = "VerneMQ (Erlang)";
            if (line->find("emqx") != std::string::npos) name = "emqx";
            if (name == "beam.smp") continue;
        } else if (std::find(kBrokers.begin(), kBrokers.end(), name) == kBrokers.end()) {
            continue;
        }
        findings.push_back({Severity::Note, "brokers",
                            fmt::format("{} runs here as well (pid {})", name, process.pid),
                            "It wants the same ports, and clients may be connected to it.",
                            "systemctl disable --now " +
                                (name.starts_with("VerneMQ") ? std::string("vernemq") : name)});
    }
}

void check_listeners(const Subject& subject, Findings& findings) {
    for (const auto& listener : subject.config.listeners()) {
        if (is_loopback(listener.address)) continue;
        const std::string where = fmt::format("{} = {}", name_of(listener), endpoint_of(listener));
        if (is_mqtt(listener.kind) && is_plain(listener.kind)) {
            const bool proxy = listener.proxy.proxy_protocol || listener.proxy.xff_support;
            findings.push_back(
                {proxy ? Severity::Note : Severity::Warning, "listeners", where + " is without TLS",
                 proxy ? "Behind a proxy that may be meant; nobody else must reach it."
                       : "Passwords and messages can be read on their way.",
                 fmt::format("listener.{}.default with certfile and keyfile, or {} = 127.0.0.1:{}",
                             listener.kind == Kind::Ws ? "wss" : "ssl", name_of(listener),
                             listener.port)});
        }
        if (listener.kind == Kind::Http) {
            findings.push_back(
                {Severity::Warning, "listeners", where + " lets other machines ask it",
                 "Status, metrics and management are there, and API keys can be read on their way.",
                 fmt::format("{} = 127.0.0.1:{}, and a proxy with TLS before it", name_of(listener),
                             listener.port)});
        }
        if ((listener.kind == Kind::Vmq || listener.kind == Kind::Vmqs) &&
            subject.config.node().distributed_cookie == config::NodeSettings{}.distributed_cookie) {
            findings.push_back({Severity::Problem, "listeners",
                                where + " with the default distributed_cookie",
                                "Whoever reaches it can join the cluster and read everything.",
                                "distributed_cookie = $(<cookie.txt), the same on all nodes: "
                                "head -c 32 /dev/urandom | base64 > /etc/vernemq/cookie.txt"});
        }
        const auto& versions = listener.tls.tls_versions;
        if (is_mqtt(listener.kind) && !is_plain(listener.kind) &&
            std::any_of(versions.begin(), versions.end(), [](const std::string& each) {
                return each == "tlsv1" || each == "tlsv1.1";
            })) {
            findings.push_back({Severity::Warning, "listeners", where + " allows TLS 1.0 or 1.1",
                                "They can be broken.",
                                name_of(listener) + ".tls_version = tlsv1.2,tlsv1.3"});
        }
    }
}

void check_access(const Subject& subject, Findings& findings) {
    bool in_public = false;
    for (const auto& listener : subject.config.listeners()) {
        if (!is_mqtt(listener.kind) || is_loopback(listener.address)) continue;
        in_public = true;
        const bool override_here = listener.allow_anonymous_override;
        if (!subject.config.mqtt().allow_anonymous && !override_here) continue;
        if (asks_for_a_key(listener)) continue;
        const bool ruled = has_plugin(subject, "vmq_acl");
        findings.push_back(
            {ruled ? Severity::Warning : Severity::Problem, "access",
             fmt::format("clients of other machines need no password at {}", name_of(listener)),
             ruled ? "Everybody who reaches the port may do what the ACL grants to everybody."
                   : "Everybody who reaches the port may read and write everything.",
             override_here ? name_of(listener) + ".allow_anonymous_override = off"
                           : "allow_anonymous = off"});
    }
    const std::string& passwords = subject.config.plugins().password_file;
    if (has_plugin(subject, "vmq_passwd") && !subject.config.mqtt().allow_anonymous) {
        const auto facts = subject.system.file(passwords);
        if (!facts) {
            findings.push_back({Severity::Warning, "access", passwords + " is not there",
                                "Nobody can log in with a password.",
                                fmt::format("vmq-passwd -c {} NAME", passwords)});
        } else if (!facts->readable) {
            findings.push_back({Severity::Note, "access",
                                passwords + " could not be read and checked", "",
                                "run it as root or as the broker's user"});
        }
    }
    check_rules(subject, in_public, findings);
}

void check_limits(const Subject& subject, Findings& findings) {
    const std::size_t before = findings.size();
    const auto& mqtt = subject.config.mqtt();
    if (mqtt.max_online_messages < 0 || mqtt.max_offline_messages < 0) {
        const std::string key =
            mqtt.max_online_messages < 0 ? "max_online_messages" : "max_offline_messages";
        findings.push_back({Severity::Warning, "limits", key + " = -1: queues have no limit",
                            "One client that does not read, or never returns, can fill memory and "
                            "disk.",
                            key + " = 100000"});
    }
    const auto& node = subject.config.node();
    if (!node.store_dir.empty() && node.durability == config::Durability::Memory &&
        !node.sync_on_write) {
        findings.push_back({Severity::Warning, "limits", "durability = memory",
                            "Messages are acknowledged before they are written: a crash loses "
                            "them. docs/operating/durability.md has the table.",
                            "durability = os"});
    }
    if (!mqtt.persistent_client_expiration_s && mqtt.max_session_expiry_interval_s == 0) {
        findings.push_back({Severity::Note, "limits", "sessions of absent clients never expire",
                            "Each client id that was ever used with a persistent session keeps its "
                            "queue and subscriptions.",
                            "persistent_client_expiration = 2w, max_session_expiry_interval = "
                            "1209600"});
    }
    if (mqtt.max_message_size == 0) {
        findings.push_back({Severity::Note, "limits",
                            "max_message_size = 0: a message may have 256 MB",
                            "A few clients that send such messages need much memory.",
                            "max_message_size = 1048576"});
    }
    if (findings.size() == before) {
        findings.push_back(
            {Severity::Ok, "limits", "queues, sessions and messages have limits", "", ""});
    }
}

void check_settings(const Subject& subject, Findings& findings) {
    for (const std::string& warning : subject.broker.warnings) {
        findings.push_back({Severity::Warning, "configuration", warning, "", ""});
    }
    if (!subject.file) {
        findings.push_back({Severity::Note, "configuration", "there is no configuration file",
                            "Programs on this machine can connect without a password, others "
                            "cannot.",
                            "vernemq config default > /etc/vernemq/vernemq.conf"});
        return;
    }
    for (const char* name : {"advanced.config", "vm.args"}) {
        const std::string path = config::path_from(config::directory_of(*subject.file), name);
        if (!subject.system.file(path)) continue;
        findings.push_back({Severity::Note, "configuration", path + " is not read",
                            "It is for the Erlang VM of VerneMQ.",
                            "move what is in it to " + *subject.file});
    }
}

}  // namespace vmq::doctor
