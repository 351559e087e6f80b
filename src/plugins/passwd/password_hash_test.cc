#include "plugins/passwd/password_hash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace vmq::plugins::passwd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Made with other programs: openssl and python for the first two, crypt(3), mosquitto_passwd 2.0.
constexpr const char* kVernemq =
    "$6$AAECAwQFBgcICQoL$JqsxEv/ucyxjA5DKsQ+Y8CDWaQDNQI9FpAkmfwAqWfwZLk/"
    "JEGgM0EpylrJHAZKKyFQjJeZ3nFaHjPzOzPPmPw==";
constexpr const char* kVernemqWithoutSalt =
    "$6$$vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpayrW/isg==";
constexpr const char* kSha512Crypt =
    "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq."
    "H91p5hVO1";
constexpr const char* kSha512CryptRounds =
    "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/"
    "otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/";
constexpr const char* kSha512CryptWithoutSalt =
    "$6$$2M9DchxW4txWyTYoZrH9D3VvAAQxBpEezYsLY6Cao.jwzEXpyL9xwip9hiUZX7GqTqe/E/z6iKvZqXUuqniQH.";
constexpr const char* kBcrypt2b = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
constexpr const char* kBcrypt2a = "$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
constexpr const char* kBcrypt2y = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
constexpr const char* kYescrypt = "$y$j75$saltsalt$0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2";
constexpr const char* kMosquitto =
    "$7$101$kBrfjIh47jCYF9gl$CsZKB6yxwtjzKAYMQVk2CnYRiowxujiPXuzLtRycWLO57Dlh+"
    "ZygYGrNYB9SlclzRcVInk5sp8VuYWLy+xrOrQ==";
constexpr const char* kMosquittoSha512 =
    "$6$dEPSIew7dTbi/FgK$LymIb5BHo5+pq1HUkg6+KMKKdsgKxhD//"
    "juwmNcviyk5KZU0xXWW7EbtZsPs4htACiSX6v/KxxbSG0EH9AGegg==";

struct Sample {
    const char* hash;
    Scheme scheme;
};
constexpr std::array<Sample, 11> kSamples{{
    {kVernemq, Scheme::Vernemq},
    {kVernemqWithoutSalt, Scheme::Vernemq},
    {kMosquittoSha512, Scheme::Vernemq},
    {kSha512Crypt, Scheme::Sha512Crypt},
    {kSha512CryptRounds, Scheme::Sha512Crypt},
    {kSha512CryptWithoutSalt, Scheme::Sha512Crypt},
    {kBcrypt2b, Scheme::Bcrypt},
    {kBcrypt2a, Scheme::Bcrypt},
    {kBcrypt2y, Scheme::Bcrypt},
    {kYescrypt, Scheme::Yescrypt},
    {kMosquitto, Scheme::MosquittoPbkdf2},
}};

std::string digits(std::size_t count) { return std::string(count, 'A'); }

ErrorCode code_of(const std::string& hash) {
    const auto scheme = recognise_hash(hash);
    EXPECT_FALSE(scheme) << hash;
    EXPECT_FALSE(verify_password(hash, "secret"));
    return scheme ? ErrorCode::SystemError : scheme.error().code;
}

TEST(PasswordHash, EverySchemeIsRecognisedAndAcceptsItsPasswordOnly) {
    for (const Sample& sample : kSamples) {
        const auto scheme = recognise_hash(sample.hash);
        ASSERT_TRUE(scheme) << sample.hash << ": " << scheme.error().detail;
        EXPECT_EQ(scheme.value(), sample.scheme) << sample.hash;
        EXPECT_TRUE(verify_password(sample.hash, "secret")) << sample.hash;
        for (const char* wrong : {"", "secre", "secret ", "Secret"}) {
            EXPECT_FALSE(verify_password(sample.hash, wrong)) << sample.hash;
        }
    }
}

TEST(PasswordHash, AHashWithOneCharacterChangedAcceptsNothing) {
    for (const Sample& sample : kSamples) {
        std::string hash = sample.hash;
        // In front of the last four characters: their bits all count in every scheme.
        char& changed = hash[hash.size() - 6];
        changed = changed == 'A' ? 'B' : 'A';
        EXPECT_FALSE(verify_password(hash, "secret")) << hash;
    }
}

TEST(PasswordHash, VernemqsSchemeTakesAnyBytes) {
    const std::string hash =
        "$6$AAECAwQFBgcICQoL$819bOaNLIJhaX7E5IhINTlpFSGXvxzw2Fk5rpWeAzLGcqvz2D/"
        "UL6CZ5tom1EEqQmih4TZjuZEez+ff25dmEhA==";
    EXPECT_TRUE(verify_password(hash, std::string_view("a\0b", 3)));
    EXPECT_FALSE(verify_password(hash, "a"));
    const std::string empty =
        "$6$AAAAAAAAAAAAAAAA$ZmqaGnVC6JWp9EfRw+D/"
        "1nm79jRuDEP1x6czxG9eVsL2Xmnf1HaanK0rebMdKC8coqopbvQb2YM5R62hlPRpQA==";
    EXPECT_TRUE(verify_password(empty, ""));
}

TEST(PasswordHash, CryptNeverSeesAPasswordItWouldCutOff) {
    for (const char* hash : {kSha512Crypt, kBcrypt2b, kYescrypt}) {
        EXPECT_FALSE(verify_password(hash, std::string_view("secret\0", 7)));
        EXPECT_FALSE(verify_password(hash, std::string_view("secret\0x", 8)));
    }
    const std::string longest(kMaxCryptPassword, 'x');
    const std::string hash =
        "$6$rounds=1000$saltsalt$nC35Rjw1qm7lwdxVgg3IU9qZMEaqucKnRYCtC7UyfTbgqAQUZjWQxjc2xeWwMzOT"
        "jOEqyGG.T4MAGPm1ptmEK/";
    EXPECT_TRUE(verify_password(hash, longest));
    EXPECT_FALSE(verify_password(hash, longest + "x"));
}

TEST(PasswordHash, BcryptLooksAt72Bytes) {
    const std::string hash = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
    EXPECT_TRUE(verify_password(hash, std::string(72, 'x')));
    EXPECT_TRUE(verify_password(hash, std::string(73, 'x')));
    EXPECT_FALSE(verify_password(hash, std::string(71, 'x')));
}

TEST(PasswordHash, CostsAreTakenUpToTheLimit) {
    const std::string bcrypt = "$" + digits(53);
    EXPECT_TRUE(recognise_hash("$2b$14" + bcrypt));
    EXPECT_EQ(code_of("$2b$15" + bcrypt), ErrorCode::LimitReached);
    EXPECT_EQ(code_of("$2b$31" + bcrypt), ErrorCode::LimitReached);
    EXPECT_EQ(code_of("$2b$03" + bcrypt), ErrorCode::SyntaxError);

    const std::string sha512 = "$salt$" + digits(86);
    EXPECT_TRUE(recognise_hash("$6$rounds=1000" + sha512));
    EXPECT_TRUE(recognise_hash("$6$rounds=1000000" + sha512));
    EXPECT_EQ(code_of("$6$rounds=1000001" + sha512), ErrorCode::LimitReached);
    EXPECT_EQ(code_of("$6$rounds=99999999999999999999" + sha512), ErrorCode::LimitReached);
    EXPECT_EQ(code_of("$6$rounds=999" + sha512), ErrorCode::SyntaxError);

    const std::string yescrypt = "$salt$" + digits(43);
    EXPECT_TRUE(recognise_hash("$y$jBT" + yescrypt));  // 64 MiB
    EXPECT_EQ(code_of("$y$jBU" + yescrypt), ErrorCode::LimitReached);
    EXPECT_EQ(code_of("$y$jCT" + yescrypt), ErrorCode::LimitReached);
    EXPECT_EQ(code_of("$y$jjj" + yescrypt), ErrorCode::LimitReached);

    const std::string pbkdf2 = "$AAAA$" + digits(86) + "==";
    EXPECT_TRUE(recognise_hash("$7$1" + pbkdf2));
    EXPECT_TRUE(recognise_hash("$7$1000000" + pbkdf2));
    EXPECT_EQ(code_of("$7$1000001" + pbkdf2), ErrorCode::LimitReached);
}

TEST(PasswordHash, APasswordCannotMakeSha512CryptCostMoreThanTheLimit) {
    EXPECT_TRUE(
        verify_password("$6$rounds=256000$saltsalt$7OgvGj7VXYamc4Y1DtbGIYGRy9.1xU2hcHbRmTwBf//"
                        "wTNFTf2sZcU7.RBsXDvm3etwlU835AP32nzj8sKx340",
                        std::string(500, 'x')));  // 256,000 rounds of 500 bytes
    EXPECT_FALSE(
        verify_password("$6$rounds=256000$saltsalt$zCxlkJcEufXD8m."
                        "oyTzalrg5dmEau1DRKkivQLR98ItN2YS89YypjgvAHwIGQCOlcfDmbN13v/MyWpcljajeU/",
                        std::string(501, 'x')));
}

TEST(PasswordHash, LengthsAreTakenUpToTheLimit) {
    const std::string base64 = "$" + digits(86) + "==";
    EXPECT_TRUE(recognise_hash("$6$" + digits(128) + base64));
    EXPECT_EQ(code_of("$6$" + digits(132) + base64), ErrorCode::SyntaxError);
    EXPECT_TRUE(recognise_hash("$6$" + digits(16) + "$" + digits(86)));
    EXPECT_EQ(code_of("$6$" + digits(17) + "$" + digits(86)), ErrorCode::SyntaxError);
    EXPECT_TRUE(recognise_hash("$y$j75$" + digits(86) + "$" + digits(43)));
    EXPECT_EQ(code_of("$y$j75$" + digits(87) + "$" + digits(43)), ErrorCode::SyntaxError);
    EXPECT_EQ(code_of("$" + digits(kMaxHashBytes - 1)), ErrorCode::UnknownKey);
    EXPECT_EQ(code_of("$" + digits(kMaxHashBytes)), ErrorCode::SyntaxError);
}

TEST(PasswordHash, DamagedHashesAreToldFromOtherText) {
    for (const std::string hash : {
             "$6$AAAA$",      "$6$AAAA",       "$6$",
             "$6$a$b$c",      "$6$a$b$c$d",    "$6$rounds=5000$x",
             "$2b$10$short",  "$2b$4$x",       "$2b$xx$x",
             "$2b$00$x",      "$2b$10$x$y",    "$y$j9T$salt$short",
             "$y$j9T$salt",   "$y$j9$salt$x",  "$y$k9T$salt$x",
             "$y$jzT$salt$x", "$y$j9_$salt$x", "$7$0$AAAA$x",
             "$7$-1$AAAA$x",  "$7$101$AAAA$x", "$7$101$AAAA",
             "$7$$$",
         }) {
        EXPECT_EQ(code_of(hash), ErrorCode::SyntaxError) << hash;
    }
    for (const std::string text : {"", "secret", "$", "$$", "$1$a$b", "$2x$05$a", "$66$a$b"}) {
        EXPECT_EQ(code_of(text), ErrorCode::UnknownKey) << text;
    }
    EXPECT_EQ(code_of("$argon2id$v=19$m=65536,t=3,p=4$AAAA$AAAA"), ErrorCode::Unavailable);
}

TEST(PasswordHash, EveryPartHasItsAlphabet) {
    const std::string good86 = digits(85);
    const std::string good87 = digits(85) + "==";
    EXPECT_TRUE(recognise_hash("$6$AAAA$A" + good87));
    EXPECT_EQ(code_of("$6$AAAA$." + good87), ErrorCode::SyntaxError);  // of crypt(3)
    EXPECT_EQ(code_of("$6$AAA=$=" + good87), ErrorCode::SyntaxError);  // padding inside
    EXPECT_EQ(code_of("$6$AAA$A" + good87), ErrorCode::SyntaxError);   // no padding
    EXPECT_EQ(code_of("$6$A===$A" + good87), ErrorCode::SyntaxError);  // too much of it
    EXPECT_EQ(code_of("$6$AA A$A" + good87), ErrorCode::SyntaxError);
    EXPECT_EQ(code_of("$6$AAAA$" + digits(88)), ErrorCode::SyntaxError);  // 66 bytes
    EXPECT_TRUE(recognise_hash("$6$a.b$A" + good86));
    EXPECT_EQ(code_of("$6$a.b$+" + good86), ErrorCode::SyntaxError);  // of base64
    EXPECT_EQ(code_of("$6$a+b$A" + good86), ErrorCode::SyntaxError);
    EXPECT_EQ(code_of("$2b$10$+" + digits(52)), ErrorCode::SyntaxError);
    EXPECT_EQ(code_of("$y$j9T$+$" + digits(43)), ErrorCode::SyntaxError);
    EXPECT_EQ(code_of("$y$j9T$a$+" + digits(42)), ErrorCode::SyntaxError);
}

TEST(PasswordHash, ErrorsHoldNothingOfTheHash) {
    for (const std::string hash : {"$6$hidden$hidden", "hidden", "$hidden$hidden", "$7$hidden$a$b",
                                   "$2b$10$hidden", "$y$hidden$a$b", "$argon2hidden$a"}) {
        EXPECT_THAT(recognise_hash(hash).error().detail, Not(HasSubstr("hidden")));
    }
}

TEST(PasswordHash, NewHashesAreRecognisedAndNeverTheSame) {
    const std::pair<const char*, const char*> schemes[] = {
        {"vernemq", "$6$"}, {"sha512crypt", "$6$"}, {"bcrypt", "$2b$10$"}, {"yescrypt", "$y$j9T$"}};
    for (const auto& [name, prefix] : schemes) {
        const auto scheme = scheme_from_name(name);
        ASSERT_TRUE(scheme.has_value()) << name;
        const std::string hash = hash_password(*scheme, "päss:w$rd").value();
        EXPECT_THAT(hash, StartsWith(prefix));
        EXPECT_EQ(recognise_hash(hash).value(), *scheme);
        EXPECT_TRUE(verify_password(hash, "päss:w$rd")) << name;
        EXPECT_FALSE(verify_password(hash, "pass:w$rd")) << name;
        EXPECT_NE(hash, hash_password(*scheme, "päss:w$rd").value());
    }
    EXPECT_EQ(scheme_from_name("mosquitto"), std::nullopt);
    EXPECT_EQ(scheme_from_name("Bcrypt"), std::nullopt);
    EXPECT_EQ(scheme_from_name(""), std::nullopt);
}

TEST(PasswordHash, NewVernemqHashesHaveItsShape) {
    const std::string hash = hash_password(Scheme::Vernemq, "secret").value();
    EXPECT_EQ(hash.size(), 3U + 16 + 1 + 88);
    EXPECT_EQ(hash[19], '$');
    EXPECT_TRUE(hash_password(Scheme::Vernemq, std::string(65'535, '\0')));
}

TEST(PasswordHash, NoNewHashIsMadeOfAPasswordThatWouldBeCutOff) {
    EXPECT_TRUE(hash_password(Scheme::Bcrypt, std::string(72, 'x')));
    EXPECT_EQ(hash_password(Scheme::Bcrypt, std::string(73, 'x')).error().detail,
              "the password is longer than 72 bytes");
    EXPECT_TRUE(hash_password(Scheme::Sha512Crypt, std::string(511, 'x')));
    EXPECT_EQ(hash_password(Scheme::Sha512Crypt, std::string(512, 'x')).error().code,
              ErrorCode::InvalidValue);
    EXPECT_EQ(hash_password(Scheme::Yescrypt, std::string(512, 'x')).error().code,
              ErrorCode::InvalidValue);
    EXPECT_EQ(hash_password(Scheme::Yescrypt, std::string_view("a\0b", 3)).error().detail,
              "the password contains a NUL");
}

TEST(PasswordHashDeathTest, MosquittosSchemeIsOnlyRead) {
    EXPECT_DEATH((void)hash_password(Scheme::MosquittoPbkdf2, "secret"), "MosquittoPbkdf2");
}

}  // namespace
}  // namespace vmq::plugins::passwd
