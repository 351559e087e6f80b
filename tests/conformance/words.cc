#include "conformance/words.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>

namespace vmq::conformance {
namespace {

Error syntax(std::string what) { return {ErrorCode::SyntaxError, std::move(what)}; }

/// Reads the quoted text that begins at `at`, which ends behind the closing quote.
Result<std::string> read_quoted(std::string_view line, std::size_t& at) {
    std::string text;
    for (++at; at < line.size(); ++at) {
        if (line[at] == '"') {
            ++at;
            return text;
        }
        if (line[at] != '\\') {
            text += line[at];
            continue;
        }
        if (++at == line.size()) break;
        if (line[at] == 'n') {
            text += '\n';
        } else if (line[at] == 'x') {
            unsigned value = 0;
            const char* const digits = line.data() + at + 1;
            if (at + 2 >= line.size() ||
                std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2) {
                return syntax("\\x needs two hexadecimal digits");
            }
            text += static_cast<char>(value);
            at += 2;
        } else {
            text += line[at];
        }
    }
    return syntax("quote not closed");
}

std::string expand(std::string text) {
    if (text.size() < 2 || text[0] != '@') return text;
    const auto count = parse_number(std::string_view(text).substr(1));
    return count ? std::string(*count, 'x') : text;
}

}  // namespace

Result<std::vector<Word>> split_words(std::string_view line) {
    std::vector<Word> words;
    std::size_t at = 0;
    while (true) {
        while (at < line.size() && std::isspace(static_cast<unsigned char>(line[at])) != 0) ++at;
        if (at == line.size()) return words;
        Word word;
        std::string text;
        bool in_value = false;
        while (at < line.size() && std::isspace(static_cast<unsigned char>(line[at])) == 0) {
            if (line[at] == '"') {
                auto quoted = read_quoted(line, at);
                if (!quoted) return quoted.error();
                text += quoted.value();
                word.quoted = true;
            } else if (line[at] == '=' && !in_value && !text.empty() && !word.quoted) {
                word.key = std::exchange(text, {});
                in_value = true;
                ++at;
            } else {
                text += line[at++];
            }
        }
        if (text == "#" && word.key.empty() && !word.quoted) return words;
        word.value = word.quoted ? std::move(text) : expand(std::move(text));
        words.push_back(std::move(word));
    }
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    int base = 10;
    if (text.starts_with("0x")) {
        text.remove_prefix(2);
        base = 16;
    }
    std::uint64_t value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || end.ec != std::errc{} || end.ptr != text.data() + text.size()) return {};
    return value;
}

std::optional<std::uint64_t> parse_duration_ms(std::string_view text) {
    std::size_t digits = 0;
    while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits])) != 0) {
        ++digits;
    }
    const auto count = parse_number(text.substr(0, digits));
    const std::string_view unit = text.substr(digits);
    if (!count) return {};
    if (unit == "ms") return *count;
    if (unit == "s") return *count * 1000;
    if (unit == "m") return *count * 60'000;
    if (unit == "h") return *count * 3'600'000;
    if (unit == "d") return *count * 86'400'000;
    return {};
}

const Word* find_word(const std::vector<Word>& words, std::string_view key) {
    for (const Word& word : words) {
        if (word.key == key) return &word;
    }
    return nullptr;
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::string shown(std::string_view bytes) {
    constexpr std::size_t kLongest = 80;
    std::string out = "\"";
    for (const char c : bytes.substr(0, kLongest)) {
        if (c >= ' ' && c < 127 && c != '"') {
            out += c;
        } else {
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
    out += '"';
    if (bytes.size() > kLongest) out += fmt::format("... ({} bytes)", bytes.size());
    return out;
}

std::string hex(std::string_view bytes) {
    constexpr std::size_t kLongest = 64;
    std::string out;
    for (const char c : bytes.substr(0, kLongest)) {
        out += fmt::format("{:02x} ", static_cast<unsigned char>(c));
    }
    if (bytes.size() > kLongest) out += fmt::format("... ({} bytes)", bytes.size());
    return out;
}

}  // namespace vmq::conformance
