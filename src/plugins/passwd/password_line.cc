#include "plugins/passwd/password_line.h"

#include <string>

namespace vmq::plugins::passwd {
namespace {

using Kind = PasswordLine::Kind;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kBlanks = " \t";

std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end == std::string_view::npos ? end : end + 1);
    text.remove_prefix(line.size());
    return line;
}

std::string_view without_line_end(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

bool is_comment(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kBlanks);
    return first != std::string_view::npos && text[first] == '#';
}

/// Empty: none.
std::string_view fault_of_user(std::string_view user) {
    if (user.empty()) return "the user name is empty";
    if (user.size() > kMaxUserBytes) return "the user name is longer than 65535 bytes";
    if (user.find('\0') != std::string_view::npos) return "the user name contains a NUL";
    return {};
}

void classify(PasswordLine& line, std::string_view text) {
    if (text.find_first_not_of(kBlanks) == std::string_view::npos) {
        line.kind = Kind::Blank;
        return;
    }
    if (is_comment(text)) {
        line.kind = Kind::Comment;
        return;
    }
    const std::size_t colon = text.find(':');
    line.fault = colon == std::string_view::npos ? "there is no ':' between user name and hash"
                                                 : fault_of_user(text.substr(0, colon));
    if (!line.fault.empty()) {
        line.kind = Kind::Faulty;
        return;
    }
    line.kind = Kind::Entry;
    line.user = text.substr(0, colon);
    line.rest = text.substr(colon + 1);
}

}  // namespace

std::optional<PasswordLine> PasswordLines::next() {
    if (rest_.empty()) return {};
    PasswordLine line;
    line.number = ++number_;
    line.raw = take_line(rest_);
    std::string_view text = without_line_end(line.raw);
    if (line.number == 1 && text.starts_with(kByteOrderMark))
        text.remove_prefix(kByteOrderMark.size());
    classify(line, text);
    return line;
}

Result<void> check_user_name(std::string_view user) {
    const auto invalid = [](std::string_view why) {
        return Error{ErrorCode::InvalidValue, std::string(why)};
    };
    if (const std::string_view fault = fault_of_user(user); !fault.empty()) return invalid(fault);
    if (user.find(':') != std::string_view::npos) return invalid("the user name contains ':'");
    if (user.find_first_of("\r\n") != std::string_view::npos)
        return invalid("the user name contains a line break");
    if (is_comment(user)) return invalid("the user name begins with '#', like a comment");
    if (user.starts_with(kByteOrderMark))
        return invalid("the user name begins with a byte order mark");
    return {};
}

}  // namespace vmq::plugins::passwd
