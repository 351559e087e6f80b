// What a command answers: texts, tables and alerts, in no format yet.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "admin/commands/stream.h"

namespace vmq::admin::commands {

/// VerneMQ's `undefined`: there is no such thing, for example the user of an anonymous client.
struct Undefined {
    friend bool operator==(const Undefined&, const Undefined&) = default;
};

/// std::monostate is null: the row does not have this column.
using Cell = std::variant<std::monostate, Undefined, bool, std::int64_t, double, std::string>;

/// Each row has a cell for each column.
struct Table {
    std::vector<std::string> columns;
    std::vector<std::vector<Cell>> rows;
};

struct Text {
    std::string text;
};

/// A request that could not be met. As in VerneMQ it is told on standard output, and by itself it
/// does not make the exit status a failure.
struct Alert {
    std::string text;
};

using Element = std::variant<Text, Table, Alert>;

struct Answer {
    std::vector<Element> elements;
    int status = 0;      // exit status of vmq-admin
    bool plain = false;  // human text whatever format was asked for: help, and refusals
    std::string hint;    // for people: standard error, where no script reads it
    std::shared_ptr<Stream> stream = nullptr;  // goes on behind the elements; null: it does not
};

[[nodiscard]] inline Answer text(std::string what) {
    return {.elements = {Text{std::move(what)}}, .status = 0, .plain = false, .hint = {}};
}
/// It is on its way.
[[nodiscard]] inline Answer going_on(std::shared_ptr<Stream> stream) {
    return {.elements = {}, .status = 0, .plain = true, .hint = {}, .stream = std::move(stream)};
}
[[nodiscard]] inline Answer done() { return text("Done"); }
[[nodiscard]] inline Answer table(Table what) {
    return {.elements = {std::move(what)}, .status = 0, .plain = false, .hint = {}};
}
[[nodiscard]] inline Answer alert(std::string what) {
    return {.elements = {Alert{std::move(what)}}, .status = 0, .plain = false, .hint = {}};
}
/// Exit status 1.
[[nodiscard]] inline Answer refusal(std::string what, std::string hint = {}) {
    return {
        .elements = {Text{std::move(what)}}, .status = 1, .plain = true, .hint = std::move(hint)};
}

}  // namespace vmq::admin::commands
