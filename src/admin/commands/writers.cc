#include "admin/commands/writers.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace vmq::admin::commands {
namespace {

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

template <typename... Branches>
struct Match : Branches... {
    using Branches::operator()...;
};
template <typename... Branches>
Match(Branches...) -> Match<Branches...>;

/// Length of the UTF-8 sequence at `at`, 0: none (RFC 3629).
std::size_t sequence_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
    };
    const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
        return byte(i) >= low && byte(i) <= high;
    };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
        const unsigned high = first == 0xED ? 0x9F : 0xBF;
        return follows(1, low, high) && follows(2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const unsigned low = first == 0xF0 ? 0x90 : 0x80;
        const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
        return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = sequence_length(text, at);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

/// Characters, not bytes.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

/// Clients choose names and payloads: what moves a terminal's cursor is shown as `?`.
std::string harmless(std::string text) {
    for (char& c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\n') || byte == 0x7F) c = '?';
    }
    return text;
}

std::string erlang_binary(std::string_view bytes) {
    std::string result = "<<";
    for (const char c : bytes) {
        if (result.size() > 2) result += ',';
        result += std::to_string(static_cast<unsigned char>(c));
    }
    return result + ">>";
}

/// A cell in words, as a table for people and CSV show it.
std::string words_of(const Cell& cell) {
    return std::visit(Match{[](std::monostate) { return std::string("null"); },
                            [](Undefined) { return std::string("undefined"); },
                            [](bool value) { return std::string(value ? "true" : "false"); },
                            [](std::int64_t value) { return std::to_string(value); },
                            [](double value) { return fmt::format("{:.6f}", value); },
                            [](const std::string& value) {
                                return is_utf8(value) ? value : erlang_binary(value);
                            }},
                      cell);
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines(1);
    for (const char c : text) {
        if (c == '\n') {
            lines.emplace_back();
        } else {
            lines.back() += c;
        }
    }
    return lines;
}

/// A row whose cells may have several lines.
class HumanTable final {
public:
    HumanTable(const Table& table, bool bold) : bold_(bold) {
        add(table.columns);
        for (const auto& row : table.rows) {
            std::vector<std::string> cells;
            for (const Cell& cell : row) cells.push_back(harmless(words_of(cell)));
            add(cells);
        }
    }

    void append_to(std::string& out) const {
        std::string border = "+";
        for (const std::size_t width : widths_) border += std::string(width + 2, '-') + "+";
        border += '\n';
        out += border;
        for (std::size_t row = 0; row < rows_.size(); ++row) {
            append_row(rows_[row], row == 0 && bold_, out);
            out += border;
        }
    }

private:
    using Row = std::vector<std::vector<std::string>>;  // lines by column

    void add(const std::vector<std::string>& cells) {
        Row row;
        widths_.resize(std::max(widths_.size(), cells.size()));
        for (std::size_t column = 0; column < cells.size(); ++column) {
            row.push_back(lines_of(cells[column]));
            for (const std::string& line : row.back()) {
                widths_[column] = std::max(widths_[column], width_of(line));
            }
        }
        rows_.push_back(std::move(row));
    }

    void append_row(const Row& row, bool bold, std::string& out) const {
        std::size_t height = 0;
        for (const auto& lines : row) height = std::max(height, lines.size());
        for (std::size_t line = 0; line < height; ++line) {
            out += '|';
            for (std::size_t column = 0; column < widths_.size(); ++column) {
                const bool there = column < row.size() && line < row[column].size();
                const std::string text = there ? row[column][line] : std::string();
                out += ' ';
                if (bold) out += kBold;
                out += text;
                if (bold) out += kPlain;
                out += std::string(widths_[column] - width_of(text) + 1, ' ') + "|";
            }
            out += '\n';
        }
    }

    const bool bold_;
    std::vector<std::size_t> widths_;
    std::vector<Row> rows_;
};

std::string human(const Answer& answer, bool terminal) {
    std::string out;
    for (const Element& element : answer.elements) {
        std::visit(Match{[&](const Text& text) { out += text.text + "\n"; },
                         [&](const Alert& alert) { out += alert.text + "\n"; },
                         [&](const Table& table) {
                             if (!table.rows.empty()) HumanTable(table, terminal).append_to(out);
                         }},
                   element);
    }
    return out;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::string json_string(std::string_view text) {
    const std::string valid = valid_utf8(trimmed(text));
    return boost::json::serialize(boost::json::string_view(valid.data(), valid.size()));
}

std::string json_cell(const Cell& cell) {
    return std::visit(
        Match{[](std::monostate) { return std::string("null"); },
              [](Undefined) { return std::string("null"); },
              [](bool value) { return std::string(value ? "true" : "false"); },
              [](std::int64_t value) { return std::to_string(value); },
              [](double value) { return std::isfinite(value) ? fmt::format("{}", value) : "null"; },
              [](const std::string& value) { return json_string(value); }},
        cell);
}

std::string json_text(std::string_view text) {
    return R"({"text":)" + json_string(text) + R"(,"type":"text"})";
}

std::string json_table(const Table& table) {
    std::string out = R"({"table":[)";
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
        out += row == 0 ? "{" : ",{";
        for (std::size_t column = 0; column < table.columns.size(); ++column) {
            if (column > 0) out += ',';
            out += json_string(table.columns[column]) + ":" + json_cell(table.rows[row][column]);
        }
        out += '}';
    }
    return out + R"(],"type":"table"})";
}

std::string as_json(const Answer& answer) {
    std::string out;
    for (const Element& element : answer.elements) {
        if (!out.empty()) out += ',';
        out += std::visit(Match{[](const Text& text) { return json_text(text.text); },
                                [](const Alert& alert) {
                                    return R"({"alert":[)" + json_text(alert.text) +
                                           R"(],"type":"alert"})";
                                },
                                [](const Table& table) { return json_table(table); }},
                          element);
    }
    // VerneMQ's shape: one element stands for itself and without a newline.
    return answer.elements.size() == 1 ? out : "[" + out + "]\n";
}

/// RFC 4180.
std::string csv_field(std::string_view text) {
    const std::string_view value = trimmed(text);
    if (value.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(value);
    std::string quoted = "\"";
    for (const char c : value) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

std::string csv_table(const Table& table) {
    std::string out;
    const auto line = [&](const auto& cells, const auto& text_of) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (i > 0) out += ',';
            out += csv_field(text_of(cells[i]));
        }
        out += "\r\n";
    };
    line(table.columns, [](const std::string& name) { return name; });
    for (const auto& row : table.rows) line(row, words_of);
    return out;
}

void csv(const Answer& answer, Printed& printed) {
    for (const Element& element : answer.elements) {
        std::visit(
            Match{[](const Text&) {}, [&](const Alert& alert) { printed.err += alert.text + "\n"; },
                  [&](const Table& table) { printed.out += csv_table(table); }},
            element);
    }
}

}  // namespace

std::optional<Format> format_of(std::string_view word) noexcept {
    if (word == "human") return Format::Human;
    if (word == "json") return Format::Json;
    if (word == "csv") return Format::Csv;
    return std::nullopt;
}

std::string valid_utf8(std::string_view text) {
    constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
    std::string valid;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = sequence_length(text, at);
        valid += length == 0 ? kReplacement : text.substr(at, length);
        at += std::max<std::size_t>(length, 1);
    }
    return valid;
}

Printed print(const Answer& answer, Format format, bool terminal) {
    Printed printed;
    printed.status = answer.status;
    if (format == Format::Human || answer.plain) {
        printed.out = human(answer, terminal);
    } else if (format == Format::Json) {
        printed.out = as_json(answer);
    } else {
        csv(answer, printed);
    }
    if (!answer.hint.empty()) printed.err += answer.hint + "\n";
    return printed;
}

}  // namespace vmq::admin::commands
