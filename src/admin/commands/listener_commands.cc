// listener: the ways in.
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "admin/commands/handlers.h"
#include "admin/commands/node.h"
#include "config/listener_options.h"
#include "config/value.h"

namespace vmq::admin::commands {
namespace {

constexpr std::string_view kLocal = "local:";

const std::vector<Argument> kEndpoint{
    {"address", "Address", "IPv4 or IPv6 address, or local:/path of a Unix socket.", true},
    {"port", "Port", "0 to 65535; of a Unix socket 0.", true, ValueType::Integer, 0}};

struct Where {
    std::string address;  // of a Unix socket its path
    std::uint16_t port = 0;
    bool local = false;
};

Result<Where> where_of(const Invocation& invocation) {
    const std::string address = invocation.argument("address").value_or("");
    const std::string port = invocation.argument("port").value_or("");
    const auto wrong = [](const std::string& name, const std::string& value) {
        return Error{ErrorCode::InvalidValue, "Invalid arguments: " + name + "=" + value + " "};
    };
    const auto number = integer_of(port);
    if (!number || *number > 65535) return wrong("port", port);
    if (address.starts_with(kLocal)) {
        if (*number != 0) return wrong("port", port);
        if (address.size() == kLocal.size()) return wrong("address", address);
        return Where{address.substr(kLocal.size()), 0, true};
    }
    const auto endpoint = config::parse_address(address + ":" + port);
    if (!endpoint) return wrong("address", address);
    return Where{endpoint.value().address, endpoint.value().port, false};
}

std::string joined(const std::vector<std::string>& words) {
    std::string result;
    for (const std::string& word : words) result += (result.empty() ? "" : ", ") + word;
    return result;
}

std::string version_names(const std::vector<std::uint8_t>& versions) {
    const std::map<int, std::string> names{{3, "mqtt 3.1"},
                                           {4, "mqtt 3.1.1"},
                                           {5, "mqtt 5"},
                                           {131, "mqtt 3.1 (bridge)"},
                                           {132, "mqtt 3.1.1 (bridge)"}};
    std::vector<std::string> words;
    for (const std::uint8_t version : versions) {
        const auto found = names.find(version);
        words.push_back(found == names.end() ? std::to_string(version) : found->second);
    }
    return joined(words);
}

Answer show_listeners(const Invocation& invocation, Node& node) {
    Table result{{"type", "status", "address", "port", "mountpoint", "max_conns", "active_conns",
                  "all_conns"},
                 {}};
    const bool tls = invocation.is_on("tls");
    const bool mqtt = invocation.is_on("mqtt");
    const auto columns = [&result](std::initializer_list<const char*> names) {
        result.columns.insert(result.columns.end(), names.begin(), names.end());
    };
    if (tls) {
        columns({"tls_version", "certfile", "cafile", "keyfile", "require_certificate",
                 "use_identity_as_username", "psk_support", "pskfile"});
    }
    if (mqtt) columns({"allowed_protocol_versions", "allow_anonymous_override"});
    for (const ListenerView& listener : node.listeners()) {
        const auto& now = listener.now;
        const bool local = !listener.settings.unix_path.empty();
        const Cell most = now.max_connections ? Cell(std::int64_t{*now.max_connections})
                                              : Cell(std::string("infinity"));
        std::vector<Cell> row{now.type,
                              std::string(now.running ? "running" : "suspended"),
                              (local ? std::string(kLocal) : std::string()) + now.address,
                              std::to_string(now.port),
                              now.mountpoint,
                              most,
                              std::int64_t{now.connections},
                              static_cast<std::int64_t>(now.accepted)};
        // Of links to other nodes there are other numbers: cluster show --details.
        const bool clustering = now.type == "vmq" || now.type == "vmqs";
        if (clustering) row[6] = row[7] = Cell();
        const bool has_tls = now.type == "vmqs" || now.type == "mqtts" || now.type == "mqttwss" ||
                             now.type == "https";
        const bool has_mqtt = now.type.starts_with("mqtt");
        const auto add = [&row](bool there, Cell cell) {
            row.push_back(there ? std::move(cell) : Cell());
        };
        const config::TlsSettings& used = listener.settings.tls;
        if (tls) {
            add(has_tls, joined(used.tls_versions));
            add(has_tls, used.certfile);
            add(has_tls, used.cafile);
            add(has_tls, used.keyfile);
            add(has_tls, used.require_certificate);
            add(has_tls, used.use_identity_as_username);
            add(has_tls, used.psk_support);
            add(has_tls, used.psk_support ? Cell(used.pskfile) : Cell());
        }
        if (mqtt) {
            add(has_mqtt, version_names(listener.settings.allowed_protocol_versions));
            add(has_mqtt, listener.settings.allow_anonymous_override);
        }
        result.rows.push_back(std::move(row));
    }
    return table(std::move(result));
}

Answer act(const Invocation& invocation, Node& node, Node::ListenerAction action) {
    const auto where = where_of(invocation);
    if (!where) return refusal(where.error().detail);
    const auto did = node.act(action, where.value().address, where.value().port);
    if (did) return done();
    // VerneMQ's `delete` is content if it is gone already.
    if (action == Node::ListenerAction::Remove && did.error().code == ErrorCode::NotFound) {
        return done();
    }
    return refusal(did.error().detail);
}

Answer stop(const Invocation& invocation, Node& node) {
    return act(invocation, node,
               invocation.is_on("kill_sessions") ? Node::ListenerAction::Stop
                                                 : Node::ListenerAction::Suspend);
}
Answer suspend(const Invocation& invocation, Node& node) {
    return act(invocation, node, Node::ListenerAction::Suspend);
}
Answer resume(const Invocation& invocation, Node& node) {
    return act(invocation, node, Node::ListenerAction::Resume);
}
Answer remove_listener(const Invocation& invocation, Node& node) {
    return act(invocation, node, Node::ListenerAction::Remove);
}

// listener start: the flags are the options of vernemq.conf, so what is given is written as a
// configuration of one listener and read like one.

constexpr std::string_view kFileFlags[] = {"cafile", "certfile", "keyfile", "crlfile", "pskfile"};
/// Flags that say which kind of listener it is, or that only VerneMQ's own HTTP server needs.
constexpr std::string_view kNotOptions[] = {"websocket", "http", "ssl", "config_mod", "config_fun"};

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

config::ListenerKind kind_of(const Invocation& invocation) {
    const bool ssl = invocation.is_on("ssl");
    if (invocation.is_on("websocket")) {
        return ssl ? config::ListenerKind::Wss : config::ListenerKind::Ws;
    }
    if (invocation.is_on("http")) {
        return ssl ? config::ListenerKind::Https : config::ListenerKind::Http;
    }
    return ssl ? config::ListenerKind::Ssl : config::ListenerKind::Tcp;
}

/// The value as it would stand in vernemq.conf.
std::string option_text(const config::Setting& setting, std::string_view flag, std::string value) {
    if (setting.type == config::ValueType::Flag) return value == "true" ? "on" : "off";
    if (flag == "eccs") std::ranges::replace(value, ':', ',');
    return value;
}

struct ConfiguredListener {
    std::string text;     // lines of a configuration
    std::string problem;  // or what is wrong with a flag
};

ConfiguredListener configuration_of(const Invocation& invocation, const Where& where,
                                    config::ListenerKind kind) {
    const std::string key = "listener." + std::string(config::word_of(kind)) + ".started";
    const bool v6 = !where.local && where.address.find(':') != std::string::npos;
    std::string address = where.address;
    if (where.local) address.insert(0, kLocal);
    if (v6) address = "[" + address + "]";
    ConfiguredListener result;
    result.text = key + " = " + config::quoted(address + ":" + std::to_string(where.port)) + "\n";
    for (const GivenFlag& flag : invocation.flags()) {
        if (is_one_of(kNotOptions, flag.name)) continue;
        const auto* option = config::find_listener_option(flag.name);
        if (option == nullptr || !option->has(kind)) continue;  // as in VerneMQ: TLS without --ssl
        const std::string value =
            option_text(option->setting, flag.name, flag.value.value_or("true"));
        std::error_code ignored;
        const bool missing =
            is_one_of(kFileFlags, flag.name) && !std::filesystem::exists(value, ignored);
        if (missing || !config::parse_value(option->setting, value)) {
            result.problem = "Invalid value: \"" + flag.value.value_or("") +
                             "\" for flag: " + std::string(flag.name);
            return result;
        }
        result.text += key + "." + std::string(flag.name) + " = " + config::quoted(value) + "\n";
    }
    return result;
}

Answer start(const Invocation& invocation, Node& node) {
    const auto where = where_of(invocation);
    if (!where) return refusal(where.error().detail);
    const config::ListenerKind kind = kind_of(invocation);
    const ConfiguredListener written = configuration_of(invocation, where.value(), kind);
    if (!written.problem.empty()) return refusal(written.problem);
    config::MemoryFiles files;
    files.files["listener"] = written.text;
    const config::LoadResult loaded = config::Config::load(files, "listener");
    if (!loaded.config || loaded.config->listeners().empty()) {
        return alert("can't start listener due to '" +
                     (loaded.errors.empty() ? "its address" : loaded.errors.front().message) + "'");
    }
    config::ListenerSettings settings = loaded.config->listeners().front();
    settings.name = where.value().address + ":" + std::to_string(where.value().port);
    const auto started = node.start_listener(settings);
    if (started) return done();
    const bool taken = started.error().code == ErrorCode::AddressInUse;
    return alert("can't start listener due to '" +
                 (taken ? std::string("eaddrinuse") : started.error().detail) + "'");
}

std::vector<Flag> start_flags() {
    const auto with = [](std::string_view name, std::string_view value, std::string_view help,
                         char letter = 0) { return Flag{name, letter, Takes::Value, value, help}; };
    const auto without = [](std::string_view name, std::string_view help) {
        return Flag{name, 0, Takes::Nothing, {}, help};
    };
    return {
        with("mountpoint", "Mountpoint", "Name space of its clients.", 'm'),
        with("nr_of_acceptors", "N", "Accepted for VerneMQ's sake; has no effect."),
        with("max_connections", "N|infinity", "Most connections at a time."),
        with("tls_handshake_timeout", "ms|infinity", "Time limit of the TLS handshake."),
        with("allowed_protocol_versions", "3,4,5", "Protocol levels clients may use."),
        without("websocket", "MQTT over WebSocket."),
        without("http", "HTTP: status page, metrics, API."),
        without("ssl", "TLS."),
        with("config_mod", "Module", "Of HTTP; without effect."),
        with("config_fun", "Function", "Of HTTP; without effect."),
        with("http_modules", "[a,b]", "What HTTP serves; as the configuration says."),
        without("proxy_protocol", "Connections begin with a PROXY header."),
        without("proxy_protocol_use_cn_as_username", "Takes the user name from that header."),
        without("proxy_xff_support", "Takes the client's address from X-Forwarded-For."),
        with("proxy_xff_trusted_intermediate", "Addresses", "Proxies that may send that header."),
        without("proxy_xff_use_cn_as_username", "Takes the user name from a header as well."),
        with("proxy_xff_cn_header", "Header", "The header that holds the user name."),
        with("cafile", "File", "Certificates that vouch for clients (PEM)."),
        with("certfile", "File", "Certificate of the listener (PEM)."),
        with("keyfile", "File", "Its private key (PEM)."),
        with("keypasswd", "Password", "Password of the private key."),
        with("crlfile", "File", "Revoked certificates (PEM)."),
        with("pskfile", "File", "File of pre-shared keys."),
        without("psk_support", "Allows TLS with pre-shared keys."),
        with("ciphers", "Names", "Cipher suites, separated by colons."),
        with("eccs", "Names", "Elliptic curves, separated by colons."),
        with("tls_version", "Versions", "TLS versions allowed."),
        without("require_certificate", "Asks clients for a certificate."),
        without("use_identity_as_username", "Takes its common name as user name."),
        without("forward_connection_opts", "Tells plugins about the listener."),
        without("allow_anonymous_override", "Lets clients in without authentication."),
        with("auth_plugins", "[a,b]", "Plugins asked when a client connects."),
        with("authz_plugins", "[a,b]", "Plugins asked about publishes and subscriptions."),
    };
}

Command action(std::string_view words, std::string_view summary, Handler run) {
    return {.words = words,
            .summary = summary,
            .help = {},
            .arguments = kEndpoint,
            .flags = {},
            .access = Access::Change,
            .run = run};
}

}  // namespace

void add_listener_commands(Declarations& table) {
    table.groups.push_back({"listener", "Manage listeners."});
    table.commands.push_back(
        {.words = "listener show",
         .summary = "Shows the listeners.",
         .help = {},
         .arguments = {},
         .flags = {{"tls", 't', Takes::Nothing, {}, "Shows the settings of TLS as well."},
                   {"mqtt", 'm', Takes::Nothing, {}, "Shows the settings of MQTT as well."}},
         .run = show_listeners});
    table.commands.push_back({.words = "listener start",
                              .summary = "Opens a listener, until it is deleted or the node ends.",
                              .help = "Without --ssl, settings of TLS have no effect.",
                              .arguments = kEndpoint,
                              .flags = start_flags(),
                              .access = Access::Change,
                              .run = start});
    Command stopping =
        action("listener stop", "Lets nobody new in; `listener restart` takes it back.", stop);
    stopping.flags = {{"kill_sessions",
                       'k',
                       Takes::Nothing,
                       {},
                       "Disconnects its clients and closes it for good."}};
    table.commands.push_back(std::move(stopping));
    table.commands.push_back(action("listener restart", "Lets new connections in again.", resume));
    table.commands.push_back(
        action("listener suspend", "Lets nobody new in; who is connected stays.", suspend));
    table.commands.push_back(action("listener resume", "Lets new connections in again.", resume));
    table.commands.push_back(
        action("listener delete", "Closes a listener; who is connected stays.", remove_listener));
}

}  // namespace vmq::admin::commands
