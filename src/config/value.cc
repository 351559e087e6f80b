#include "config/value.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>

namespace vmq::config {
namespace {

constexpr std::size_t kSocketPathMax = 107;  // sun_path without its final zero

Error expected(std::string what) { return {ErrorCode::InvalidValue, std::move(what)}; }

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

std::optional<std::int64_t> integer_of(std::string_view text) {
    if (text.starts_with('+')) {
        text.remove_prefix(1);
        if (text.starts_with('-')) return std::nullopt;
    }
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

bool allows(const Setting& setting, std::string_view word) {
    const auto words = split(setting.words, '|');
    return std::find(words.begin(), words.end(), word) != words.end();
}

bool in_range(const Setting& setting, std::int64_t number) {
    if (number == 0 && setting.not_zero) return false;
    return number >= setting.minimum && number <= setting.maximum;
}

std::string words_phrase(std::string_view words) {
    std::string phrase;
    for (const auto word : split(words, '|')) {
        if (!phrase.empty()) phrase += ", ";
        phrase += word;
    }
    return phrase;
}

std::string range_phrase(const Setting& setting) {
    const bool minimum = setting.minimum != kNoMinimum;
    const bool maximum = setting.maximum != kNoMaximum;
    if (minimum && maximum) {
        return " from " + std::to_string(setting.minimum) + " to " +
               std::to_string(setting.maximum);
    }
    if (minimum) return " of at least " + std::to_string(setting.minimum);
    if (maximum) return " of at most " + std::to_string(setting.maximum);
    return {};
}

std::optional<std::int64_t> byte_size_of(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, unsigned>, 6> kSuffixes{
        {{"KB", 10}, {"kb", 10}, {"MB", 20}, {"mb", 20}, {"GB", 30}, {"gb", 30}}};
    unsigned shift = 0;
    for (const auto& [suffix, bits] : kSuffixes) {
        if (text.ends_with(suffix)) {
            shift = bits;
            text.remove_suffix(suffix.size());
            break;
        }
    }
    const auto number = integer_of(text);
    if (!number || *number < 0 || *number > (kNoMaximum >> shift)) return std::nullopt;
    return *number << shift;
}

/// The members of `a,b,c` or `[a,b,c]`; nothing if a member is missing or a bracket stands alone.
std::optional<std::vector<std::string_view>> members_of(std::string_view text) {
    text = trim(text);
    if (text.starts_with('[') != text.ends_with(']')) return std::nullopt;
    if (text.starts_with('[')) {
        if (text.size() < 2) return std::nullopt;
        text = trim(text.substr(1, text.size() - 2));
    }
    std::vector<std::string_view> members;
    if (text.empty()) return members;
    for (const auto member : split(text, ',')) {
        members.push_back(trim(member));
        if (members.back().empty()) return std::nullopt;
    }
    return members;
}

Result<Value> parse_list(const Setting& setting, std::string_view text) {
    const auto members = members_of(text);
    if (!members) return expected(expectation(setting));
    // An empty text counts as "not set" wherever lists are inherited, so the count is not asked of
    // it.
    if (setting.count != 0 && members->size() != setting.count && !text.empty()) {
        return expected(expectation(setting));
    }
    std::vector<std::int64_t> numbers;
    std::vector<std::string> words;
    for (const auto member : *members) {
        if (!setting.words.empty() && !allows(setting, member)) {
            return expected(expectation(setting));
        }
        if (setting.type == ValueType::WordList) {
            words.emplace_back(member);
            continue;
        }
        const auto number = integer_of(member);
        if (!number || !in_range(setting, *number)) return expected(expectation(setting));
        numbers.push_back(*number);
    }
    if (setting.type == ValueType::WordList) return Value(std::move(words));
    return Value(std::move(numbers));
}

Result<Value> parse_socket_or_address(std::string_view text) {
    const auto colon = text.find(':');
    const auto scheme = text.substr(0, colon);
    if (colon == std::string_view::npos || (scheme != "local" && scheme != "unix")) {
        Result<Endpoint> endpoint = parse_address(text);
        if (!endpoint) return endpoint.error();
        return Value(std::move(endpoint).value());
    }
    const auto rest = text.substr(colon + 1);
    const auto last = rest.rfind(':');
    if (last == std::string_view::npos || last == 0 || rest.substr(last + 1) != "0") {
        return expected("a unix socket is written local:PATH:0, with port 0");
    }
    if (last > kSocketPathMax) {
        return expected("a path of at most " + std::to_string(kSocketPathMax) + " bytes");
    }
    Endpoint endpoint;
    endpoint.unix_path = rest.substr(0, last);
    return Value(std::move(endpoint));
}

Result<Value> parse_number(const Setting& setting, std::optional<std::int64_t> number) {
    if (!number || !in_range(setting, *number)) return expected(expectation(setting));
    return Value(*number);
}

Result<Value> parse_durations(const Setting& setting, std::string_view text) {
    if (setting.type == ValueType::LongDuration) {
        if (allows(setting, text)) return Value(Unlimited{});
        const auto seconds = parse_long_duration_s(text);
        if (!seconds) return expected(expectation(setting));
        return parse_number(setting, seconds.value());
    }
    const auto milliseconds = parse_duration_ms(text);
    if (!milliseconds) return expected(expectation(setting));
    const std::int64_t ms = milliseconds.value();
    return parse_number(setting, setting.unit == "s" ? ms / 1000 + (ms % 1000 != 0 ? 1 : 0) : ms);
}

std::string list_phrase(const Setting& setting) {
    const bool numbers = setting.type == ValueType::IntegerList;
    std::string phrase = setting.count == 0 ? "a list" : std::to_string(setting.count);
    phrase += setting.count == 0 ? (numbers ? " of integers" : " of words")
                                 : (numbers ? " integers" : " words");
    phrase += range_phrase(setting) + " separated by commas";
    if (!setting.words.empty()) phrase += ", each one of " + words_phrase(setting.words);
    return phrase;
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::string expectation(const Setting& setting) {
    switch (setting.type) {
        case ValueType::Flag:
            return "on or off";
        case ValueType::Integer:
            return "an integer" + range_phrase(setting);
        case ValueType::IntegerOrInfinity:
            return "an integer" + range_phrase(setting) +
                   (setting.not_zero ? " but not 0, or infinity for no limit" : " or infinity");
        case ValueType::Text:
        case ValueType::Atom:
            return "text";
        case ValueType::Word:
            return "one of " + words_phrase(setting.words);
        case ValueType::ByteSize:
            return "a size such as 1024, 10KB, 10MB or 1GB";
        case ValueType::ByteSizeOrInfinity:
            return "a size such as 1024, 10KB, 10MB or 1GB, or infinity";
        case ValueType::Duration:
            return "a duration such as 1h30m (units f w d h m s ms, m being a minute)";
        case ValueType::LongDuration:
            return "an integer with one unit of s h d w m y (m is 28 days, y is 336 days), such as "
                   "3d, or " +
                   words_phrase(setting.words);
        case ValueType::Address:
            return "ADDR:PORT, such as 127.0.0.1:1883";
        case ValueType::AddressOrSocket:
            return "ADDR:PORT, such as 127.0.0.1:1883, or local:PATH:0 for a unix socket";
        case ValueType::IntegerList:
        case ValueType::WordList:
            return list_phrase(setting);
        case ValueType::ErlangTerm:
            return "an Erlang term";
    }
    return {};
}

Result<Value> parse_value(const Setting& setting, std::string_view text) {
    const bool infinity = text == "infinity";
    switch (setting.type) {
        case ValueType::Flag:
            if (text == "on") return Value(true);
            if (text == "off") return Value(false);
            return expected(expectation(setting));
        case ValueType::IntegerOrInfinity:
            if (infinity) return Value(Unlimited{});
            return parse_number(setting, integer_of(text));
        case ValueType::Integer:
            return parse_number(setting, integer_of(text));
        case ValueType::Text:
        case ValueType::Atom:
        case ValueType::ErlangTerm:
            return Value(std::string(text));
        case ValueType::Word:
            if (text.find('|') != std::string_view::npos || !allows(setting, text)) {
                return expected(expectation(setting));
            }
            return Value(std::string(text));
        case ValueType::ByteSizeOrInfinity:
            if (infinity) return Value(Unlimited{});
            return parse_number(setting, byte_size_of(text));
        case ValueType::ByteSize:
            return parse_number(setting, byte_size_of(text));
        case ValueType::Duration:
        case ValueType::LongDuration:
            return parse_durations(setting, text);
        case ValueType::Address: {
            Result<Endpoint> endpoint = parse_address(text);
            if (!endpoint) return endpoint.error();
            return Value(std::move(endpoint).value());
        }
        case ValueType::AddressOrSocket:
            return parse_socket_or_address(text);
        case ValueType::IntegerList:
        case ValueType::WordList:
            return parse_list(setting, text);
    }
    return expected(expectation(setting));
}

Result<std::int64_t> parse_duration_ms(std::string_view text) {
    struct Unit {
        std::string_view name;
        std::int64_t ms;
    };
    // ms before m: the longer name must be tried first.
    static constexpr std::array<Unit, 7> kUnits{{{"ms", 1},
                                                 {"s", 1000},
                                                 {"m", 60'000},
                                                 {"h", 3'600'000},
                                                 {"d", 86'400'000},
                                                 {"w", 604'800'000},
                                                 {"f", 1'209'600'000}}};
    constexpr int kFractionDigits = 9;
    constexpr int kWholeDigits = 9;
    __extension__ using Wide = __int128;
    constexpr Wide kScale = 1'000'000'000;
    const Error error = expected("a duration such as 1h30m");
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    std::string_view rest = lower;
    if (rest.empty()) return error;
    Wide total = 0;  // in 1e-9 ms, so that no decimal is lost
    while (!rest.empty()) {
        Wide number = 0;
        int whole = 0;
        int fraction = 0;
        bool point = false;
        while (!rest.empty() && (rest[0] == '.' || (rest[0] >= '0' && rest[0] <= '9'))) {
            if (rest[0] == '.') {
                if (point) return error;
                point = true;
            } else {
                number = number * 10 + (rest[0] - '0');
                ++(point ? fraction : whole);
            }
            if (whole > kWholeDigits || fraction > kFractionDigits) return error;
            rest.remove_prefix(1);
        }
        if (whole + fraction == 0) return error;
        for (int i = fraction; i < kFractionDigits; ++i) number *= 10;
        const auto* unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& candidate) {
            return rest.starts_with(candidate.name);
        });
        if (unit == kUnits.end()) return error;
        rest.remove_prefix(unit->name.size());
        total += number * unit->ms;
        if (total > Wide{kNoMaximum} * kScale - kScale) return error;
    }
    return static_cast<std::int64_t>((total + kScale - 1) / kScale);
}

Result<std::int64_t> parse_long_duration_s(std::string_view text) {
    constexpr std::int64_t kDay = 86'400;
    constexpr std::array<std::pair<char, std::int64_t>, 6> kUnits{
        {{'s', 1}, {'h', 3600}, {'d', kDay}, {'w', 7 * kDay}, {'m', 28 * kDay}, {'y', 336 * kDay}}};
    const Error error = expected("an integer with one unit of s h d w m y");
    if (text.size() < 2) return error;
    const auto* unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& candidate) {
        return candidate.first == text.back();
    });
    const auto number = integer_of(text.substr(0, text.size() - 1));
    if (unit == kUnits.end() || !number || *number < 0) return error;
    if (*number > kNoMaximum / unit->second) return error;
    return *number * unit->second;
}

Result<Endpoint> parse_address(std::string_view text) {
    const std::string form = "ADDR:PORT, such as 127.0.0.1:1883 or [::1]:1883";
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return expected(form);
    const auto port = integer_of(text.substr(colon + 1));
    if (!port || *port < 0 || *port > 65535) {
        return expected(form + " with a port from 0 to 65535 after the last colon");
    }
    std::string_view address = text.substr(0, colon);
    const bool brackets = address.starts_with('[') && address.ends_with(']');
    if (brackets) address = address.substr(1, address.size() - 2);
    Endpoint endpoint;
    endpoint.port = static_cast<std::uint16_t>(*port);
    // Back to text, so that two spellings of one address are the same listener.
    const std::string spelled(address);
    std::array<char, INET6_ADDRSTRLEN> canonical{};
    in6_addr bytes{};
    for (const int family : {AF_INET6, AF_INET}) {
        if (brackets && family == AF_INET) continue;
        if (inet_pton(family, spelled.c_str(), &bytes) != 1) continue;
        inet_ntop(family, &bytes, canonical.data(), canonical.size());
        endpoint.address = canonical.data();
        return endpoint;
    }
    if (address == "*") return expected(form + "; every address is 0.0.0.0 or ::");
    return expected(form + "; the address must be a literal IPv4 or IPv6 address, not a host name");
}

}  // namespace vmq::config
