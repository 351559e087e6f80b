#include "man_pages/roff.h"

#include <gtest/gtest.h>

namespace vmq::man_pages {
namespace {

Roff page() { return {"prog", 8, "does it", "2026-01-31", "1.2.3"}; }

std::string body(const Roff& roff) { return roff.text().substr(page().text().size()); }

TEST(Roff, BeginsWithTitleAndName) {
    EXPECT_EQ(
        page().text(),
        ".TH PROG 8 2026-01-31 \"vernemq 1.2.3\" \"VerneMQ\"\n.ad l\n.SH NAME\nprog \\- does it\n");
}

TEST(Roff, TextMeansNothingToTheFormatter) {
    EXPECT_EQ(escaped(".SH 'a' \\n --flag"), "\\&.SH \\(aqa\\(aq \\en \\-\\-flag");
    EXPECT_EQ(escaped("'b"), "\\(aqb");
}

TEST(Roff, LongListsMayBeBroken) { EXPECT_EQ(escaped("[a,b], c"), "[a,\\:b], c"); }

TEST(Roff, SentencesStandOnLinesOfTheirOwn) {
    EXPECT_EQ(body(page().heading("A").paragraph("One. Two.").paragraph("Three.")),
              ".SH A\nOne.\nTwo.\n.PP\nThree.\n");
}

TEST(Roff, NamesPagesToReadAsWell) {
    EXPECT_EQ(body(page().see_also("a(1), b.conf(5)")),
              ".SH SEE ALSO\n.BR a (1),\n.BR b.conf (5)\n");
}

TEST(Help, BecomesHeadingsEntriesAndParagraphs) {
    Roff roff = page();
    add_help(roff,
             "RUNNING\n"
             "  start        Run it.\n"
             "               In the background.\n"
             "  config describe KEY\n"
             "               What it does.\n"
             "\n"
             "  See also the\n"
             "  other page.\n");
    EXPECT_EQ(body(roff),
              ".SH RUNNING\n.TP\n\\fBstart\\fR\nRun it.\nIn the background.\n"
              ".TP\n\\fBconfig describe KEY\\fR\nWhat it does.\n.PP\nSee also the other page.\n");
}

}  // namespace
}  // namespace vmq::man_pages
