// PROXY headers for tests, built field by field.
#pragma once

#include <boost/crc.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vmq::transport::testing {

inline std::string big_endian(std::uint64_t value, unsigned bytes) {
    std::string out;
    for (unsigned i = bytes; i > 0; --i) out += static_cast<char>(value >> (8 * (i - 1)));
    return out;
}

inline std::string tlv(std::uint8_t type, std::string_view value) {
    return static_cast<char>(type) + big_endian(value.size(), 2) + std::string(value);
}

/// `command` is the whole 13th byte: version and command.
inline std::string proxy_v2(std::uint8_t command, std::uint8_t family, std::string_view block) {
    std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
    out += static_cast<char>(command);
    out += static_cast<char>(family);
    out += big_endian(block.size(), 2);
    out += block;
    return out;
}

inline const std::string kTcp4Addresses("\xC0\x00\x02\x01\xC6\x33\x64\x02\xDD\xD5\x07\x5B", 12);

/// 192.0.2.1:56789 to 198.51.100.2:1883.
inline std::string proxy_v2_tcp4(std::string_view tlvs = {}) {
    return proxy_v2(0x21, 0x11, kTcp4Addresses + std::string(tlvs));
}

/// The same with a CRC32C behind `tlvs`.
inline std::string proxy_v2_tcp4_crc(std::string_view tlvs = {}) {
    std::string out = proxy_v2_tcp4(std::string(tlvs) + tlv(0x03, std::string(4, '\0')));
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
    crc.process_bytes(out.data(), out.size());
    out.replace(out.size() - 4, 4, big_endian(crc.checksum(), 4));
    return out;
}

inline std::string tls_tlv(std::uint8_t client, std::uint32_t verify, std::string_view tlvs) {
    return tlv(0x20, static_cast<char>(client) + big_endian(verify, 4) + std::string(tlvs));
}

}  // namespace vmq::transport::testing
