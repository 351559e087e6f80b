// Any bytes as the start of a connection: the answer does not depend on how they were cut, comes
// within the documented size, and a header that is built from the same bytes is read back.
#include "transport/proxy_header.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "transport/proxy_builder.h"

namespace vmq::transport {
namespace {

using Status = ProxyHeaderStatus;

void check_cuts(std::string_view bytes) {
    const auto all = decode_proxy_header(bytes);
    VMQ_ASSERT(all.status != Status::NeedMore || bytes.size() < kMaxProxyHeader);
    VMQ_ASSERT((all.status == Status::Malformed) == !all.reason.empty());
    VMQ_ASSERT((all.status == Status::Complete) == (all.consumed != 0));
    VMQ_ASSERT(all.consumed <= bytes.size() && all.consumed <= kMaxProxyHeader);
    VMQ_ASSERT(all.reason.size() < 200);
    VMQ_ASSERT(all.header.has_addresses() || all.header.source == PeerAddress{});
    // Every short prefix, then growing steps: an answer, once given, stays.
    for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 64) {
        const auto part = decode_proxy_header(bytes.substr(0, size));
        if (part.status == Status::NeedMore) continue;
        VMQ_ASSERT(part.status == all.status && part.consumed == all.consumed);
        VMQ_ASSERT(part.reason == all.reason && part.header.source == all.header.source);
    }
}

void check_round_trip(std::string_view bytes) {
    const std::string id(bytes.substr(0, 128));
    const std::string skipped(bytes.substr(0, 2000));
    const auto header = testing::proxy_v2_tcp4_crc(
        testing::tlv(0x05, id) + testing::tlv(0xE0, skipped) + testing::tls_tlv(3, 0, ""));
    const auto result = decode_proxy_header(header + std::string(bytes));
    VMQ_ASSERT(result.status == Status::Complete && result.consumed == header.size());
    VMQ_ASSERT(result.header.unique_id == id);
    VMQ_ASSERT(result.header.source == (PeerAddress{"192.0.2.1", 56'789}));
    VMQ_ASSERT(result.header.tls->has_verified_certificate());
}

}  // namespace
}  // namespace vmq::transport

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    vmq::transport::check_cuts(bytes);
    vmq::transport::check_round_trip(bytes);
    return 0;
}
