// Writes a manual page in the man(7) macros, which groff and mandoc read.
#pragma once

#include <string>
#include <string_view>

namespace vmq::man_pages {

class Roff final {
public:
    /// Texts are plain; `date` as 2026-01-31.
    Roff(std::string_view name, int section, std::string_view summary, std::string_view date,
         std::string_view version);

    Roff& heading(std::string_view title);
    Roff& subheading(std::string_view title);
    Roff& paragraph(std::string_view text);
    /// `term` in bold, `text` indented below it.
    Roff& entry(std::string_view term, std::string_view text);
    /// Lines as they are, in the typeface of programs.
    Roff& example(std::string_view lines);
    /// Pages to read as well: "vernemq(8), vernemq.conf(5)".
    Roff& see_also(std::string_view pages);

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    void begin_paragraph();
    /// Where lines of text stand.
    void lines(std::string_view text);

    std::string text_;
};

/// Such that neither a mark at the beginning of a line nor one within it means anything.
[[nodiscard]] std::string escaped(std::string_view text);

/// Adds a text for terminals, such as `vernemq help` prints. Lines in capitals are headings; lines
/// indented by two blanks are entries if something stands further right beside or below them, else
/// paragraphs.
void add_help(Roff& page, std::string_view help);

}  // namespace vmq::man_pages
