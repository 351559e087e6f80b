// A command as the one table declares it: words, arguments, flags, help, and what it does.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/commands/answer.h"

namespace vmq::admin::commands {

class Node;
struct Command;

enum class ValueType : std::uint8_t {
    Text,
    Integer,  // at least `minimum`
    Boolean,  // true, false
};

/// `name=VALUE`. Texts of all declarations are static.
struct Argument {
    std::string_view name;
    std::string_view value;  // what stands for it in help: ClientId
    std::string_view help;
    bool required = false;
    ValueType type = ValueType::Text;
    std::int64_t minimum = std::numeric_limits<std::int64_t>::min();
};

enum class Takes : std::uint8_t {
    Nothing,   // there or not; `true` and `false` are understood as well
    Value,     // --limit=3, --limit 3, -l 3, -l3
    Optional,  // --topic, --topic=a
};

/// `--name`, and `-letter` if it has one.
struct Flag {
    std::string_view name;
    char letter = 0;
    Takes takes = Takes::Nothing;
    std::string_view value;  // in help; of those that take one
    std::string_view help;
    ValueType type = ValueType::Text;
    std::int64_t minimum = std::numeric_limits<std::int64_t>::min();
    bool local = false;  // for a terminal or a shell of the machine, not for HTTP
};

/// Whether it can be run over HTTP, and with which method.
enum class Access : std::uint8_t {
    Read,    // GET
    Change,  // POST; for VerneMQ's scripts GET as well
    Local,   // not at all: for a terminal or a shell of the machine
};

/// What may follow the words besides declared arguments.
enum class Operands : std::uint8_t {
    None,
    Keys,         // show KEY...
    Assignments,  // set KEY=VALUE...
};

struct GivenArgument {
    std::string name;
    std::string value;
};
struct GivenFlag {
    std::string_view name;  // of the declaration
    std::optional<std::string> value;
};

/// A command line that fits its command: required arguments are there, typed values are of their
/// type.
class Invocation final {
public:
    explicit Invocation(const Command& command) : command_(&command) {}

    [[nodiscard]] const Command& command() const noexcept { return *command_; }
    [[nodiscard]] const std::vector<std::string>& keys() const noexcept { return keys_; }
    [[nodiscard]] const std::vector<GivenArgument>& assignments() const noexcept {
        return assignments_;
    }
    /// All flags as they were given, in that order.
    [[nodiscard]] const std::vector<GivenFlag>& flags() const noexcept { return flags_; }

    /// The last one given counts.
    [[nodiscard]] std::optional<std::string> argument(std::string_view name) const;
    [[nodiscard]] bool has(std::string_view flag) const;
    [[nodiscard]] std::optional<std::string> value(std::string_view flag) const;
    [[nodiscard]] std::string value_or(std::string_view flag, std::string_view fallback) const;
    [[nodiscard]] std::int64_t integer_or(std::string_view flag, std::int64_t fallback) const;
    /// Of a flag that takes nothing or a boolean.
    [[nodiscard]] bool is_on(std::string_view flag) const;

    // For the parser.
    void add(GivenArgument argument) { arguments_.push_back(std::move(argument)); }
    void add(GivenFlag flag) { flags_.push_back(std::move(flag)); }
    void add_key(std::string key) { keys_.push_back(std::move(key)); }
    void add_assignment(GivenArgument each) { assignments_.push_back(std::move(each)); }

private:
    const Command* command_;
    std::vector<GivenArgument> arguments_;
    std::vector<GivenFlag> flags_;
    std::vector<std::string> keys_;
    std::vector<GivenArgument> assignments_;
};

/// Runs on a thread for commands, never on a shard's; may wait as long as `node` does.
using Handler = Answer (*)(const Invocation& invocation, Node& node);

struct Command {
    std::string_view words;    // "session show"
    std::string_view summary;  // one line, in the list of the words above it
    std::string_view help;     // more about it; may be empty
    std::vector<Argument> arguments;
    std::vector<Flag> flags;
    Access access = Access::Read;
    Operands operands = Operands::None;
    bool streams = false;  // its answer goes on: for the control socket only, not for HTTP
    Handler run = nullptr;
};

/// Words under which there are commands.
struct Group {
    std::string_view words;  // "session"
    std::string_view summary;
};

[[nodiscard]] const Argument* find_argument(const Command& command, std::string_view name) noexcept;
[[nodiscard]] const Flag* find_flag(const Command& command, std::string_view name) noexcept;
[[nodiscard]] const Flag* find_flag(const Command& command, char letter) noexcept;

/// Nothing if it is none, or out of range.
[[nodiscard]] std::optional<std::int64_t> integer_of(std::string_view text) noexcept;

/// Every command and group. Immutable, so any thread may use it.
class CommandTable final {
public:
    /// No two have the same words, and each group of words has a Group.
    CommandTable(std::vector<Group> groups, std::vector<Command> commands);

    [[nodiscard]] const Command* find_command(std::string_view words) const noexcept;
    [[nodiscard]] const Group* find_group(std::string_view words) const noexcept;
    [[nodiscard]] std::span<const Command> commands() const noexcept { return commands_; }
    [[nodiscard]] std::span<const Group> groups() const noexcept { return groups_; }

    struct Child {
        std::string_view word;
        std::string_view summary;
    };
    /// What may follow `words`, in the order of declaration; the top is "".
    [[nodiscard]] std::vector<Child> children(std::string_view words) const;
    /// The one of children(words) that is most like `word`; empty if none is.
    [[nodiscard]] std::string_view nearest(std::string_view words, std::string_view word) const;

private:
    std::vector<Group> groups_;
    std::vector<Command> commands_;
};

/// The candidate that `word` was most likely meant to be; empty if none is near.
[[nodiscard]] std::string_view nearest_of(std::span<const std::string_view> candidates,
                                          std::string_view word);

}  // namespace vmq::admin::commands
