// What the commands of one node ask another, and its answers, as bytes for ClusterQuestions.
//
//   question := kind:u8 and its fields, in the order in which they are declared here
//   flag: u8; number: varint; string; list := count:varint and its members;
//   optional := flag [the value]; cell := form:u8 [the value]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "admin/commands/node.h"
#include "base/result.h"

namespace vmq::launcher {

using admin::commands::SessionName;

/// Rows of the table `sessions`.
struct AskSessions {
    std::vector<admin::commands::FieldFlag> flags;
};
struct AskDisconnect {
    SessionName session;
    bool cleanup = false;
};
struct AskDisconnectSome {
    std::uint64_t count = 0;
    std::vector<std::string> spared;
    bool cleanup = false;
};
struct AskClient {
    SessionName session;
    bool topics = false;
};
struct AskUnsubscribe {
    SessionName session;
    std::string filter;
    bool tell_plugins = false;
};
struct AskReauthorize {
    SessionName session;
    std::optional<std::string> username;
};
struct AskSettings {
    std::vector<std::string> keys;
};
struct AskChange {
    std::vector<admin::commands::SettingChange> changes;
};
struct AskUnset {
    std::vector<std::string> keys;
};

/// The place of a kind is its number on the wire, from 1; new ones come last.
using NodeQuestion = std::variant<AskSessions, AskDisconnect, AskDisconnectSome, AskClient,
                                  AskUnsubscribe, AskReauthorize, AskSettings, AskChange, AskUnset>;

[[nodiscard]] std::string encode(const NodeQuestion& question);
/// Nothing: it is none that this version knows.
[[nodiscard]] std::optional<NodeQuestion> decode_question(std::string_view bytes);

/// What the kinds of questions are answered with, in the same order: Rows, bool, a number, a client
/// or none, bool, Reauthorized, SettingsView, and `true` for the last two.
[[nodiscard]] std::string encode_answer(const admin::commands::Rows& rows);
[[nodiscard]] std::string encode_answer(bool flag);
[[nodiscard]] std::string encode_answer(std::uint64_t number);
[[nodiscard]] std::string encode_answer(const std::optional<admin::commands::ClientView>& client);
[[nodiscard]] std::string encode_answer(admin::commands::Node::Reauthorized outcome);
[[nodiscard]] std::string encode_answer(const admin::commands::SettingsView& settings);

/// False: it is no such answer.
[[nodiscard]] bool decode_answer(std::string_view bytes, admin::commands::Rows& rows);
[[nodiscard]] bool decode_answer(std::string_view bytes, bool& flag);
[[nodiscard]] bool decode_answer(std::string_view bytes, std::uint64_t& number);
[[nodiscard]] bool decode_answer(std::string_view bytes,
                                 std::optional<admin::commands::ClientView>& client);
[[nodiscard]] bool decode_answer(std::string_view bytes,
                                 admin::commands::Node::Reauthorized& outcome);
[[nodiscard]] bool decode_answer(std::string_view bytes, admin::commands::SettingsView& settings);

}  // namespace vmq::launcher
