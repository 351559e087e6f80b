#include "plugins/acl/acl_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "mqtt/topic.h"

namespace vmq::plugins::acl {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kBlanks = " \t";
constexpr std::array<std::string_view, 3> kPlaceholders{"%u", "%c", "%m"};

std::string_view trimmed(std::string_view text) noexcept {
    const std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool take_prefix(std::string_view& text, std::string_view prefix) noexcept {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

/// Whether an unreadable line was surely not meant as a user line.
bool is_surely_no_user_line(std::string_view line) {
    const std::string_view rest = trimmed(line.substr(0, 64));
    const auto begins_with = [rest](std::string_view word) {
        return rest.size() >= word.size() &&
               std::equal(word.begin(), word.end(), rest.begin(), [](char wanted, char c) {
                   return wanted == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
               });
    };
    return rest.starts_with('#') || begins_with("topic") || begins_with("pattern");
}

/// Whether a level holds %u, %c or %m and something else, so that nothing is replaced in it.
bool has_placeholder_within_level(std::string_view topic) {
    for (mqtt::LevelCursor levels(topic); !levels.done();) {
        const std::string_view level = levels.next();
        for (const std::string_view placeholder : kPlaceholders) {
            if (level != placeholder && level.find(placeholder) != std::string_view::npos) {
                return true;
            }
        }
    }
    return false;
}

bool has_placeholder(std::string_view topic) {
    return std::any_of(kPlaceholders.begin(), kPlaceholders.end(),
                       [topic](std::string_view placeholder) {
                           return topic.find(placeholder) != std::string_view::npos;
                       });
}

/// Reads one file from front to back. Lives for one call of parse_acl_file.
class Parser final {
public:
    explicit Parser(const ParseLimits& limits) : limits_(limits) {}

    AclFile parse(std::string_view text) {
        take_prefix(text, kByteOrderMark);
        while (!text.empty() && !full_) {
            ++number_;
            const std::size_t end = text.find('\n');
            parse_line(text.substr(0, end));
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        }
        return std::move(out_);
    }

private:
    void parse_line(std::string_view line) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.starts_with('#') || trimmed(line).empty()) return;
        if (line.size() > kMaxLineSize) {
            return refuse(
                line, fmt::format("has {} bytes, at most {} are read", line.size(), kMaxLineSize));
        }
        if (!mqtt::is_valid_utf8(line)) return refuse(line, "is not valid UTF-8");
        if (line.find('\r') != std::string_view::npos) {
            return refuse(line, "has a carriage return within it");
        }
        std::string_view rest = line;
        if (take_prefix(rest, "user ")) {
            parse_user(line, rest);
        } else if (take_prefix(rest, "topic ")) {
            parse_topic(rest);
        } else if (take_prefix(rest, "pattern ")) {
            parse_rule(rest, Rule::Applies::AsPattern);
        } else {
            refuse(line, "does not begin with 'topic ', 'user ', 'pattern ' or '#'");
        }
    }

    void parse_user(std::string_view line, std::string_view rest) {
        const std::string_view name = trimmed(rest);
        if (name.empty()) return refuse(line, "names no user");
        applies_ = Rule::Applies::ToUser;
        username_ = name;
        unknown_since_ = 0;
    }

    void parse_topic(std::string_view rest) {
        if (unknown_since_ != 0) {
            return note(
                fmt::format("is skipped because line {}, which cannot be read, may name its user",
                            unknown_since_));
        }
        parse_rule(rest, applies_);
    }

    void parse_rule(std::string_view rest, Rule::Applies applies) {
        Rule rule;
        rule.applies = applies;
        rule.line = number_;
        if (take_prefix(rest, "read ")) {
            rule.write = false;
        } else if (take_prefix(rest, "write ")) {
            rule.read = false;
        } else if (rest.starts_with("deny ")) {
            return note("there are no rules that deny: what no rule grants is refused");
        } else {
            take_prefix(rest, "readwrite ");
        }
        rule.topic = trimmed(rest);
        if (applies == Rule::Applies::ToUser) rule.username = username_;
        if (accepts(rule.topic)) add(std::move(rule));
    }

    bool accepts(std::string_view topic) {
        if (topic.empty()) {
            note("names no topic");
        } else if (!is_valid_rule_topic(topic)) {
            note(fmt::format("'{}' cannot be subscribed to", topic));
        } else if (mqtt::level_count(topic) > limits_.max_levels) {
            note(fmt::format("'{}' has more levels than topic_max_depth ({})", topic,
                             limits_.max_levels));
        } else if (out_.rules.size() >= limits_.max_rules) {
            note(fmt::format("and what follows is not read: a file has at most {} rules",
                             limits_.max_rules));
            full_ = true;
        } else {
            return true;
        }
        return false;
    }

    void add(Rule rule) {
        const std::string_view topic = rule.topic;
        if (rule.applies == Rule::Applies::AsPattern ? has_placeholder_within_level(topic)
                                                     : has_placeholder(topic)) {
            remark("%u, %c and %m are replaced only in pattern lines and as whole levels");
        }
        for (const std::string_view access : {"read ", "write ", "readwrite "}) {
            if (topic.starts_with(access)) {
                remark(fmt::format(
                    "grants a topic that begins with '{}': is there a space too many?", access));
            }
        }
        out_.rules.push_back(std::move(rule));
    }

    void refuse(std::string_view line, std::string reason) {
        note(std::move(reason));
        if (!is_surely_no_user_line(line)) unknown_since_ = number_;
    }

    void note(std::string reason) { report({number_, std::move(reason), true}); }
    void remark(std::string reason) { report({number_, std::move(reason), false}); }
    void report(Problem problem) {
        ++out_.problem_count;
        if (out_.problems.size() < kMaxProblems) out_.problems.push_back(std::move(problem));
    }

    const ParseLimits limits_;
    AclFile out_;
    std::uint32_t number_ = 0;
    Rule::Applies applies_ = Rule::Applies::ToEveryone;
    std::string username_;
    std::uint32_t unknown_since_ = 0;  // line that may have been a user line, 0: none
    bool full_ = false;
};

}  // namespace

AclFile parse_acl_file(std::string_view text, const ParseLimits& limits) {
    return Parser(limits).parse(text);
}

}  // namespace vmq::plugins::acl
