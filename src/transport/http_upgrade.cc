#include "transport/http_upgrade.h"

#include <fmt/core.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "transport/peer_address.h"

namespace vmq::transport {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Fields = http::fields;
using Parser = http::request_parser<http::empty_body>;

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kRequestEnd = "\r\n\r\n";
constexpr std::size_t kMaxRequestSize = 65'535;  // Beast keeps the sizes of fields in 16 bits
constexpr std::array<std::string_view, 2> kSubprotocols{"mqtt", "mqttv3.1"};

/// For whoever opens this port in a browser; {0} is the path.
constexpr auto kHowToConnect =
    "A browser or an HTTP client cannot read it; an MQTT client connects like this:\n"
    "  MQTT.js     mqtt.connect(\"ws://HOST:PORT{0}\")\n"
    "  Paho        Client(transport=\"websockets\"), ws_set_options(path=\"{0}\")\n"
    "The status page of the broker is on its HTTP listener, http://HOST:8888/status if that was "
    "not changed.\n";

struct Refusal {
    std::uint16_t code;
    std::string reason;         // for the log
    bool explains = false;      // in the answer, how to connect
    bool without_body = false;  // of a HEAD
};
using MaybeRefusal = std::optional<Refusal>;

beast::string_view beast_view(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view_of(beast::string_view text) { return {text.data(), text.size()}; }

std::string_view fields_of_refusal(std::uint16_t code) {
    switch (code) {
        case 405:
            return "Connection: close\r\nAllow: GET\r\n";
        case 426:
            return "Connection: Upgrade, close\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\n";
        default:
            return "Connection: close\r\n";
    }
}

/// Repeats nothing that the client sent: nobody can make this port say what they like.
std::string refusal_response(const Refusal& refusal, const HttpUpgradeOptions& options) {
    const auto phrase = view_of(http::obsolete_reason(static_cast<http::status>(refusal.code)));
    const auto body =
        fmt::format("{} {}\nThis port speaks MQTT over WebSocket: path {}, subprotocol mqtt.\n{}",
                    refusal.code, phrase, fmt::join(options.paths, " or "),
                    refusal.explains ? fmt::format(kHowToConnect, options.paths.front()) : "");
    return fmt::format(
        "HTTP/1.1 {} {}\r\n{}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n"
        "{}",
        refusal.code, phrase, fields_of_refusal(refusal.code), body.size(),
        refusal.without_body ? "" : body);
}

HttpUpgradeResult refuse(Refusal refusal, const HttpUpgradeOptions& options) {
    HttpUpgradeResult result;
    result.status = HttpUpgradeStatus::Refused;
    result.code = refusal.code;
    result.response = refusal_response(refusal, options);
    result.reason = std::move(refusal.reason);
    return result;
}

/// base64(SHA-1(key + the number of the protocol)) [RFC 6455 4.2.2].
std::string accept_value(std::string_view key) {
    const auto text = fmt::format("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    std::array<unsigned char, 20> hash{};
    VMQ_ASSERT(EVP_Digest(text.data(), text.size(), hash.data(), nullptr, EVP_sha1(), nullptr) ==
               1);
    std::array<unsigned char, 29> encoded{};
    const int size = EVP_EncodeBlock(encoded.data(), hash.data(), static_cast<int>(hash.size()));
    return {encoded.begin(), encoded.begin() + size};
}

std::string acceptance_response(std::string_view key, std::string_view subprotocol) {
    return fmt::format(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
        accept_value(key), subprotocol);
}

/// Whether a list header, on one line or several, has the word, in any case.
bool has_token(const Fields& fields, http::field name, std::string_view token) {
    const auto range = fields.equal_range(name);
    return std::any_of(range.first, range.second, [token](const auto& field) {
        return http::token_list(field.value()).exists(beast_view(token));
    });
}

/// The first word of the client's list that we know; empty if there is none.
std::string_view choose_subprotocol(const Fields& fields) {
    const auto range = fields.equal_range(http::field::sec_websocket_protocol);
    for (auto field = range.first; field != range.second; ++field) {
        for (const auto offered : http::token_list(field->value())) {
            const auto* known =
                std::find(kSubprotocols.begin(), kSubprotocols.end(), view_of(offered));
            if (known != kSubprotocols.end()) return *known;
        }
    }
    return {};
}

/// The path of a target in origin form or absolute form [RFC 9112 3.2], without the query.
std::string_view path_of(std::string_view target) {
    target = target.substr(0, target.find('?'));
    const auto scheme = target.find("://");
    if (!target.starts_with('/') && scheme != std::string_view::npos) {
        const auto path = target.find('/', scheme + 3);
        target = path == std::string_view::npos ? "/" : target.substr(path);
    }
    if (target.size() > 1 && target.ends_with('/')) target.remove_suffix(1);
    return target;
}

bool is_base64(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/// 16 bytes in base64.
bool is_websocket_key(std::string_view key) {
    return key.size() == 24 && key.ends_with("==") &&
           std::all_of(key.begin(), key.end() - 2, is_base64);
}

MaybeRefusal check_method(const Parser& parser) {
    const auto method = parser.get().method();
    if (method == http::verb::get) return std::nullopt;
    return Refusal{405, "the method is not GET", false, method == http::verb::head};
}

/// No field that we decide upon may be there twice: whoever stands in between may have taken the
/// other one for the truth.
MaybeRefusal check_repeated(const Fields& fields, const HttpUpgradeOptions& options) {
    for (const auto name :
         {http::field::host, http::field::sec_websocket_key, http::field::sec_websocket_version}) {
        if (fields.count(name) > 1)
            return Refusal{400, fmt::format("{} is there twice", view_of(http::to_string(name)))};
    }
    const auto& common_name = options.common_name_header;
    if (!common_name.empty() && fields.count(beast_view(common_name)) > 1)
        return Refusal{400, fmt::format("{} is there twice", common_name)};
    return std::nullopt;
}

MaybeRefusal check_values(const Fields& fields, const HttpUpgradeOptions& options) {
    for (const auto& field : fields) {
        if (field.value().size() > options.max_header_value)
            return Refusal{431, fmt::format("a header of {} bytes, at most {} are taken",
                                            field.value().size(), options.max_header_value)};
    }
    return std::nullopt;
}

bool asks_for_websocket(const Parser& parser) {
    const auto& fields = parser.get();
    return fields.version() >= 11 && has_token(fields, http::field::connection, "upgrade") &&
           has_token(fields, http::field::upgrade, "websocket");
}

MaybeRefusal check_path(std::string_view target, const HttpUpgradeOptions& options) {
    const auto path = path_of(target);
    const bool known = std::any_of(options.paths.begin(), options.paths.end(),
                                   [path](const auto& ours) { return path_of(ours) == path; });
    if (known) return std::nullopt;
    return Refusal{404, fmt::format("no WebSocket at {}", path.substr(0, 200))};
}

/// Of a page that this machine serves, on whatever port.
bool is_local(std::string_view origin) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!origin.starts_with(scheme)) continue;
        const std::string_view host = origin.substr(scheme.size());
        for (const std::string_view name : {"localhost", "127.0.0.1", "[::1]"}) {
            if (host == name || (host.starts_with(name) && host[name.size()] == ':')) return true;
        }
    }
    return false;
}

/// A browser lets every page connect anywhere, so it is for us to ask whose page it is
/// [RFC 6455 10.2].
MaybeRefusal check_origin(const Fields& fields, const HttpUpgradeOptions& options) {
    const std::string_view origin = view_of(fields[http::field::origin]);
    if (options.allowed_origins.empty() || origin.empty()) return std::nullopt;
    for (const std::string& allowed : options.allowed_origins) {
        if (allowed == "localhost" ? is_local(origin) : beast::iequals(beast_view(origin), allowed))
            return std::nullopt;
    }
    return Refusal{403, fmt::format("a page of {} may not connect here (allowed_origins)",
                                    origin.substr(0, 200))};
}

MaybeRefusal check_handshake(const Parser& parser, const HttpUpgradeOptions& options) {
    const auto& fields = parser.get();
    if (!asks_for_websocket(parser))
        return Refusal{426, "a plain HTTP request, not a WebSocket", true};
    if (auto refusal = check_path(view_of(fields.target()), options)) return refusal;
    if (fields[http::field::sec_websocket_version] != "13")
        return Refusal{426, "the WebSocket version is not 13"};
    if (auto refusal = check_origin(fields, options)) return refusal;
    if (fields[http::field::host].empty()) return Refusal{400, "no Host header"};
    if (!is_websocket_key(view_of(fields[http::field::sec_websocket_key])))
        return Refusal{400, "Sec-WebSocket-Key is not 16 bytes in base64"};
    if (parser.chunked() || parser.content_length_remaining().value_or(0) > 0)
        return Refusal{400, "the request has a body"};
    return std::nullopt;
}

MaybeRefusal check_request(const Parser& parser, const HttpUpgradeOptions& options) {
    const auto& fields = parser.get();
    if (auto refusal = check_values(fields, options)) return refusal;
    if (auto refusal = check_method(parser)) return refusal;
    if (auto refusal = check_repeated(fields, options)) return refusal;
    return check_handshake(parser, options);
}

std::string first_forwarded(const Fields& fields) {
    auto value = view_of(fields["X-Forwarded-For"]);  // of several lines the first
    value = value.substr(0, value.find(','));
    const auto start = value.find_first_not_of(" \t");
    if (start == std::string_view::npos) return {};
    value = value.substr(start, value.find_last_not_of(" \t") - start + 1);
    return canonical_host(value).value_or("");
}

UpgradeRequest facts_of(const Fields& fields, std::string_view subprotocol,
                        const HttpUpgradeOptions& options) {
    UpgradeRequest request;
    request.subprotocol = subprotocol;
    request.host = view_of(fields[http::field::host]);
    request.origin = view_of(fields[http::field::origin]);
    request.user_agent = view_of(fields[http::field::user_agent]);
    request.forwarded_for = first_forwarded(fields);
    if (!options.common_name_header.empty())
        request.common_name = view_of(fields[beast_view(options.common_name_header)]);
    return request;
}

/// `bytes` is a request up to the empty line that ends it.
HttpUpgradeResult answer(std::string_view bytes, const HttpUpgradeOptions& options) {
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(bytes.size()));
    parser.body_limit(boost::none);  // a body is refused below, whatever its size
    beast::error_code error;
    const auto used = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    if (error || used != bytes.size() || !parser.is_header_done())
        return refuse({400, fmt::format("no HTTP request: {}", error.message())}, options);
    if (auto refusal = check_request(parser, options)) return refuse(std::move(*refusal), options);
    const auto& fields = parser.get();
    const auto subprotocol = choose_subprotocol(fields);
    if (subprotocol.empty())
        return refuse({400, "the client offers neither subprotocol mqtt nor mqttv3.1"}, options);
    HttpUpgradeResult result;
    result.status = HttpUpgradeStatus::Accepted;
    result.code = 101;
    result.response =
        acceptance_response(view_of(fields[http::field::sec_websocket_key]), subprotocol);
    result.request = facts_of(fields, subprotocol, options);
    return result;
}

bool may_begin_request(char first) {
    return (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
}

/// What a client speaks that does not speak HTTP, as far as its first byte tells.
std::string_view guess_protocol(char first) {
    if (first == '\x16') return "no HTTP request: it begins like TLS, this port is without";
    if (first == '\x10') return "no HTTP request: it begins like MQTT without WebSocket";
    return "no HTTP request";
}

}  // namespace

HttpUpgradeResult HttpUpgrade::receive(std::string_view wire) {
    VMQ_ASSERT(!answered_);
    auto result = take(wire);
    if (result.status != HttpUpgradeStatus::NeedMore) {
        answered_ = true;
        request_ = {};
    }
    return result;
}

HttpUpgradeResult HttpUpgrade::take(std::string_view wire) {
    if (wire.empty()) return {};
    if (request_.empty() && !may_begin_request(wire.front()))
        return refuse({400, std::string(guess_protocol(wire.front()))}, options_);
    const auto limit = std::min(options_.max_request_size, kMaxRequestSize);
    const auto before = request_.size();
    request_.append(wire.substr(0, limit - before));

    if (request_.find(kLineEnd) > options_.max_request_line &&
        request_.size() >= options_.max_request_line + kLineEnd.size())
        return refuse(
            {414, fmt::format("a request line of more than {} bytes", options_.max_request_line)},
            options_);
    // What was searched before can end within the first three bytes of the mark.
    const auto end = request_.find(kRequestEnd, before < 3 ? 0 : before - 3);
    if (end == std::string::npos) {
        if (request_.size() == limit)
            return refuse({431, fmt::format("a request of more than {} bytes", limit)}, options_);
        HttpUpgradeResult result;
        result.consumed = wire.size();
        return result;
    }
    const auto size = end + kRequestEnd.size();
    auto result = answer(std::string_view(request_).substr(0, size), options_);
    if (result.status == HttpUpgradeStatus::Accepted) result.consumed = size - before;
    return result;
}

}  // namespace vmq::transport
