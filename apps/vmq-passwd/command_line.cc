#include "vmq-passwd/command_line.h"

#include <cstddef>
#include <string_view>

namespace vmq::passwd_tool {
namespace {

using Arguments = std::span<const char* const>;

Error wrong(std::string what) { return {ErrorCode::InvalidValue, std::move(what)}; }

struct Options {
    std::optional<Action> action;
    std::optional<plugins::passwd::Scheme> scheme;
    bool batch = false;
};

std::optional<Action> action_of(std::string_view word) {
    if (word == "-c") return Action::Create;
    if (word == "-cf") return Action::Overwrite;
    if (word == "-D") return Action::Delete;
    if (word == "-U") return Action::HashAll;
    if (word == "-h" || word == "--help") return Action::Help;
    if (word == "--version") return Action::Version;
    return {};
}

/// Takes the options off the front of `rest`.
Result<Options> take_options(Arguments& rest) {
    Options options;
    while (!rest.empty() && std::string_view(rest.front()).starts_with('-')) {
        const std::string_view word = rest.front();
        rest = rest.subspan(1);
        if (word == "--") break;
        if (const auto action = action_of(word)) {
            if (options.action && options.action != action)
                return wrong("only one of -c, -cf, -D and -U can be used");
            options.action = action;
        } else if (word == "-b") {
            options.batch = true;
        } else if (word == "-H") {
            if (rest.empty()) return wrong("-H needs the name of a scheme");
            options.scheme = plugins::passwd::scheme_from_name(rest.front());
            if (!options.scheme) return wrong("-H takes yescrypt, bcrypt, sha512crypt or vernemq");
            rest = rest.subspan(1);
        } else {
            return wrong("unknown option " + std::string(word));
        }
    }
    return options;
}

std::size_t words_of(Action action, bool batch) {
    switch (action) {
        case Action::HashAll:
            return 1;
        case Action::Help:
        case Action::Version:
            return 0;
        default:
            return batch ? 3 : 2;
    }
}

}  // namespace

Result<CommandLine> parse_command_line(Arguments arguments) {
    const Result<Options> parsed = take_options(arguments);
    if (!parsed) return parsed.error();
    const Options& options = parsed.value();
    CommandLine line;
    line.action = options.action.value_or(Action::Set);
    line.scheme = options.scheme.value_or(kDefaultScheme);
    if (line.action == Action::Help || line.action == Action::Version) return line;
    const bool sets_password = line.action != Action::Delete && line.action != Action::HashAll;
    if (options.batch && !sets_password) return wrong("-b does not go with -D and -U");
    if (options.scheme && line.action == Action::Delete) return wrong("-H does not go with -D");
    const std::size_t words = words_of(line.action, options.batch);
    if (arguments.size() < words) return wrong("something is missing");
    if (arguments.size() > words) return wrong("there is a word too many");
    line.file = arguments[0];
    if (words > 1) line.user = arguments[1];
    if (words > 2) line.password = arguments[2];
    return line;
}

std::string_view usage() {
    return R"(Usage: vmq-passwd [-c | -cf] [-H SCHEME] FILE USER
       vmq-passwd [-c | -cf] [-H SCHEME] -b FILE USER PASSWORD
       vmq-passwd -D FILE USER
       vmq-passwd [-H SCHEME] -U FILE

Without -D and -U the user is added to the password file, or given another password. It is asked for
twice; if standard input is no terminal, a line of it is read each time.

  -c         Make a new file; it is an error if there is one.
  -cf        Make a new file, and give up the users of the one that may be there.
  -D         Delete the user.
  -U         Replace the plain passwords of a file of lines USER:PASSWORD by their hashes. Lines that
             have a hash stay as they are.
  -b         The password is the last argument. Others on this machine may see it there, and the
             shell may keep it in its history.
  -H SCHEME  How to hash: yescrypt (the default), bcrypt, sha512crypt, or vernemq, which is fast and
             the only one that VerneMQ reads as well.
  --         No more options: for files and users that begin with -
  --version  Print the version and end.

The file is replaced in one step and keeps its mode and owner; a new one can be read by its owner
alone. The broker takes a change over within vmq_passwd.password_reload_interval.

Exit status: 0 done, also if there was no user to delete; 1 not done, standard error says why.
)";
}

}  // namespace vmq::passwd_tool
