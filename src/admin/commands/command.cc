#include "admin/commands/command.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/assert.h"
#include "config/setting_table.h"

namespace vmq::admin::commands {
namespace {

/// The word of `words` that stands directly below `above`; empty if none does.
std::string_view word_below(std::string_view words, std::string_view above) {
    if (!above.empty()) {
        if (!words.starts_with(above) || words.size() <= above.size() ||
            words[above.size()] != ' ') {
            return {};
        }
        words.remove_prefix(above.size() + 1);
    }
    return words.find(' ') == std::string_view::npos ? words : std::string_view();
}

}  // namespace

std::optional<std::string> Invocation::argument(std::string_view name) const {
    for (auto given = arguments_.rbegin(); given != arguments_.rend(); ++given) {
        if (given->name == name) return given->value;
    }
    return std::nullopt;
}

bool Invocation::has(std::string_view flag) const {
    return std::ranges::any_of(flags_, [&](const GivenFlag& given) { return given.name == flag; });
}

std::optional<std::string> Invocation::value(std::string_view flag) const {
    for (auto given = flags_.rbegin(); given != flags_.rend(); ++given) {
        if (given->name == flag && given->value) return given->value;
    }
    return std::nullopt;
}

std::string Invocation::value_or(std::string_view flag, std::string_view fallback) const {
    return value(flag).value_or(std::string(fallback));
}

std::int64_t Invocation::integer_or(std::string_view flag, std::int64_t fallback) const {
    const auto given = value(flag);
    return given ? integer_of(*given).value_or(fallback) : fallback;
}

bool Invocation::is_on(std::string_view flag) const {
    return has(flag) && value_or(flag, "true") == "true";
}

const Argument* find_argument(const Command& command, std::string_view name) noexcept {
    const auto found = std::ranges::find(command.arguments, name, &Argument::name);
    return found == command.arguments.end() ? nullptr : &*found;
}

const Flag* find_flag(const Command& command, std::string_view name) noexcept {
    const auto found = std::ranges::find(command.flags, name, &Flag::name);
    return found == command.flags.end() ? nullptr : &*found;
}

const Flag* find_flag(const Command& command, char letter) noexcept {
    const auto found = std::ranges::find(command.flags, letter, &Flag::letter);
    return letter == 0 || found == command.flags.end() ? nullptr : &*found;
}

std::optional<std::int64_t> integer_of(std::string_view text) noexcept {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

CommandTable::CommandTable(std::vector<Group> groups, std::vector<Command> commands)
    : groups_(std::move(groups)), commands_(std::move(commands)) {
    for (const Command& command : commands_) {
        VMQ_ASSERT(find_command(command.words) == &command);
        VMQ_ASSERT(command.run != nullptr);
        const std::size_t last = command.words.rfind(' ');
        if (last == std::string_view::npos) continue;
        const std::string_view above = command.words.substr(0, last);
        VMQ_ASSERT(find_group(above) != nullptr || find_command(above) != nullptr);
    }
}

const Command* CommandTable::find_command(std::string_view words) const noexcept {
    const auto found = std::ranges::find(commands_, words, &Command::words);
    return found == commands_.end() ? nullptr : &*found;
}

const Group* CommandTable::find_group(std::string_view words) const noexcept {
    const auto found = std::ranges::find(groups_, words, &Group::words);
    return found == groups_.end() ? nullptr : &*found;
}

std::vector<CommandTable::Child> CommandTable::children(std::string_view words) const {
    std::vector<Child> result;
    for (const Group& group : groups_) {
        const auto word = word_below(group.words, words);
        if (!word.empty()) result.push_back({word, group.summary});
    }
    for (const Command& command : commands_) {
        const auto word = word_below(command.words, words);
        if (!word.empty()) result.push_back({word, command.summary});
    }
    return result;
}

std::string_view CommandTable::nearest(std::string_view words, std::string_view word) const {
    std::vector<std::string_view> candidates;
    for (const Child& child : children(words)) candidates.push_back(child.word);
    return nearest_of(candidates, word);
}

std::string_view nearest_of(std::span<const std::string_view> candidates, std::string_view word) {
    std::string_view best;
    std::size_t distance = std::max<std::size_t>(word.size() / 2, 1) + 1;
    for (const std::string_view candidate : candidates) {
        const std::size_t far = config::edit_distance(candidate, word, distance);
        if (far < distance) {
            distance = far;
            best = candidate;
        }
    }
    return best;
}

}  // namespace vmq::admin::commands
