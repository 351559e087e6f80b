// api-key: who may use the HTTP interfaces.
#include <fmt/chrono.h>
#include <fmt/core.h>

#include <array>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "admin/commands/api_keys.h"
#include "admin/commands/handlers.h"
#include "admin/commands/node.h"

namespace vmq::admin::commands {
namespace {

constexpr std::string_view kDefaultScope = "mgmt";

/// As VerneMQ prints what did not work; it is no failure of the command.
Answer error_text(std::string_view what) { return text(fmt::format("{{error,{}}}", what)); }

Answer not_done(const Error& error) {
    if (error.code == ErrorCode::StorageFailed) return alert(error.detail);
    return error_text(error.detail);
}

/// YYYY-MM-DDTHH:MM:SS, local time.
std::optional<WallSeconds> local_time(std::string_view text) {
    constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
    if (text.size() != kShape.size()) return std::nullopt;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        if (kShape[i] == 'd' ? !digit : text[i] != kShape[i]) return std::nullopt;
    }
    const auto number = [text](std::size_t begin, std::size_t size) {
        return static_cast<int>(integer_of(text.substr(begin, size)).value_or(-1));
    };
    std::tm wanted{};
    wanted.tm_year = number(0, 4) - 1900;
    wanted.tm_mon = number(5, 2) - 1;
    wanted.tm_mday = number(8, 2);
    wanted.tm_hour = number(11, 2);
    wanted.tm_min = number(14, 2);
    wanted.tm_sec = number(17, 2);
    wanted.tm_isdst = -1;  // whichever it is on that day
    std::tm found = wanted;
    const std::time_t time = std::mktime(&found);
    // The 31st of February is taken for the 3rd of March; an hour that summer time skips is fine.
    const bool same = found.tm_mday == wanted.tm_mday && found.tm_mon == wanted.tm_mon &&
                      wanted.tm_hour < 24 && wanted.tm_min < 60 && wanted.tm_sec < 60;
    if (time == -1 || !same) return std::nullopt;
    return time;
}

/// What a key is to be good for, as the arguments say, or the word for what is wrong with them.
struct Wanted {
    ApiScope scope = ApiScope::Mgmt;
    std::optional<WallSeconds> expires;
};
Result<Wanted> wanted(const Invocation& invocation) {
    const auto name = invocation.argument("scope");
    const auto scope = scope_of(name ? *name : kDefaultScope);
    if (!scope) return Error{ErrorCode::InvalidValue, "invalid_scope"};
    Wanted result{*scope, std::nullopt};
    if (const auto expires = invocation.argument("expires")) {
        result.expires = local_time(*expires);
        if (!result.expires) return Error{ErrorCode::InvalidValue, "invalid_expiry_date"};
    }
    return result;
}

Answer create(const Invocation& invocation, Node& node) {
    const auto asked = wanted(invocation);
    if (!asked) return not_done(asked.error());
    auto key = node.api_keys().create(asked.value().scope, asked.value().expires);
    return key ? text(std::move(key).value()) : not_done(key.error());
}

Answer add(const Invocation& invocation, Node& node) {
    const auto asked = wanted(invocation);
    if (!asked) return not_done(asked.error());
    const auto added = node.api_keys().add(invocation.argument("key").value_or(""),
                                           asked.value().scope, asked.value().expires);
    return added ? text("ok") : not_done(added.error());
}

Answer remove_api_key(const Invocation& invocation, Node& node) {
    const auto asked = wanted(invocation);
    if (!asked) return not_done(asked.error());
    const auto removed =
        node.api_keys().remove(invocation.argument("key").value_or(""), asked.value().scope);
    return removed ? text("ok") : not_done(removed.error());
}

Answer show_api_keys(const Invocation& invocation, Node& node) {
    const std::string asked = invocation.argument("scope").value_or("all");
    if (asked != "all" && !scope_of(asked)) return error_text("invalid_scope");
    Table result{{"Key", "Scope", "Expires (UTC)", "has expired"}, {}};
    for (const ApiKeyView& key : node.api_keys().all()) {
        if (asked != "all" && name_of(key.scope) != asked) continue;
        const std::string expires =
            key.expires ? fmt::format("{:%Y-%m-%d %H:%M:%S}",
                                      fmt::gmtime(static_cast<std::time_t>(*key.expires)))
                        : "never";
        result.rows.push_back({key.name, std::string(name_of(key.scope)), expires, key.expired});
    }
    return table(std::move(result));
}

const Argument kScope{"scope", "Scope", "status, mgmt, metrics, health, api2 or httppub; mgmt."};
const Argument kExpires{"expires", "YYYY-MM-DDTHH:MM:SS", "Local time; without it never."};

}  // namespace

void add_api_key_commands(Declarations& table) {
    table.groups.push_back({"api-key", "Manage the keys of the HTTP interfaces."});
    table.commands.push_back({.words = "api-key create",
                              .summary = "Makes a key and prints it.",
                              .help = "It cannot be shown again: only what is needed to recognise "
                                      "it is kept.",
                              .arguments = {kScope, kExpires},
                              .flags = {},
                              .access = Access::Change,
                              .run = create});
    table.commands.push_back({.words = "api-key add",
                              .summary = "Adds a key of your own choice.",
                              .help = "Choose one that nobody can guess.",
                              .arguments = {{"key", "Key", "The key.", true}, kScope, kExpires},
                              .flags = {},
                              .access = Access::Change,
                              .run = add});
    table.commands.push_back(
        {.words = "api-key delete",
         .summary = "Deletes a key; requests with it are refused from then on.",
         .help = {},
         .arguments = {{"key", "Key", "The key, or what `api-key show` calls it.", true}, kScope},
         .flags = {},
         .access = Access::Change,
         .run = remove_api_key});
    table.commands.push_back(
        {.words = "api-key show",
         .summary = "Shows what keys there are.",
         .help = "A key is shown by its first characters and a number, not as a whole.",
         .arguments = {{"scope", "Scope", "Those of one scope; all."}},
         .flags = {},
         .run = show_api_keys});
}

}  // namespace vmq::admin::commands
