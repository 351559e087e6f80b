// Passwords as they stand in a password file: recognised, verified, made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vmq::plugins::passwd {

/// What may stand behind `user:`
///
///     Vernemq          $6$ SALT $ HASH             SHA-512 of password and salt, once; also what
///                                                  `mosquitto_passwd -H sha512` writes
///     Sha512Crypt      $6$ [rounds=N$] salt $ hash
///     Bcrypt           $2b$ NN $ salthash          2a and 2y as well
///     Yescrypt         $y$ params $ salt $ hash
///     MosquittoPbkdf2  $7$ N $ SALT $ HASH         only read; PBKDF2-HMAC-SHA512
///
/// SALT and HASH are standard base64, salt and hash the alphabet of crypt(3). The two schemes with
/// $6$ are told apart by the length of the last part: 64 bytes are 88 characters of base64, with
/// `==` at the end, and 86 of crypt(3), whose alphabet has no `=`. ($7$ of crypt(3), which is
/// scrypt, is not supported.)
enum class Scheme : std::uint8_t { Vernemq, Sha512Crypt, Bcrypt, Yescrypt, MosquittoPbkdf2 };

// A hash that costs more than these is refused, so that a line of the file cannot keep a core busy
// for minutes: some 0.8 s on the machine that docs/operating/authentication.md names.
inline constexpr std::uint32_t kMaxBcryptCost = 14;
inline constexpr std::uint32_t kMaxSha512CryptRounds = 1'000'000;
/// Rounds times bytes of the password, which each round looks at whole.
inline constexpr std::uint64_t kMaxSha512CryptWork = 128'000'000;
inline constexpr std::uint64_t kMaxYescryptMemory = 64ULL << 20;
inline constexpr std::uint32_t kMaxPbkdf2Iterations = 1'000'000;

inline constexpr std::size_t kMaxHashBytes = 384;         // crypt(3) writes no longer ones
inline constexpr std::size_t kMaxCryptPassword = 511;     // of Sha512Crypt, Bcrypt, Yescrypt
inline constexpr std::size_t kMaxNewBcryptPassword = 72;  // bcrypt ignores what follows

/// The scheme of a hash that verify_password() can check. Errors: UnknownKey (no scheme at all),
/// Unavailable (known, but not supported), SyntaxError (damaged), LimitReached (costs too much).
/// `detail` holds nothing of the hash.
[[nodiscard]] Result<Scheme> recognise_hash(std::string_view hash);

/// Whether `password` belongs to `hash`. False for a hash that recognise_hash() refuses. A password
/// that crypt(3) could not take whole, because of its length or a NUL in it, belongs to no hash of
/// the three schemes of crypt(3), nor does one that would make Sha512Crypt cost too much; that
/// bcrypt looks at 72 bytes only is as everywhere. Takes as long as the scheme wants: never on a
/// shard. Any number of threads at a time.
[[nodiscard]] bool verify_password(std::string_view hash, std::string_view password);

/// A new hash with a random salt and the usual cost. Requires another scheme than MosquittoPbkdf2.
/// InvalidValue: the scheme cannot take the password.
[[nodiscard]] Result<std::string> hash_password(Scheme scheme, std::string_view password);

/// The name of a scheme that new hashes can have, as operators write it: vernemq, sha512crypt,
/// bcrypt, yescrypt.
[[nodiscard]] std::optional<Scheme> scheme_from_name(std::string_view name) noexcept;

}  // namespace vmq::plugins::passwd
