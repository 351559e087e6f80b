// The short hand in which the tables of settings are written; only the table files include it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "config/setting.h"

namespace vmq::config::rows {

constexpr std::optional<std::string_view> kUnset = std::nullopt;
using Fallback = std::optional<std::string_view>;

/// A Setting under construction: each call returns a changed copy, so that a row reads as a
/// sentence.
class Row final {
public:
    constexpr Row(std::string_view key, ValueType type, Fallback fallback, std::string_view doc) {
        setting_.key = key;
        setting_.type = type;
        setting_.fallback = fallback;
        setting_.doc = doc;
    }

    constexpr operator Setting() const { return setting_; }

    [[nodiscard]] constexpr Row built() const {
        return with([](Setting& s) { s.status = Status::Built; });
    }
    [[nodiscard]] constexpr Row no_meaning() const {
        return with([](Setting& s) { s.status = Status::NoMeaning; });
    }
    [[nodiscard]] constexpr Row obsolete() const {
        return with([](Setting& s) { s.status = Status::Obsolete; });
    }
    [[nodiscard]] constexpr Row hidden() const {
        return with([](Setting& s) { s.hidden = true; });
    }
    [[nodiscard]] constexpr Row secret() const {
        return with([](Setting& s) { s.secret = true; });
    }
    [[nodiscard]] constexpr Row for_new_sessions() const {
        return with([](Setting& s) { s.settable = Settable::NewSessions; });
    }
    [[nodiscard]] constexpr Row live() const {
        return with([](Setting& s) { s.settable = Settable::Immediately; });
    }
    [[nodiscard]] constexpr Row at_least(std::int64_t minimum) const {
        return with([minimum](Setting& s) { s.minimum = minimum; });
    }
    [[nodiscard]] constexpr Row range(std::int64_t minimum, std::int64_t maximum) const {
        return with([minimum, maximum](Setting& s) {
            s.minimum = minimum;
            s.maximum = maximum;
        });
    }
    [[nodiscard]] constexpr Row not_zero() const {
        return with([](Setting& s) { s.not_zero = true; });
    }
    [[nodiscard]] constexpr Row unit(std::string_view name) const {
        return with([name](Setting& s) { s.unit = name; });
    }
    [[nodiscard]] constexpr Row words(std::string_view allowed) const {
        return with([allowed](Setting& s) { s.words = allowed; });
    }
    [[nodiscard]] constexpr Row done_anyway(std::string_view allowed) const {
        return with([allowed](Setting& s) { s.done_anyway = allowed; });
    }
    [[nodiscard]] constexpr Row count(std::uint8_t members) const {
        return with([members](Setting& s) { s.count = members; });
    }

private:
    template <typename Change>
    [[nodiscard]] constexpr Row with(Change change) const {
        Row copy = *this;
        change(copy.setting_);
        return copy;
    }

    Setting setting_;
};

constexpr std::int64_t kUint16Max = 65535;
constexpr std::int64_t kUint32Max = 4294967295;
constexpr std::int64_t kInt32Max = 2147483647;

constexpr Row flag(std::string_view key, Fallback fallback, std::string_view doc) {
    return {key, ValueType::Flag, fallback, doc};
}
/// An integer from 0 up to what 32 bits hold, unless the row says otherwise.
constexpr Row integer(std::string_view key, Fallback fallback, std::string_view doc) {
    return Row(key, ValueType::Integer, fallback, doc).range(0, kUint32Max);
}
constexpr Row integer_or_infinity(std::string_view key, Fallback fallback, std::string_view doc) {
    return Row(key, ValueType::IntegerOrInfinity, fallback, doc).range(0, kUint32Max);
}
constexpr Row text(std::string_view key, Fallback fallback, std::string_view doc) {
    return {key, ValueType::Text, fallback, doc};
}
constexpr Row atom(std::string_view key, Fallback fallback, std::string_view doc) {
    return {key, ValueType::Atom, fallback, doc};
}
constexpr Row word(std::string_view key, std::string_view words, Fallback fallback,
                   std::string_view doc) {
    return Row(key, ValueType::Word, fallback, doc).words(words);
}
constexpr Row list(std::string_view key, Fallback fallback, std::string_view doc) {
    return {key, ValueType::WordList, fallback, doc};
}
constexpr Row integers(std::string_view key, Fallback fallback, std::string_view doc) {
    return Row(key, ValueType::IntegerList, fallback, doc).at_least(0);
}
constexpr Row term(std::string_view key, Fallback fallback, std::string_view doc) {
    return {key, ValueType::ErlangTerm, fallback, doc};
}

// The tables; together with the listener options they are every setting there is.
void add_mqtt_settings(std::vector<Setting>& table);
void add_node_settings(std::vector<Setting>& table);
void add_service_settings(std::vector<Setting>& table);
void add_log_settings(std::vector<Setting>& table);
void add_ignored_settings(std::vector<Setting>& table);

}  // namespace vmq::config::rows
