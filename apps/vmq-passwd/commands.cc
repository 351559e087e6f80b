#include "vmq-passwd/commands.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "plugins/passwd/password_line.h"
#include "plugins/passwd/secret.h"
#include "vmq-passwd/file_replacement.h"
#include "vmq-passwd/password_edit.h"
#include "vmq-passwd/prompt.h"

namespace vmq::passwd_tool {
namespace {

using plugins::passwd::Secret;

int fail(std::string_view why) {
    fmt::print(stderr, "Error: {}\n", why);
    return 1;
}

/// Before the file was looked into.
int cannot_open(const CommandLine& line, const Error& error) {
    if (error.code == ErrorCode::Unavailable)
        return fail(
            fmt::format("File {} already exists. Please use -cf to overwrite it.", line.file));
    return fail(fmt::format("Unable to open password file {}. {}.", line.file, error.detail));
}

int cannot_change(const CommandLine& line, const Error& error) {
    return fail(fmt::format("Unable to change password file {}. {}.", line.file, error.detail));
}

Existing existing_for(Action action) {
    switch (action) {
        case Action::Create:
            return Existing::Forbidden;
        case Action::Overwrite:
            return Existing::Ignored;
        default:
            return Existing::Required;
    }
}

Result<Secret> password_for(const CommandLine& line) {
    if (!line.password) return ask_for_password();
    if (line.password->empty()) return Error{ErrorCode::InvalidValue, "Empty password."};
    return Secret(*line.password);
}

int set_password(const CommandLine& line) {
    if (const auto name = plugins::passwd::check_user_name(line.user); !name)
        return fail(fmt::format("The name cannot be used: {}.", name.error().detail));
    const Existing existing = existing_for(line.action);
    if (const auto checked = check_existing(line.file, existing); !checked)
        return cannot_open(line, checked.error());
    if (line.action == Action::Overwrite && ::access(line.file.c_str(), F_OK) == 0)
        fmt::print(stderr, "Warning: File {} exists and is overwritten.\n", line.file);
    const Result<Secret> password = password_for(line);
    if (!password) return fail(password.error().detail);
    const auto hash = plugins::passwd::hash_password(line.scheme, password.value().view());
    if (!hash) return fail(fmt::format("This scheme cannot be used: {}.", hash.error().detail));
    const auto written = rewrite_file(line.file, existing, [&](std::string_view text) {
        return Result(with_user(text, line.user, hash.value()));
    });
    return written ? 0 : cannot_change(line, written.error());
}

int delete_user(const CommandLine& line) {
    if (const auto checked = check_existing(line.file, Existing::Required); !checked)
        return cannot_open(line, checked.error());
    bool found = false;
    const auto written = rewrite_file(line.file, Existing::Required, [&](std::string_view text) {
        std::string rest = without_user(text, line.user);
        found = rest.size() != text.size();
        return Result(std::move(rest));
    });
    if (!written) return cannot_change(line, written.error());
    if (!found) fmt::print(stderr, "Warning: User {} not found in password file.\n", line.user);
    return 0;
}

int hash_all(const CommandLine& line) {
    if (const auto checked = check_existing(line.file, Existing::Required); !checked)
        return cannot_open(line, checked.error());
    const auto hash = [&line](std::string_view password) {
        return plugins::passwd::hash_password(line.scheme, password);
    };
    const auto written =
        rewrite_file(line.file, Existing::Required,
                     [&hash](std::string_view text) { return with_hashes(text, hash); });
    return written ? 0 : cannot_change(line, written.error());
}

int print(std::string_view text) {
    fmt::print("{}", text);
    return 0;
}

}  // namespace

int run_command(const CommandLine& line) {
    switch (line.action) {
        case Action::Help:
            return print(usage());
        case Action::Version:
            return print(VMQ_VERSION "\n");
        case Action::Delete:
            return delete_user(line);
        case Action::HashAll:
            return hash_all(line);
        case Action::Set:
        case Action::Create:
        case Action::Overwrite:
            return set_password(line);
    }
    return 1;
}

}  // namespace vmq::passwd_tool
