#include "vmq-passwd/password_edit.h"

#include <fmt/core.h>

#include <cstddef>

#include "plugins/passwd/password_hash.h"
#include "plugins/passwd/password_line.h"

namespace vmq::passwd_tool {
namespace {

using plugins::passwd::PasswordLine;
using plugins::passwd::PasswordLines;
using Kind = PasswordLine::Kind;

std::string entry(std::string_view user, std::string_view hash) {
    return fmt::format("{}:{}\n", user, hash);
}

bool is_of(const PasswordLine& line, std::string_view user) {
    return line.kind == Kind::Entry && line.user == user;
}

enum class Content : std::uint8_t { Hash, Plain, Neither };

/// Something that begins like a hash and is none is not taken for a password: the hash of a damaged
/// hash would look sound.
Content content_of(std::string_view rest) {
    const auto scheme =
        plugins::passwd::recognise_hash(rest.substr(0, rest.find_last_not_of(" \t") + 1));
    if (scheme) return Content::Hash;
    const bool plain = scheme.error().code == ErrorCode::UnknownKey || !rest.starts_with('$');
    return plain ? Content::Plain : Content::Neither;
}

Error in_line(std::size_t number, ErrorCode code, std::string_view what) {
    return {code, fmt::format("line {}: {}", number, what)};
}

Result<std::string> hashed(const PasswordLine& line, const HashPassword& hash) {
    if (line.kind == Kind::Faulty) return in_line(line.number, ErrorCode::SyntaxError, line.fault);
    if (line.kind != Kind::Entry) return std::string(line.raw);
    switch (content_of(line.rest)) {
        case Content::Hash:
            return std::string(line.raw);
        case Content::Neither:
            return in_line(line.number, ErrorCode::SyntaxError,
                           "there is a hash that is damaged, costs too much or is not supported");
        case Content::Plain:
            break;
    }
    if (line.rest.empty())
        return in_line(line.number, ErrorCode::InvalidValue, "the password is empty");
    const Result<std::string> made = hash(line.rest);
    if (!made) return in_line(line.number, made.error().code, made.error().detail);
    return entry(line.user, made.value());
}

}  // namespace

std::string with_user(std::string_view text, std::string_view user, std::string_view hash) {
    std::string result;
    bool there = false;
    PasswordLines lines(text);
    while (const auto line = lines.next()) {
        if (!is_of(*line, user)) {
            result += line->raw;
        } else if (!there) {
            result += entry(user, hash);
            there = true;
        }
    }
    if (there) return result;
    if (!result.empty() && !result.ends_with('\n')) result += '\n';
    return result + entry(user, hash);
}

std::string without_user(std::string_view text, std::string_view user) {
    std::string result;
    PasswordLines lines(text);
    while (const auto line = lines.next()) {
        if (!is_of(*line, user)) result += line->raw;
    }
    return result;
}

Result<std::string> with_hashes(std::string_view text, const HashPassword& hash) {
    std::string result;
    PasswordLines lines(text);
    while (const auto line = lines.next()) {
        const Result<std::string> kept = hashed(*line, hash);
        if (!kept) return kept.error();
        result += kept.value();
    }
    return result;
}

}  // namespace vmq::passwd_tool
