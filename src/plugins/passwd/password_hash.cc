#include "plugins/passwd/password_hash.h"

#include <crypt.h>
#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "plugins/passwd/secret.h"

namespace vmq::plugins::passwd {
namespace {

constexpr std::string_view kCryptAlphabet =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::size_t kSha512Bytes = 64;
constexpr std::size_t kSha512Base64 = 88;
constexpr std::size_t kSha512Crypt = 86;
constexpr std::size_t kNewSaltBytes = 12;
constexpr std::size_t kMaxSaltChars = 128;

constexpr std::uint32_t kMinSha512CryptRounds = 1000;  // as crypt(3)
constexpr std::uint32_t kSha512CryptRounds = 5000;     // if none are named
constexpr std::size_t kMaxSha512CryptSalt = 16;
constexpr std::uint32_t kMinBcryptCost = 4;
constexpr std::size_t kBcryptSaltAndHash = 53;
constexpr std::size_t kMaxYescryptSalt = 86;
constexpr std::size_t kYescryptHash = 43;

using Fields = std::vector<std::string_view>;

struct Parsed {
    Scheme scheme;
    std::uint32_t iterations = 1;  // of Sha512Crypt and MosquittoPbkdf2
    // Of the two schemes that crypt(3) does not know:
    std::string salt{};
    std::string digest{};
};

Error damaged(std::string_view what) {
    return {ErrorCode::SyntaxError, fmt::format("the hash is damaged: {}", what)};
}

Error too_costly(std::string_view what) {
    return {ErrorCode::LimitReached, fmt::format("the hash costs too much to check: {}", what)};
}

/// The parts between the `$`, without the empty one before the first.
Fields split(std::string_view hash) {
    Fields fields;
    hash.remove_prefix(1);
    for (;;) {
        const std::size_t end = hash.find('$');
        fields.push_back(hash.substr(0, end));
        if (end == std::string_view::npos) return fields;
        hash.remove_prefix(end + 1);
    }
}

bool consists_of(std::string_view text, std::string_view alphabet) {
    return text.find_first_not_of(alphabet) == std::string_view::npos;
}

/// Decimal, without sign and leading zeros. A number that 32 bits do not hold is as bad as the
/// largest.
std::optional<std::uint32_t> number(std::string_view text) {
    if (text.empty() || text.front() == '0' || !consists_of(text, "0123456789")) return {};
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() ? value : std::numeric_limits<std::uint32_t>::max();
}

/// Standard base64 with its padding.
std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) return {};
    const std::size_t digits = text.find_last_not_of('=') + 1;
    const std::size_t padding = text.size() - digits;
    if (padding > 2 || !consists_of(text.substr(0, digits), kBase64Alphabet)) return {};
    std::string bytes(text.size() / 4 * 3, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
    if (size != static_cast<int>(bytes.size())) return {};
    bytes.resize(bytes.size() - padding);
    return bytes;
}

std::string encode_base64(std::string_view bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and a NUL
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

Result<Parsed> parse_salted_sha512(Scheme scheme, std::string_view salt, std::string_view digest,
                                   std::uint32_t iterations) {
    if (salt.size() > kMaxSaltChars) return damaged("the salt is too long");
    std::optional<std::string> salt_bytes = decode_base64(salt);
    if (!salt_bytes) return damaged("the salt is not base64");
    std::optional<std::string> digest_bytes = decode_base64(digest);
    if (!digest_bytes || digest_bytes->size() != kSha512Bytes)
        return damaged("its last part is not 64 bytes in base64");
    return Parsed{scheme, iterations, std::move(*salt_bytes), std::move(*digest_bytes)};
}

/// Fields: 6, perhaps rounds=N, salt, hash.
Result<Parsed> parse_sha512_crypt(const Fields& fields) {
    constexpr std::string_view kRounds = "rounds=";
    const bool has_rounds = fields.size() == 4 && fields[1].starts_with(kRounds);
    if (fields.size() != 3 && !has_rounds)
        return damaged("it has neither the parts of VerneMQ's $6$ nor those of sha512crypt");
    std::optional<std::uint32_t> rounds = kSha512CryptRounds;
    if (has_rounds) {
        rounds = number(fields[1].substr(kRounds.size()));
        if (!rounds || *rounds < kMinSha512CryptRounds)
            return damaged("rounds is not a number of 1000 and more");
        if (*rounds > kMaxSha512CryptRounds)
            return too_costly(fmt::format("more than {} rounds", kMaxSha512CryptRounds));
    }
    const std::string_view salt = fields[fields.size() - 2];
    if (salt.size() > kMaxSha512CryptSalt || !consists_of(salt, kCryptAlphabet))
        return damaged("the salt is not one of sha512crypt");
    const std::string_view hash = fields.back();
    if (hash.size() != kSha512Crypt || !consists_of(hash, kCryptAlphabet))
        return damaged("its last part is neither 88 characters of base64 nor 86 of sha512crypt");
    return Parsed{Scheme::Sha512Crypt, *rounds};
}

/// Fields: 2b, cost, salt and hash.
Result<Parsed> parse_bcrypt(const Fields& fields) {
    if (fields.size() != 3) return damaged("it has not the parts of bcrypt");
    std::string_view digits = fields[1];
    if (digits.size() != 2) return damaged("the cost is not two digits");
    if (digits.front() == '0') digits.remove_prefix(1);
    const auto cost = number(digits);
    if (!cost || *cost < kMinBcryptCost) return damaged("the cost is not a number of 4 and more");
    if (*cost > kMaxBcryptCost) return too_costly(fmt::format("more than {}", kMaxBcryptCost));
    if (fields[2].size() != kBcryptSaltAndHash || !consists_of(fields[2], kCryptAlphabet))
        return damaged("its last part is not salt and hash of bcrypt");
    return Parsed{Scheme::Bcrypt};
}

/// Fields: y, params, salt, hash. The params are three characters as long as nobody asks for
/// parallelism, extra time or a ROM: `j`, log2(N) - 1, r - 1.
Result<Parsed> parse_yescrypt(const Fields& fields) {
    constexpr std::uint64_t kBlockBytes = 128;
    constexpr std::size_t kSingleCharacter = 48;  // later characters begin a longer number
    if (fields.size() != 4) return damaged("it has not the parts of yescrypt");
    const std::string_view params = fields[1];
    if (params.size() != 3 || params[0] != 'j') return damaged("unusual yescrypt parameters");
    const std::size_t log2_n = kCryptAlphabet.find(params[1]) + 1;
    const std::size_t r = kCryptAlphabet.find(params[2]) + 1;
    if (log2_n == 0 || log2_n > kSingleCharacter || r == 0 || r > kSingleCharacter)
        return damaged("unusual yescrypt parameters");
    if ((kBlockBytes * r) << log2_n > kMaxYescryptMemory)
        return too_costly(fmt::format("more than {} bytes of memory", kMaxYescryptMemory));
    if (fields[2].size() > kMaxYescryptSalt || !consists_of(fields[2], kCryptAlphabet))
        return damaged("the salt is not one of yescrypt");
    if (fields[3].size() != kYescryptHash || !consists_of(fields[3], kCryptAlphabet))
        return damaged("its last part is not a hash of yescrypt");
    return Parsed{Scheme::Yescrypt};
}

/// Fields: 7, iterations, salt, hash.
Result<Parsed> parse_mosquitto(const Fields& fields) {
    if (fields.size() != 4) return damaged("it has not the parts of mosquitto's $7$");
    const auto iterations = number(fields[1]);
    if (!iterations) return damaged("the iterations are not a number");
    if (*iterations > kMaxPbkdf2Iterations)
        return too_costly(fmt::format("more than {} iterations", kMaxPbkdf2Iterations));
    return parse_salted_sha512(Scheme::MosquittoPbkdf2, fields[2], fields[3], *iterations);
}

Result<Parsed> parse(std::string_view hash) {
    if (hash.size() > kMaxHashBytes)
        return damaged(fmt::format("it is longer than {} bytes", kMaxHashBytes));
    if (!hash.starts_with('$'))
        return Error{ErrorCode::UnknownKey, "what follows the user name is not a hash"};
    const Fields fields = split(hash);
    const std::string_view id = fields[0];
    if (id == "6" && fields.size() == 3 && fields[2].size() == kSha512Base64)
        return parse_salted_sha512(Scheme::Vernemq, fields[1], fields[2], 1);
    if (id == "6") return parse_sha512_crypt(fields);
    if (id == "2b" || id == "2a" || id == "2y") return parse_bcrypt(fields);
    if (id == "y") return parse_yescrypt(fields);
    if (id == "7") return parse_mosquitto(fields);
    if (id.starts_with("argon2"))
        return Error{ErrorCode::Unavailable, "hashes of argon2 are not supported"};
    return Error{ErrorCode::UnknownKey, "what follows the user name is not a hash of any scheme"};
}

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// SHA-512 of both, one after the other; empty if OpenSSL fails.
std::string sha512(std::string_view password, std::string_view salt) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    std::string digest(kSha512Bytes, '\0');
    if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha512(), nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), password.data(), password.size()) != 1 ||
        EVP_DigestUpdate(context.get(), salt.data(), salt.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()),
                           nullptr) != 1) {
        return {};
    }
    return digest;
}

std::string pbkdf2(std::string_view password, std::string_view salt, std::uint32_t iterations) {
    std::string digest(kSha512Bytes, '\0');
    const int done = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                                       reinterpret_cast<const unsigned char*>(salt.data()),
                                       static_cast<int>(salt.size()), static_cast<int>(iterations),
                                       EVP_sha512(), static_cast<int>(digest.size()),
                                       reinterpret_cast<unsigned char*>(digest.data()));
    return done == 1 ? digest : std::string();
}

bool fits_crypt(std::string_view password) {
    return password.size() <= kMaxCryptPassword && password.find('\0') == std::string_view::npos;
}

/// crypt(3): `setting` is a hash, or the beginning of one. Empty if it refuses that. Requires
/// fits_crypt(password).
std::string crypt_password(std::string_view password, const std::string& setting) {
    const Secret phrase(password);
    const auto data = std::make_unique<crypt_data>();
    const char* const hash = ::crypt_rn(phrase.c_str(), setting.c_str(), data.get(), sizeof(*data));
    return hash == nullptr ? std::string() : std::string(hash);
}

Result<std::string> new_vernemq_hash(std::string_view password) {
    std::array<unsigned char, kNewSaltBytes> salt{};
    if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1)
        return Error{ErrorCode::SystemError, "the system gives no random numbers"};
    const std::string_view bytes(reinterpret_cast<const char*>(salt.data()), salt.size());
    const std::string digest = sha512(password, bytes);
    if (digest.empty()) return Error{ErrorCode::SystemError, "OpenSSL cannot compute SHA-512"};
    return fmt::format("$6${}${}", encode_base64(bytes), encode_base64(digest));
}

/// `cost` as crypt_gensalt(3) counts it; 0 is its default.
Result<std::string> new_crypt_hash(const char* prefix, unsigned long cost,
                                   std::string_view password, std::size_t max_size) {
    if (password.find('\0') != std::string_view::npos)
        return Error{ErrorCode::InvalidValue, "the password contains a NUL"};
    if (password.size() > max_size)
        return Error{ErrorCode::InvalidValue,
                     fmt::format("the password is longer than {} bytes", max_size)};
    std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
    if (::crypt_gensalt_rn(prefix, cost, nullptr, 0, setting.data(),
                           static_cast<int>(setting.size())) == nullptr) {
        return Error{ErrorCode::Unavailable, "the system's crypt(3) does not know this scheme"};
    }
    std::string hash = crypt_password(password, setting.data());
    if (hash.empty()) return Error{ErrorCode::SystemError, "the system's crypt(3) failed"};
    return hash;
}

}  // namespace

Result<Scheme> recognise_hash(std::string_view hash) {
    const Result<Parsed> parsed = parse(hash);
    if (!parsed) return parsed.error();
    return parsed.value().scheme;
}

bool verify_password(std::string_view hash, std::string_view password) {
    const Result<Parsed> result = parse(hash);
    if (!result) return false;
    const Parsed& parsed = result.value();
    switch (parsed.scheme) {
        case Scheme::Vernemq:
            return same(sha512(password, parsed.salt), parsed.digest);
        case Scheme::MosquittoPbkdf2:
            return same(pbkdf2(password, parsed.salt, parsed.iterations), parsed.digest);
        case Scheme::Sha512Crypt:
            if (std::uint64_t{parsed.iterations} * password.size() > kMaxSha512CryptWork)
                return false;
            [[fallthrough]];
        case Scheme::Bcrypt:
        case Scheme::Yescrypt:
            return fits_crypt(password) && same(crypt_password(password, std::string(hash)), hash);
    }
    return false;
}

Result<std::string> hash_password(Scheme scheme, std::string_view password) {
    constexpr unsigned long kBcryptCost = 10;
    constexpr unsigned long kYescryptCost = 5;  // 16 MiB
    switch (scheme) {
        case Scheme::Vernemq:
            return new_vernemq_hash(password);
        case Scheme::Sha512Crypt:
            return new_crypt_hash("$6$", kSha512CryptRounds, password, kMaxCryptPassword);
        case Scheme::Bcrypt:
            return new_crypt_hash("$2b$", kBcryptCost, password, kMaxNewBcryptPassword);
        case Scheme::Yescrypt:
            return new_crypt_hash("$y$", kYescryptCost, password, kMaxCryptPassword);
        case Scheme::MosquittoPbkdf2:
            break;
    }
    VMQ_ASSERT(scheme != Scheme::MosquittoPbkdf2);
    return Error{ErrorCode::Unavailable, "no such scheme"};
}

std::optional<Scheme> scheme_from_name(std::string_view name) noexcept {
    constexpr std::array<std::pair<std::string_view, Scheme>, 4> kNames{{
        {"vernemq", Scheme::Vernemq},
        {"sha512crypt", Scheme::Sha512Crypt},
        {"bcrypt", Scheme::Bcrypt},
        {"yescrypt", Scheme::Yescrypt},
    }};
    const auto* const found = std::find_if(kNames.begin(), kNames.end(),
                                           [name](const auto& pair) { return pair.first == name; });
    if (found == kNames.end()) return {};
    return found->second;
}

}  // namespace vmq::plugins::passwd
