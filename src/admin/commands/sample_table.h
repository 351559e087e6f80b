// A small command table for the tests of this folder.
#pragma once

#include <string>
#include <utility>

#include "admin/commands/command.h"

namespace vmq::admin::commands {

inline Answer nothing(const Invocation& /*invocation*/, Node& /*node*/) { return done(); }

inline const CommandTable& sample_table() {
    static const CommandTable table(
        {{"session", "Manage MQTT sessions."}, {"api-key", "Manage keys."}},
        {{.words = "session disconnect",
          .summary = "Disconnects a client.",
          .help = "It gets the reason \"administrative action\".",
          .arguments = {{"client-id", "ClientId", "The client.", true}},
          .flags = {{"cleanup", 'c', Takes::Nothing, {}, "Ends the session, too."},
                    {"mountpoint", 'm', Takes::Value, "Mountpoint", "Of the client."}},
          .access = Access::Change,
          .run = nothing},
         {.words = "session disconnect clients",
          .summary = "Disconnects several.",
          .help = {},
          .arguments = {{"client-ids", "Ids", "Comma-separated.", true}},
          .flags = {},
          .access = Access::Change,
          .run = nothing},
         {.words = "session show",
          .summary = "Shows sessions.",
          .help = {},
          .arguments = {},
          .flags = {{"limit", 'l', Takes::Value, "N", "Rows.", ValueType::Integer, 1},
                    {"topic", 't', Takes::Optional, "Topic", "A topic."},
                    {"client_id", 0, Takes::Optional, "Id", "An id."}},
          .run = nothing},
         {.words = "api-key create",
          .summary = "Makes a key.",
          .help = {},
          .arguments = {{"scope", "Scope", "Of the key."},
                        {"size", "N", "Its size.", false, ValueType::Integer, 0}},
          .flags = {},
          .access = Access::Change,
          .run = nothing},
         {.words = "show",
          .summary = "Shows settings.",
          .help = {},
          .arguments = {},
          .flags = {{"all", 'a', Takes::Nothing, {}, "Of all nodes."}},
          .operands = Operands::Keys,
          .run = nothing},
         {.words = "set",
          .summary = "Changes settings.",
          .help = {},
          .arguments = {},
          .flags = {},
          .access = Access::Change,
          .operands = Operands::Assignments,
          .run = nothing}});
    return table;
}

/// The words of `line`, which are separated by single blanks.
inline std::vector<std::string> words(const std::string& line) {
    std::vector<std::string> result;
    for (std::size_t begin = 0; begin < line.size();) {
        const std::size_t end = std::min(line.find(' ', begin), line.size());
        result.push_back(line.substr(begin, end - begin));
        begin = end + 1;
    }
    return result;
}

}  // namespace vmq::admin::commands
