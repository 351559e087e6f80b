#include "admin/commands/parser.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/commands/usage.h"

namespace vmq::admin::commands {
namespace {

using Words = std::vector<std::string>;

/// Of the Erlang program that VerneMQ's vmq-admin was; each has a value and none has an effect.
constexpr std::string_view kConnectorOptions[] = {"-rpctimeout", "-name", "-setcookie"};

bool is_integer(std::string_view word) { return integer_of(word).has_value(); }
/// Negative numbers are values.
bool is_flag(std::string_view word) {
    return word.size() > 1 && word[0] == '-' && !is_integer(word);
}
bool is_bare(std::string_view word) {
    return !is_flag(word) && word.find('=') == std::string_view::npos;
}

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string did_you_mean(std::string_view nearest) {
    return nearest.empty() ? std::string() : "Did you mean `" + std::string(nearest) + "`?";
}

/// What every command knows, taken off the line.
struct Globals {
    bool help = false;
    Format format = Format::Human;
    std::string notice;
};

Globals take_globals(std::span<const std::string> line, Words& rest) {
    constexpr std::string_view kFormat = "--format";
    Globals globals;
    const auto choose = [&globals](const std::string& word) {
        const auto format = format_of(word);
        globals.format = format.value_or(Format::Human);
        globals.notice =
            format ? std::string()
                   : "Invalid format " + in_quotes(word) + "! Defaulted to human-readable.";
    };
    for (std::size_t i = 0; i < line.size(); ++i) {
        const std::string& word = line[i];
        if (std::ranges::find(kConnectorOptions, word) != std::end(kConnectorOptions)) {
            ++i;
        } else if (word == kFormat) {
            ++i;
            choose(i < line.size() ? line[i] : std::string());
        } else if (word.starts_with(kFormat) && word[kFormat.size()] == '=') {
            choose(word.substr(kFormat.size() + 1));
        } else if (word == "--help" || word == "-h") {
            globals.help = true;
        } else {
            rest.push_back(word);
        }
    }
    return globals;
}

class LineParser final {
public:
    LineParser(const CommandTable& table, Words words, bool help)
        : table_(table), words_(std::move(words)), help_(help) {}

    std::variant<Invocation, Answer> parse() {
        find_words();
        const Command* command = table_.find_command(path_);
        if (command == nullptr || (stray_ && command->operands != Operands::Keys)) {
            return unknown_command();
        }
        if (help_) return page(0);
        Invocation invocation(*command);
        for (place_ = 0; place_ < rest_.size(); ++place_) {
            if (auto problem = take(*command, invocation)) return std::move(*problem);
        }
        return checked(*command, std::move(invocation));
    }

private:
    /// The longest path of words that the table knows goes to path_, all others to rest_.
    void find_words() {
        bool may_be_value = false;  // of a flag that stands before the words
        for (const std::string& word : words_) {
            const bool bare = is_bare(word);
            const std::string longer = path_.empty() ? word : path_ + " " + word;
            if (bare && !stray_ && (table_.find_command(longer) || table_.find_group(longer))) {
                path_ = longer;
                may_be_value = false;
                continue;
            }
            const Command* command = table_.find_command(path_);
            const bool value =
                may_be_value || (command != nullptr && !rest_.empty() && is_flag(rest_.back()));
            if (bare && !value && !stray_) stray_ = word;
            may_be_value = is_flag(word) && word.find('=') == std::string::npos;
            rest_.push_back(word);
        }
    }

    Answer page(int status) const {
        std::string help = usage(table_, path_);
        // Printing adds a newline; VerneMQ prints two after an error.
        if (status == 0) help.pop_back();
        Answer answer = text(std::move(help));
        answer.status = status;
        answer.plain = true;
        return answer;
    }

    Answer unknown_command() const {
        const bool complete = !stray_;
        Answer answer = page(help_ && complete ? 0 : 1);
        if (stray_) {
            answer.hint = "Unknown sub-command " + in_quotes(*stray_) + ".";
            const auto nearest = table_.nearest(path_, *stray_);
            if (!nearest.empty()) {
                answer.hint +=
                    " " + did_you_mean("vmq-admin " + path_ + (path_.empty() ? "" : " ") +
                                       std::string(nearest));
            }
        }
        return answer;
    }

    std::optional<Answer> take(const Command& command, Invocation& invocation) {
        const std::string& word = rest_[place_];
        if (word.starts_with("--")) return take_long(command, invocation, word);
        if (is_flag(word)) return take_short(command, invocation, word);
        const std::size_t equal = word.find('=');
        if (equal == std::string::npos) {
            invocation.add_key(word);
            return std::nullopt;
        }
        const std::string name = word.substr(0, equal);
        const std::string value = word.substr(equal + 1);
        if (command.operands == Operands::Assignments) {
            invocation.add_assignment({name, value});
            return std::nullopt;
        }
        if (value.empty()) return refusal("Empty value in argument: " + in_quotes(name));
        const Argument* argument = find_argument(command, name);
        if (argument == nullptr) return unknown_argument(command, name, word);
        if (!fits(argument->type, argument->minimum, value)) {
            return refusal("Invalid arguments: " + word + " ");
        }
        invocation.add(GivenArgument{name, value});
        return std::nullopt;
    }

    static Answer unknown_argument(const Command& command, const std::string& name,
                                   const std::string& word) {
        if (command.arguments.empty()) return refusal("Invalid arguments: " + word + " ");
        std::vector<std::string_view> names;
        for (const Argument& argument : command.arguments) names.push_back(argument.name);
        return refusal("Invalid key: " + in_quotes(name), did_you_mean(nearest_of(names, name)));
    }

    std::optional<Answer> take_long(const Command& command, Invocation& invocation,
                                    const std::string& word) {
        const std::size_t equal = std::min(word.find('='), word.size());
        const std::string name = word.substr(2, equal - 2);
        const Flag* flag = find_flag(command, std::string_view(name));
        if (flag == nullptr) {
            std::vector<std::string_view> names;
            for (const Flag& each : command.flags) names.push_back(each.name);
            const auto nearest = nearest_of(names, name);
            return refusal("Invalid key: " + in_quotes(name),
                           nearest.empty() ? "" : did_you_mean("--" + std::string(nearest)));
        }
        std::optional<std::string> value;
        if (equal < word.size()) value = word.substr(equal + 1);
        return add(command, invocation, *flag, std::move(value));
    }

    /// -x, -x v, -xv, -x=v
    std::optional<Answer> take_short(const Command& command, Invocation& invocation,
                                     const std::string& word) {
        const Flag* flag = find_flag(command, word[1]);
        if (flag == nullptr) return refusal("Invalid key: " + in_quotes(word.substr(1)));
        std::optional<std::string> value;
        if (word.size() > 2) value = word.substr(word[2] == '=' ? 3 : 2);
        return add(command, invocation, *flag, std::move(value));
    }

    std::optional<Answer> add(const Command& command, Invocation& invocation, const Flag& flag,
                              std::optional<std::string> value) {
        if (!value && takes_next(command, flag)) value = rest_[++place_];
        const bool missing = flag.takes == Takes::Value && (!value || value->empty());
        const ValueType type = flag.takes == Takes::Nothing ? ValueType::Boolean : flag.type;
        if (missing || (value && !fits(type, flag.minimum, *value))) {
            return refusal("Invalid value: " + in_quotes(value.value_or("")) +
                           " for flag: " + std::string(flag.name));
        }
        invocation.add(GivenFlag{flag.name, std::move(value)});
        return std::nullopt;
    }

    /// A flag never takes what is an argument of its command, so both can stand in any order.
    [[nodiscard]] bool takes_next(const Command& command, const Flag& flag) const {
        if (place_ + 1 >= rest_.size()) return false;
        const std::string& next = rest_[place_ + 1];
        if (flag.takes == Takes::Nothing) return next == "true" || next == "false";
        if (is_flag(next)) return false;
        const std::size_t equal = next.find('=');
        return equal == std::string::npos ||
               (command.operands != Operands::Assignments &&
                find_argument(command, next.substr(0, equal)) == nullptr);
    }

    static bool fits(ValueType type, std::int64_t minimum, std::string_view value) {
        switch (type) {
            case ValueType::Text:
                return true;
            case ValueType::Integer:
                if (const auto number = integer_of(value)) return *number >= minimum;
                return false;
            case ValueType::Boolean:
                return value == "true" || value == "false";
        }
        return false;
    }

    std::variant<Invocation, Answer> checked(const Command& command, Invocation invocation) const {
        const bool operands_missing =
            (command.operands == Operands::Keys && invocation.keys().empty()) ||
            (command.operands == Operands::Assignments && invocation.assignments().empty());
        if (operands_missing) return page(1);
        if (command.operands != Operands::Keys && !invocation.keys().empty()) return page(1);
        for (const Argument& argument : command.arguments) {
            if (argument.required && !invocation.argument(argument.name)) {
                return alert(usage(table_, command.words));
            }
        }
        return invocation;
    }

    const CommandTable& table_;
    const Words words_;
    const bool help_;
    std::string path_;
    Words rest_;
    std::optional<std::string> stray_;  // the first bare word that is no part of the path
    std::size_t place_ = 0;             // in rest_
};

}  // namespace

Parsed parse(const CommandTable& table, std::span<const std::string> line) {
    Words words;
    Globals globals = take_globals(line, words);
    return {LineParser(table, std::move(words), globals.help).parse(), globals.format,
            std::move(globals.notice)};
}

}  // namespace vmq::admin::commands
