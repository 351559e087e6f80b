#include "conformance/expectation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vmq::conformance {
namespace {

bool is_variable(const Word& word) {
    return !word.quoted && word.value.size() > 1 && word.value[0] == '$' &&
           word.value.find('/') == std::string::npos;
}

/// `0x81|0x82`: one of them.
bool is_one_of(std::uint64_t value, const std::string& alternatives) {
    for (const std::string& each : split(alternatives, '|')) {
        if (parse_number(each) == value) return true;
    }
    return false;
}

bool equals(const Field& field, const Word& word) {
    if (!word.quoted && word.value == "*") return true;
    if (field.is_text) return field.text == word.value;
    const auto parts = split(word.value, ',');
    return parts.size() == field.numbers.size() &&
           std::equal(parts.begin(), parts.end(), field.numbers.begin(),
                      [](const std::string& part, std::uint64_t value) {
                          return part == "*" || is_one_of(value, part);
                      });
}

/// What fields that the script does not mention must be. Others may be anything.
constexpr std::array<std::string_view, 5> kZeroByDefault{"dup", "qos", "retain", "session_present",
                                                         "reason"};

std::optional<std::string> check_unmentioned(const Field& field, bool others_allowed) {
    if (field.property) {
        // A text for people is always welcome.
        if (others_allowed || field.name == "reason_string") return {};
        return fmt::format("has {}={}, which the script does not mention", field.name,
                           field.value());
    }
    const bool zero =
        std::find(kZeroByDefault.begin(), kZeroByDefault.end(), field.name) != kZeroByDefault.end();
    if (zero && field.numbers[0] != 0) return fmt::format("{} is {}", field.name, field.value());
    return {};
}

std::optional<std::string> check_variable(const Field& field, const Word& word,
                                          Variables& variables) {
    const std::string value = field.is_text ? field.text : std::to_string(field.numbers.at(0));
    const auto [at, added] = variables.emplace(word.value, value);
    if (added || at->second == value) return {};
    return fmt::format("{} is {}, not {} as {}", field.name, field.value(), at->second, word.value);
}

}  // namespace

std::optional<std::string> find_difference(const SeenPacket& packet, const std::vector<Word>& words,
                                           Variables& variables) {
    if (packet.name != words[0].value) return "it is another packet";
    std::vector<bool> mentioned(packet.fields.size(), false);
    bool others_allowed = false;
    for (std::size_t i = 1; i < words.size(); ++i) {
        const Word& word = words[i];
        if (word.is("*")) {
            others_allowed = true;
            continue;
        }
        std::size_t at = 0;  // a field that may come several times is compared in its order
        while (at < packet.fields.size() && (mentioned[at] || packet.fields[at].name != word.key)) {
            ++at;
        }
        const bool none = !word.quoted && word.value == "none";
        if (at == packet.fields.size()) {
            if (none) continue;
            return fmt::format("it has no {}", word.key.empty() ? word.value : word.key);
        }
        const Field& field = packet.fields[at];
        mentioned[at] = true;
        if (is_variable(word)) {
            if (auto problem = check_variable(field, word, variables)) return problem;
        } else if (none || !equals(field, word)) {
            return fmt::format("{} is {}", word.key, field.value());
        }
    }
    for (std::size_t i = 0; i < packet.fields.size(); ++i) {
        if (mentioned[i]) continue;
        if (auto problem = check_unmentioned(packet.fields[i], others_allowed)) return problem;
    }
    return {};
}

std::vector<Word> substitute(std::vector<Word> words, const Variables& variables) {
    for (Word& word : words) {
        if (word.key.empty() || !is_variable(word)) continue;
        const auto found = variables.find(word.value);
        // A topic such as $SYS is no variable.
        if (found != variables.end()) word.value = found->second;
    }
    return words;
}

}  // namespace vmq::conformance
