#include "transport/proxy_header.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <charconv>
#include <optional>
#include <utility>

#include "config/utf8.h"

namespace vmq::transport {
namespace {

using Command = ProxyHeader::Command;
using Family = ProxyHeader::Family;

constexpr std::string_view kSignature1 = "PROXY ";
constexpr std::string_view kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixedSize2 = 16;
constexpr std::size_t kMaxUniqueId = 128;

/// Nothing, or why the header is refused.
using AddressRefusal = std::optional<std::string>;

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t u16_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(bytes, at) << 8U | byte_at(bytes, at + 1));
}

std::uint32_t u32_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint32_t>(u16_at(bytes, at)) << 16U | u16_at(bytes, at + 2);
}

ProxyHeaderResult malformed(std::string reason) {
    ProxyHeaderResult result;
    result.status = ProxyHeaderStatus::Malformed;
    result.reason = std::move(reason);
    return result;
}

ProxyHeaderResult complete(ProxyHeader header, std::size_t size) {
    ProxyHeaderResult result;
    result.status = ProxyHeaderStatus::Complete;
    result.consumed = size;
    result.header = std::move(header);
    return result;
}

bool may_begin_with(std::string_view buffer, std::string_view signature) {
    const auto size = std::min(buffer.size(), signature.size());
    return buffer.substr(0, size) == signature.substr(0, size);
}

/// What a client speaks that came without the proxy's header, as far as its first byte tells.
const char* name_of_protocol(std::uint8_t first) {
    if (first == 0x16) return "the connection begins like TLS";
    if (first == 0x10) return "the connection begins like MQTT";
    if (first >= 'A' && first <= 'Z') return "the connection begins like HTTP";
    return "the connection begins with other bytes";
}

// Version 1
// line := "PROXY" SP ("UNKNOWN" anything | ("TCP4"|"TCP6") SP source SP destination SP port SP
// port) CR LF

bool parse_port(std::string_view text, std::uint16_t& port) {
    if (text.size() > 1 && text.front() == '0') return false;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    return error == std::errc{} && stop == end;
}

std::string_view take_word(std::string_view& line) {
    const auto blank = line.find(' ');
    const auto word = line.substr(0, blank);
    line.remove_prefix(blank == std::string_view::npos ? line.size() : blank + 1);
    return word;
}

using Canonical = std::optional<std::string> (*)(std::string_view);

AddressRefusal read_line_addresses(std::string_view line, Canonical canonical,
                                   ProxyHeader& header) {
    const auto source = canonical(take_word(line));
    if (!source) return "PROXY v1: the source is no address of its family";
    const auto destination = canonical(take_word(line));
    if (!destination) return "PROXY v1: the destination is no address of its family";
    if (!parse_port(take_word(line), header.source.port))
        return "PROXY v1: the source port is not a number from 0 to 65535";
    if (!parse_port(line, header.destination.port))
        return "PROXY v1: the destination port is not a number from 0 to 65535";
    header.source.address = *source;
    header.destination.address = *destination;
    return std::nullopt;
}

/// `line` is what stands between the signature and the line end.
AddressRefusal read_line(std::string_view line, ProxyHeader& header) {
    const auto protocol = take_word(line);
    header.command = Command::Proxy;
    if (protocol == "UNKNOWN") return std::nullopt;
    if (protocol == "TCP4") {
        header.family = Family::Tcp4;
        return read_line_addresses(line, canonical_ipv4, header);
    }
    if (protocol == "TCP6") {
        header.family = Family::Tcp6;
        return read_line_addresses(line, canonical_ipv6, header);
    }
    return "PROXY v1: the protocol is none of TCP4, TCP6, UNKNOWN";
}

ProxyHeaderResult decode_line(std::string_view buffer) {
    const auto window = buffer.substr(0, kMaxProxyLine);
    const auto end = window.find('\n');
    if (end == std::string_view::npos) {
        if (window.size() < kMaxProxyLine) return {};
        return malformed(fmt::format("PROXY v1: no line end within {} bytes", kMaxProxyLine));
    }
    if (window[end - 1] != '\r') return malformed("PROXY v1: the line does not end with CR LF");
    ProxyHeader header;
    header.version = 1;
    const auto line = window.substr(kSignature1.size(), end - 1 - kSignature1.size());
    if (auto refusal = read_line(line, header)) return malformed(std::move(*refusal));
    return complete(std::move(header), end + 1);
}

// Version 2
// header := signature:12 version_and_command:u8 family:u8 size:u16 block
// block := addresses tlv*     (size bytes; of LOCAL and UNSPEC it means nothing)
// tlv := type:u8 size:u16 value
// tls := client:u8 verify:u32 tlv*

enum TlvType : std::uint8_t {
    kAuthority = 0x02,
    kCrc32c = 0x03,
    kUniqueId = 0x05,
    kTls = 0x20,
    kTlsVersion = 0x21,
    kTlsCommonName = 0x22,
    kTlsCipher = 0x23,
};

constexpr std::string_view kBrokenTlv = "PROXY v2: a TLV is longer than the header";

/// Calls `on_tlv(type, value)` for each TLV, until it refuses one.
template <typename OnTlv>
AddressRefusal for_each_tlv(std::string_view bytes, OnTlv on_tlv) {
    while (!bytes.empty()) {
        if (bytes.size() < 3) return std::string(kBrokenTlv);
        const std::size_t size = u16_at(bytes, 1);
        if (bytes.size() - 3 < size) return std::string(kBrokenTlv);
        if (auto refusal = on_tlv(byte_at(bytes, 0), bytes.substr(3, size))) return refusal;
        bytes.remove_prefix(3 + size);
    }
    return std::nullopt;
}

/// Marks the type as seen and refuses its repetition. Types are below 64.
AddressRefusal refuse_repeated(std::uint64_t& seen, std::uint8_t type) {
    const std::uint64_t bit = 1ULL << type;
    if ((seen & bit) != 0) return fmt::format("PROXY v2: TLV 0x{:02x} is there twice", type);
    seen |= bit;
    return std::nullopt;
}

AddressRefusal take_text(std::string_view value, const char* name, std::string& text) {
    if (value.find('\0') != std::string_view::npos || !config::is_utf8(value))
        return fmt::format("PROXY v2: the {} is not UTF-8 text", name);
    text = value;
    return std::nullopt;
}

AddressRefusal read_tls_tlv(std::uint8_t type, std::string_view value, std::uint64_t& seen,
                            ProxyTls& tls) {
    if (type < kTlsVersion || type > kTlsCipher) return std::nullopt;
    if (auto refusal = refuse_repeated(seen, type)) return refusal;
    switch (type) {
        case kTlsVersion:
            return take_text(value, "TLS version", tls.version);
        case kTlsCommonName:
            return take_text(value, "certificate's common name", tls.common_name);
        default:
            return take_text(value, "cipher", tls.cipher);
    }
}

AddressRefusal read_tls(std::string_view value, std::optional<ProxyTls>& tls) {
    if (value.size() < 5) return "PROXY v2: the TLS information is shorter than 5 bytes";
    const std::uint8_t client = byte_at(value, 0);
    tls.emplace();
    tls->over_tls = (client & 1U) != 0;
    tls->certificate_on_connection = (client & 2U) != 0;
    tls->certificate_in_session = (client & 4U) != 0;
    tls->verify_result = u32_at(value, 1);
    std::uint64_t seen = 0;
    return for_each_tlv(value.substr(5), [&](std::uint8_t type, std::string_view inner) {
        return read_tls_tlv(type, inner, seen, *tls);
    });
}

/// The checksum is that of the whole header with zeros in its own place.
AddressRefusal check_crc(std::string_view header, std::string_view value) {
    if (value.size() != 4) return "PROXY v2: the CRC32C is not 4 bytes";
    constexpr std::array<char, 4> kZeros{};
    const auto before = static_cast<std::size_t>(value.data() - header.data());
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
    crc.process_bytes(header.data(), before);
    crc.process_bytes(kZeros.data(), kZeros.size());
    crc.process_bytes(value.data() + 4, header.size() - before - 4);
    if (crc.checksum() != u32_at(value, 0))
        return "PROXY v2: the CRC32C does not match: the header was damaged on its way";
    return std::nullopt;
}

AddressRefusal read_tlv(std::string_view bytes, std::uint8_t type, std::string_view value,
                        std::uint64_t& seen, ProxyHeader& header) {
    if (type != kAuthority && type != kCrc32c && type != kUniqueId && type != kTls)
        return std::nullopt;
    if (auto refusal = refuse_repeated(seen, type)) return refusal;
    switch (type) {
        case kAuthority:
            return take_text(value, "authority", header.authority);
        case kCrc32c:
            return check_crc(bytes, value);
        case kUniqueId:
            if (value.size() > kMaxUniqueId)
                return fmt::format("PROXY v2: the unique id is longer than {} bytes", kMaxUniqueId);
            header.unique_id = value;
            return std::nullopt;
        default:
            return read_tls(value, header.tls);
    }
}

std::string address_text(int family, std::string_view bytes) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(family, bytes.data(), text.data(), text.size());
    return text.data();
}

/// A path ends at its first NUL; an abstract socket's name begins with one, shown as '@'.
std::string socket_path(std::string_view bytes) {
    const bool is_abstract = bytes.front() == '\0';
    if (is_abstract) bytes.remove_prefix(1);
    const auto name = bytes.substr(0, bytes.find('\0'));
    return is_abstract && !name.empty() ? fmt::format("@{}", name) : std::string(name);
}

std::size_t address_size(Family family) {
    switch (family) {
        case Family::Tcp4:
            return 4;
        case Family::Tcp6:
            return 16;
        case Family::Unix:
            return 108;
        default:
            return 0;
    }
}

/// Bytes of both addresses and, where there are, ports.
std::size_t addresses_size(Family family) {
    return 2 * address_size(family) + (family == Family::Unix ? 0U : 4U);
}

void read_addresses(std::string_view block, ProxyHeader& header) {
    const auto size = address_size(header.family);
    const auto source = block.substr(0, size);
    const auto destination = block.substr(size, size);
    if (header.family == Family::Unix) {
        header.source.address = socket_path(source);
        header.destination.address = socket_path(destination);
        return;
    }
    const int family = header.family == Family::Tcp4 ? AF_INET : AF_INET6;
    header.source = {address_text(family, source), u16_at(block, 2 * size)};
    header.destination = {address_text(family, destination), u16_at(block, 2 * size + 2)};
}

AddressRefusal read_command(std::uint8_t byte, ProxyHeader& header) {
    if (byte >> 4U != 2) return fmt::format("PROXY v2: version {} is not supported", byte >> 4U);
    if ((byte & 0x0FU) > 1)
        return fmt::format("PROXY v2: command {} is neither LOCAL nor PROXY", byte & 0x0FU);
    header.version = 2;
    header.command = (byte & 1U) != 0 ? Command::Proxy : Command::Local;
    return std::nullopt;
}

AddressRefusal read_family(std::uint8_t byte, ProxyHeader& header) {
    switch (byte) {
        case 0x00:
            header.family = Family::Unspecified;
            return std::nullopt;
        case 0x11:
            header.family = Family::Tcp4;
            return std::nullopt;
        case 0x21:
            header.family = Family::Tcp6;
            return std::nullopt;
        case 0x31:
            header.family = Family::Unix;
            return std::nullopt;
        case 0x12:
        case 0x22:
        case 0x32:
            return fmt::format("PROXY v2: family 0x{:02x} is datagrams, this is a stream", byte);
        default:
            return fmt::format("PROXY v2: family 0x{:02x} is not known", byte);
    }
}

AddressRefusal check_size(std::size_t size, Family family) {
    if (size > kMaxProxyBlock)
        return fmt::format("PROXY v2: {} bytes of header, at most {} are taken", size,
                           kMaxProxyBlock);
    if (family != Family::Unspecified && size < addresses_size(family))
        return fmt::format("PROXY v2: {} bytes are too few for the addresses", size);
    return std::nullopt;
}

AddressRefusal read_block(std::string_view bytes, ProxyHeader& header) {
    const auto block = bytes.substr(kFixedSize2);
    read_addresses(block, header);
    std::uint64_t seen = 0;
    return for_each_tlv(block.substr(addresses_size(header.family)),
                        [&](std::uint8_t type, std::string_view value) {
                            return read_tlv(bytes, type, value, seen, header);
                        });
}

ProxyHeaderResult decode_binary(std::string_view buffer) {
    // Each field is judged as soon as it is there, so a refusal waits for nothing.
    ProxyHeader header;
    if (buffer.size() > 12) {
        if (auto refusal = read_command(byte_at(buffer, 12), header))
            return malformed(std::move(*refusal));
    }
    if (buffer.size() > 13 && header.command == Command::Proxy) {
        if (auto refusal = read_family(byte_at(buffer, 13), header))
            return malformed(std::move(*refusal));
    }
    if (buffer.size() < kFixedSize2) return {};
    const std::size_t block_size = u16_at(buffer, 14);
    if (auto refusal = check_size(block_size, header.family)) return malformed(std::move(*refusal));
    const std::size_t size = kFixedSize2 + block_size;
    if (buffer.size() < size) return {};
    if (header.has_addresses()) {
        if (auto refusal = read_block(buffer.substr(0, size), header))
            return malformed(std::move(*refusal));
    }
    return complete(std::move(header), size);
}

}  // namespace

ProxyHeaderResult decode_proxy_header(std::string_view buffer) {
    if (buffer.empty()) return {};
    const auto signature = buffer.front() == 'P' ? kSignature1 : kSignature2;
    if (!may_begin_with(buffer, signature))
        return malformed(
            fmt::format("no PROXY header: {}; did it bypass the proxy, or does the "
                        "proxy not send the header?",
                        name_of_protocol(byte_at(buffer, 0))));
    if (buffer.size() < signature.size()) return {};
    return buffer.front() == 'P' ? decode_line(buffer) : decode_binary(buffer);
}

}  // namespace vmq::transport
