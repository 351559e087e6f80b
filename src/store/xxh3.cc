#include "store/xxh3.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/assert.h"

namespace vmq::store {
namespace {

// The specification: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md

constexpr std::uint64_t kPrime32No1 = 0x9E3779B1U;
constexpr std::uint64_t kPrime32No2 = 0x85EBCA77U;
constexpr std::uint64_t kPrime32No3 = 0xC2B2AE3DU;
constexpr std::uint64_t kPrime64No1 = 0x9E3779B185EBCA87ULL;
constexpr std::uint64_t kPrime64No2 = 0xC2B2AE3D27D4EB4FULL;
constexpr std::uint64_t kPrime64No3 = 0x165667B19E3779F9ULL;
constexpr std::uint64_t kPrime64No4 = 0x85EBCA77C2B2AE63ULL;
constexpr std::uint64_t kPrime64No5 = 0x27D4EB2F165667C5ULL;
constexpr std::uint64_t kPrimeMx1 = 0x165667919E3779F9ULL;

constexpr std::array<std::uint8_t, 192> kSecret{
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e};

constexpr std::size_t kStripe = 64;
constexpr std::size_t kStripesPerBlock = (kSecret.size() - kStripe) / 8;
constexpr std::size_t kBlock = kStripe * kStripesPerBlock;

using Lanes = std::array<std::uint64_t, 8>;

static_assert(std::endian::native == std::endian::little, "blocks of RocksDB are little endian");

std::uint64_t load64(const void* at) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
}
std::uint64_t load64(std::string_view bytes, std::size_t at) noexcept {
    return load64(bytes.data() + at);
}
std::uint64_t secret64(std::size_t at) noexcept { return load64(kSecret.data() + at); }

/// Both halves of the product, folded.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    const std::uint64_t a_low = a & 0xFFFFFFFFU;
    const std::uint64_t a_high = a >> 32U;
    const std::uint64_t b_low = b & 0xFFFFFFFFU;
    const std::uint64_t b_high = b >> 32U;
    const std::uint64_t low = a_low * b_low;
    const std::uint64_t cross1 = a_high * b_low + (low >> 32U);
    const std::uint64_t cross2 = a_low * b_high + (cross1 & 0xFFFFFFFFU);
    const std::uint64_t high = a_high * b_high + (cross1 >> 32U) + (cross2 >> 32U);
    return (cross2 << 32U | (low & 0xFFFFFFFFU)) ^ high;
}

std::uint64_t avalanche(std::uint64_t hash) noexcept {
    hash = (hash ^ (hash >> 37U)) * kPrimeMx1;
    return hash ^ (hash >> 32U);
}

std::uint64_t mix16(std::string_view bytes, std::size_t at, std::size_t secret) noexcept {
    return fold(load64(bytes, at) ^ secret64(secret), load64(bytes, at + 8) ^ secret64(secret + 8));
}

std::uint64_t hash_9_to_16(std::string_view bytes) noexcept {
    const std::uint64_t low = load64(bytes, 0) ^ (secret64(24) ^ secret64(32));
    const std::uint64_t high = load64(bytes, bytes.size() - 8) ^ (secret64(40) ^ secret64(48));
    return avalanche(bytes.size() + __builtin_bswap64(low) + high + fold(low, high));
}

std::uint64_t hash_17_to_128(std::string_view bytes) noexcept {
    const std::size_t size = bytes.size();
    std::uint64_t sum = size * kPrime64No1;
    for (std::size_t i = (size - 1) / 32 + 1; i-- > 0;) {
        sum += mix16(bytes, 16 * i, 32 * i);
        sum += mix16(bytes, size - 16 * (i + 1), 32 * i + 16);
    }
    return avalanche(sum);
}

std::uint64_t hash_129_to_240(std::string_view bytes) noexcept {
    std::uint64_t sum = bytes.size() * kPrime64No1;
    for (std::size_t i = 0; i < 8; ++i) sum += mix16(bytes, 16 * i, 16 * i);
    sum = avalanche(sum);
    for (std::size_t i = 8; i < bytes.size() / 16; ++i) {
        sum += mix16(bytes, 16 * i, 16 * (i - 8) + 3);
    }
    return avalanche(sum + mix16(bytes, bytes.size() - 16, 136 - 17));
}

void accumulate(Lanes& lanes, const char* stripe, std::size_t secret) noexcept {
    for (std::size_t i = 0; i < lanes.size(); ++i) {
        const std::uint64_t value = load64(stripe + 8 * i);
        const std::uint64_t key = value ^ secret64(secret + 8 * i);
        lanes[i ^ 1U] += value;
        lanes[i] += (key & 0xFFFFFFFFU) * (key >> 32U);
    }
}

void scramble(Lanes& lanes) noexcept {
    for (std::size_t i = 0; i < lanes.size(); ++i) {
        const std::uint64_t lane = lanes[i] ^ (lanes[i] >> 47U);
        lanes[i] = (lane ^ secret64(kSecret.size() - kStripe + 8 * i)) * kPrime32No1;
    }
}

std::uint64_t hash_long(std::string_view bytes) noexcept {
    Lanes lanes{kPrime32No3, kPrime64No1, kPrime64No2, kPrime64No3,
                kPrime64No4, kPrime32No2, kPrime64No5, kPrime32No1};
    const std::size_t blocks = (bytes.size() - 1) / kBlock;
    const char* at = bytes.data();
    for (std::size_t block = 0; block < blocks; ++block) {
        for (std::size_t i = 0; i < kStripesPerBlock; ++i, at += kStripe) {
            accumulate(lanes, at, 8 * i);
        }
        scramble(lanes);
    }
    const std::size_t stripes = (bytes.size() - 1 - blocks * kBlock) / kStripe;
    for (std::size_t i = 0; i < stripes; ++i, at += kStripe) accumulate(lanes, at, 8 * i);
    accumulate(lanes, bytes.data() + bytes.size() - kStripe, kSecret.size() - kStripe - 7);
    std::uint64_t sum = bytes.size() * kPrime64No1;
    for (std::size_t i = 0; i < 4; ++i) {
        sum += fold(lanes[2 * i] ^ secret64(11 + 16 * i), lanes[2 * i + 1] ^ secret64(19 + 16 * i));
    }
    return avalanche(sum);
}

}  // namespace

std::uint64_t xxh3(std::string_view bytes) noexcept {
    VMQ_ASSERT(bytes.size() > 8);
    if (bytes.size() <= 16) return hash_9_to_16(bytes);
    if (bytes.size() <= 128) return hash_17_to_128(bytes);
    if (bytes.size() <= 240) return hash_129_to_240(bytes);
    return hash_long(bytes);
}

}  // namespace vmq::store
