#include "man_pages/roff.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace vmq::man_pages {
namespace {

std::string in_capitals(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return result;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::size_t indent_of(std::string_view line) {
    return std::min(line.find_first_not_of(' '), line.size());
}

bool is_heading(std::string_view line) {
    return !line.empty() && std::all_of(line.begin(), line.end(), [](unsigned char c) {
        return std::isupper(c) != 0 || c == ' ';
    });
}

constexpr std::size_t kFurtherRight = 8;  // where explanations of entries begin at the least

/// A text in paragraphs and entries, put together line by line.
class HelpReader final {
public:
    explicit HelpReader(Roff& page) : page_(page) {}
    ~HelpReader() { finish(); }
    HelpReader(const HelpReader&) = delete;
    HelpReader& operator=(const HelpReader&) = delete;

    void add(std::string_view line, std::string_view next) {
        const std::size_t indent = indent_of(line);
        if (indent == line.size()) return finish();
        const auto text = line.substr(indent);
        if (indent == 0 && is_heading(text)) {
            finish();
            page_.heading(text);
        } else if (indent >= kFurtherRight) {
            append(text);
        } else if (const auto gap = text.find("  "); gap != std::string_view::npos) {
            finish();
            term_ = text.substr(0, gap);
            append(text.substr(text.find_first_not_of(' ', gap)));
        } else if (indent > 0 && indent_of(next) >= kFurtherRight &&
                   indent_of(next) < next.size()) {
            finish();
            term_ = text;
        } else {
            if (!term_.empty()) finish();
            append(text);
        }
    }

private:
    void append(std::string_view text) {
        if (!text_.empty()) text_ += ' ';
        text_ += text;
    }

    void finish() {
        if (!term_.empty()) {
            page_.entry(term_, text_);
        } else if (!text_.empty()) {
            page_.paragraph(text_);
        }
        term_.clear();
        text_.clear();
    }

    Roff& page_;
    std::string term_, text_;
};

}  // namespace

std::string escaped(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\') {
            result += "\\e";
        } else if (c == '-') {
            result += "\\-";
        } else if (c == '\'') {
            result += "\\(aq";
        } else if (c == '`') {
            result += "\\(ga";
        } else if (c == '^') {
            result += "\\(ha";
        } else if (c == '~') {
            result += "\\(ti";
        } else {
            result += c;
        }
        // Lists without blanks may be broken as well.
        if (c == ',' && i + 1 < text.size() && text[i + 1] != ' ') result += "\\:";
    }
    return result.starts_with('.') ? "\\&" + result : result;
}

Roff::Roff(std::string_view name, int section, std::string_view summary, std::string_view date,
           std::string_view version) {
    text_ = ".TH " + in_capitals(name) + " " + std::to_string(section) + " " + std::string(date) +
            " \"vernemq " + std::string(version) + "\" \"VerneMQ\"\n.ad l\n.SH NAME\n" +
            escaped(name) + " \\- " + escaped(summary) + "\n";
}

Roff& Roff::heading(std::string_view title) {
    text_ += ".SH " + escaped(title) + "\n";
    return *this;
}

Roff& Roff::subheading(std::string_view title) {
    text_ += ".SS " + escaped(title) + "\n";
    return *this;
}

Roff& Roff::paragraph(std::string_view text) {
    begin_paragraph();
    lines(text);
    return *this;
}

Roff& Roff::entry(std::string_view term, std::string_view text) {
    text_ += ".TP\n\\fB" + escaped(term) + "\\fR\n";
    lines(text);
    return *this;
}

Roff& Roff::example(std::string_view lines) {
    begin_paragraph();
    text_ += ".EX\n";
    for (const auto line : lines_of(lines)) text_ += escaped(line) + "\n";
    text_ += ".EE\n";
    return *this;
}

Roff& Roff::see_also(std::string_view pages) {
    heading("SEE ALSO");
    while (!pages.empty()) {
        const std::size_t end = std::min(pages.find(", "), pages.size());
        const auto page = pages.substr(0, end);
        const auto name = page.substr(0, page.find('('));
        pages.remove_prefix(std::min(end + 2, pages.size()));
        text_ += ".BR " + escaped(name) + " " + std::string(page.substr(name.size())) +
                 (pages.empty() ? "\n" : ",\n");
    }
    return *this;
}

void Roff::begin_paragraph() {
    // Nothing has to stand between a heading and its first paragraph.
    const auto last = text_.rfind('\n', text_.size() - 2);
    if (text_.compare(last + 1, 2, ".S") != 0) text_ += ".PP\n";
}

void Roff::lines(std::string_view text) {
    if (text.empty()) text_ += "\\&\n";
    for (const auto line : lines_of(text)) {
        // A sentence a line: formatters put the right space behind it then.
        std::string_view rest = line.substr(indent_of(line));
        while (!rest.empty()) {
            std::size_t end = rest.find(". ");
            end = end == std::string_view::npos ? rest.size() : end + 1;
            text_ += escaped(rest.substr(0, end)) + "\n";
            rest.remove_prefix(std::min(end + 1, rest.size()));
            rest.remove_prefix(indent_of(rest));
        }
    }
}

void add_help(Roff& page, std::string_view help) {
    const auto lines = lines_of(help);
    HelpReader reader(page);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        reader.add(lines[i], i + 1 < lines.size() ? lines[i + 1] : std::string_view());
    }
}

}  // namespace vmq::man_pages
