#include "config/listener_options.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "config/setting_rows.h"

namespace vmq::config {
namespace {

using rows::atom;
using rows::flag;
using rows::integer;
using rows::integer_or_infinity;
using rows::integers;
using rows::kUint16Max;
using rows::kUint32Max;
using rows::kUnset;
using rows::list;
using rows::text;
using rows::word;

constexpr std::array<std::string_view, 8> kWords{"tcp",  "ssl",   "ws",  "wss",
                                                 "http", "https", "vmq", "vmqs"};

constexpr std::uint32_t bit(ListenerKind kind) { return 1U << static_cast<unsigned>(kind); }

constexpr std::uint32_t kTcp = bit(ListenerKind::Tcp);
constexpr std::uint32_t kSsl = bit(ListenerKind::Ssl);
constexpr std::uint32_t kWs = bit(ListenerKind::Ws);
constexpr std::uint32_t kWss = bit(ListenerKind::Wss);
constexpr std::uint32_t kHttp = bit(ListenerKind::Http);
constexpr std::uint32_t kHttps = bit(ListenerKind::Https);
constexpr std::uint32_t kVmq = bit(ListenerKind::Vmq);
constexpr std::uint32_t kVmqs = bit(ListenerKind::Vmqs);
constexpr std::uint32_t kMqtt = kTcp | kSsl | kWs | kWss;
constexpr std::uint32_t kMqttTls = kSsl | kWss;
constexpr std::uint32_t kTls = kSsl | kWss | kHttps | kVmqs;
constexpr std::uint32_t kWeb = kHttp | kHttps;
constexpr std::uint32_t kBuiltTls = kMqttTls | kHttps | kVmqs;
constexpr std::uint32_t kAll = kMqtt | kWeb | kVmq | kVmqs;

constexpr std::string_view kCurves =
    "sect571r1|sect571k1|secp521r1|brainpoolP512r1|sect409k1|sect409r1|brainpoolP384r1|secp384r1|"
    "sect283k1|sect283r1|brainpoolP256r1|secp256k1|secp256r1|sect239k1|sect233k1|sect233r1|"
    "secp224k1|"
    "secp224r1|sect193r1|sect193r2|secp192k1|secp192r1|sect163k1|sect163r1|sect163r2|secp160k1|"
    "secp160r1|secp160r2";

void add_mqtt_options(std::vector<ListenerOption>& options) {
    const ListenerOption rows[] = {
        {integer_or_infinity("max_connections", "10000",
                             "Most connections at a time, infinity is no limit; -1 takes the value "
                             "of the next wider "
                             "level.")
             .range(-1, kUint32Max)
             .not_zero(),
         kAll, kMqtt | kWeb},
        {integer("nr_of_acceptors", "10", "Accepted for VerneMQ's sake; has no effect.")
             .range(-1, kUint32Max)
             .no_meaning(),
         kAll},
        {integer("backlog", "1024",
                 "Connections the system holds until they are accepted. Not known to VerneMQ.")
             .range(1, kUint16Max)
             .hidden(),
         kAll, kMqtt | kWeb},
        {integer(
             "max_authentications", "1000",
             "Most clients of a listener that wait for an authentication plugin at a time; more "
             "are told that the broker is busy. Not known to VerneMQ.")
             .range(1, kUint32Max)
             .hidden(),
         kMqtt, kMqtt},
        {text("unix_socket_mode", "0660",
              "Permissions of the file of a Unix socket, octal: who may write may connect. Not "
              "known "
              "to VerneMQ.")
             .hidden(),
         kMqtt, kMqtt},
        {text("unix_socket_owner", "", "User that file belongs to. Not known to VerneMQ.").hidden(),
         kMqtt, kMqtt},
        {text("unix_socket_group", "", "Group that file belongs to. Not known to VerneMQ.")
             .hidden(),
         kMqtt, kMqtt},
        {integer("max_connection_lifetime", "0",
                 "Connections are closed this long after their CONNECT; 0 lets them live.")
             .unit("s"),
         kMqtt, kMqtt},
        {text("mountpoint", "off",
              "Name space of the clients of a listener: their ids, subscriptions and retained "
              "messages are apart from those of others; off is none."),
         kMqtt | kVmq | kVmqs, kMqtt},
        {integers("allowed_protocol_versions", "3,4,5,131",
                  "Protocol levels clients may use: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0; 131 and "
                  "132 are bridges of the first two.")
             .words("3|4|5|131|132"),
         kMqtt, kMqtt},
        {flag("allow_anonymous_override", "off",
              "Lets clients of this listener in without authentication even if allow_anonymous is "
              "off."),
         kMqtt, kMqtt},
        {list("auth_plugins", kUnset,
              "Plugins asked when a client connects, in this order; all enabled ones if not set.")
             .hidden(),
         kMqtt, kMqtt},
        {list("authz_plugins", kUnset,
              "Plugins asked when a client publishes or subscribes, in this order; all enabled "
              "ones if not set.")
             .hidden(),
         kMqtt, kMqtt},
        {flag("forward_connection_opts", "off",
              "Tells authentication plugins about the listener and the client certificate."),
         kMqtt, kMqtt},
        {integers(
             "buffer_sizes", kUnset,
             "Send buffer, receive buffer and read buffer of a connection in bytes. 0 leaves it to "
             "the system; the read buffer has no effect.")
             .range(0, kUint32Max)
             .count(3),
         kMqtt | kVmq, kMqtt},
        {integer("active_n", "1", "Accepted for VerneMQ's sake; has no effect.").no_meaning(),
         kTcp | kSsl},
    };
    options.insert(options.end(), std::begin(rows), std::end(rows));
}

void add_proxy_and_http_options(std::vector<ListenerOption>& options) {
    constexpr std::uint32_t kProxied = kMqtt | kHttp;
    constexpr std::uint32_t kWebSocket = kWs | kWss;
    const ListenerOption rows[] = {
        {flag("proxy_protocol", "off",
              "Connections begin with a PROXY header of version 1 or 2, which names the client; "
              "others are closed.")
             .hidden(),
         kProxied, kMqtt},
        {integer("proxy_protocol_timeout", "10000",
                 "Time limit for that header. Not known to VerneMQ.")
             .unit("ms")
             .range(1, kUint32Max)
             .hidden(),
         kMqtt, kMqtt},
        {flag("proxy_protocol_use_cn_as_username", "on",
              "Takes the certificate name in the PROXY header as user name.")
             .hidden(),
         kProxied, kMqtt},
        {flag("proxy_xff_support", "off",
              "Takes the client's address from the X-Forwarded-For header.")
             .hidden(),
         kWebSocket, kWebSocket},
        {text("proxy_xff_trusted_intermediate", "",
              "Addresses of proxies that may send that header, separated by semicolons.")
             .hidden(),
         kWebSocket, kWebSocket},
        {flag("proxy_xff_use_cn_as_username", "off", "Takes the user name from a header as well.")
             .hidden(),
         kWebSocket, kWebSocket},
        {text("proxy_xff_cn_header", "x-ssl-client-cn", "The header that holds the user name.")
             .hidden(),
         kWebSocket, kWebSocket},
        {list("allowed_origins", "[]",
              "Web pages that may connect, by their origin like https://example.org; localhost "
              "stands for all pages of this machine. None: pages of all sites may. Clients that "
              "are no browser are not concerned. Not known to VerneMQ."),
         kWebSocket, kWebSocket},
        {integer("max_request_line_length", "8000", "Longest first line of an HTTP request.")
             .unit("bytes")
             .hidden(),
         kWeb | kWs | kWss, kWeb | kWebSocket},
        {integer("max_header_value_length", "4096", "Longest value of an HTTP header.")
             .unit("bytes")
             .hidden(),
         kWeb | kWs | kWss, kWeb | kWebSocket},
        {list("http_modules", "[]",
              "What the listener serves; none is what the setting http_modules says.")
             .hidden(),
         kWeb, kWeb},
        {word("http_module.$M.auth.mode", "noauth|apikey", kUnset,
              "Whether an HTTP module asks for an API key at this listener.")
             .hidden(),
         kWeb, kWeb},
        {atom("config_mod", "vmq_http_config", "Means something to the Erlang VM only.")
             .no_meaning()
             .hidden(),
         kWeb},
        {atom("config_fun", "config", "Means something to the Erlang VM only.")
             .no_meaning()
             .hidden(),
         kWeb},
        {integer("high_watermark", "8192", "Tunes sockets of the Erlang VM.").no_meaning().hidden(),
         kVmq},
        {integer("low_watermark", "4096", "Tunes sockets of the Erlang VM.").no_meaning().hidden(),
         kVmq},
        {integer("high_msgq_watermark", "8192", "Tunes sockets of the Erlang VM.")
             .no_meaning()
             .hidden(),
         kVmq},
        {integer("low_msgq_watermark", "4096", "Tunes sockets of the Erlang VM.")
             .no_meaning()
             .hidden(),
         kVmq},
    };
    options.insert(options.end(), std::begin(rows), std::end(rows));
}

void add_tls_options(std::vector<ListenerOption>& options) {
    const ListenerOption rows[] = {
        {text("cafile", "", "Certificates that vouch for clients (PEM)."), kTls, kBuiltTls},
        {text("certfile", "", "Certificate of the listener (PEM)."), kTls, kBuiltTls},
        {text("keyfile", "", "Private key of that certificate (PEM)."), kTls, kBuiltTls},
        {text("keypasswd", "", "Password of the private key.").secret().hidden(), kTls, kBuiltTls},
        {text("ciphers", "",
              "Cipher suites by their OpenSSL names, separated by colons; none is a sound choice."),
         kTls, kBuiltTls},
        {list("eccs", "", "Elliptic curves allowed; none is all.").words(kCurves), kTls, kBuiltTls},
        {text("crlfile", "", "Revoked certificates (PEM)."), kTls, kBuiltTls},
        {list("tls_version", "tlsv1.2,tlsv1.3",
              "TLS versions allowed. VerneMQ's default is tlsv1.2 alone.")
             .words("tlsv1|tlsv1.1|tlsv1.2|tlsv1.3"),
         kTls, kBuiltTls},
        {list("more_certfiles", kUnset,
              "Further certificates (PEM): the one whose names fit the host name a client asks for "
              "is shown. Not known to VerneMQ.")
             .hidden(),
         kMqttTls, kMqttTls},
        {list("more_keyfiles", kUnset,
              "Private keys of these certificates, in the same order; keypasswd holds for them as "
              "well. None: the keys are in more_certfiles.")
             .hidden(),
         kMqttTls, kMqttTls},
        {text("dhfile", "", "Diffie-Hellman parameters (PEM). Not known to VerneMQ.").hidden(),
         kMqttTls, kMqttTls},
        {integer_or_infinity(
             "tls_handshake_timeout", "5000",
             "Time limit of the TLS handshake; -1 takes the value of the next wider level.")
             .unit("ms")
             .range(-1, kUint32Max)
             .hidden(),
         kTls, kBuiltTls},
        {integer(
             "max_tls_handshakes", "1000",
             "Most TLS handshakes of a listener under way at a time; more connections wait until "
             "they are accepted. Not known to VerneMQ.")
             .range(1, kUint32Max)
             .hidden(),
         kMqttTls, kMqttTls},
        {integer("depth", "1", "Most certificates between the client's and one in cafile.")
             .range(0, 255)
             .hidden(),
         kTls, kBuiltTls},
        {flag("require_certificate", "off",
              "Asks clients for a certificate and closes the connection without a valid one."),
         kTls, kBuiltTls},
        {flag("use_identity_as_username", "off",
              "Takes the common name of the client certificate as user name."),
         kMqttTls, kMqttTls},
        {flag("psk_support", "off", "Allows TLS with pre-shared keys."), kMqttTls, kMqttTls},
        {text("psk_identity_hint", "VMQ_PSK", "Hint sent to clients with pre-shared keys."),
         kMqttTls, kMqttTls},
        {text("pskfile", "etc/vmq.psk", "File of pre-shared keys."), kMqttTls, kMqttTls},
        {text("pskfile_separator", ":", "Character between identity and key in that file."),
         kMqttTls, kMqttTls},
    };
    options.insert(options.end(), std::begin(rows), std::end(rows));
}

std::vector<ListenerOption> make_options() {
    std::vector<ListenerOption> options;
    add_mqtt_options(options);
    add_proxy_and_http_options(options);
    add_tls_options(options);
    return options;
}

}  // namespace

std::string_view word_of(ListenerKind kind) noexcept {
    return kWords[static_cast<std::size_t>(kind)];
}

std::optional<ListenerKind> listener_kind(std::string_view word) noexcept {
    const auto* found = std::find(kWords.begin(), kWords.end(), word);
    if (found == kWords.end()) return std::nullopt;
    return static_cast<ListenerKind>(found - kWords.begin());
}

std::span<const ListenerOption> listener_options() {
    static const std::vector<ListenerOption> options = make_options();
    return options;
}

const ListenerOption* find_listener_option(std::string_view name) {
    for (const ListenerOption& option : listener_options()) {
        if (option.setting.key == name) return &option;
    }
    return nullptr;
}

bool inherits(const ListenerOption& option, std::string_view text) {
    return text.empty() || (text == "-1" && option.setting.minimum == -1);
}

}  // namespace vmq::config
