// The grammar of vernemq.conf: text in, entries with their places and all syntax errors out.
//
//   file    = [BOM] { line ( LF | CRLF ) }
//   line    = blank [ setting | include ] blank [ "#" comment ]
//   setting = key blank "=" blank value
//   key     = word { "." word }            word = 1*( A-Z a-z 0-9 "_" "-" | "\." )
//   value   = "'''" any text "'''"         may span lines; newlines at both ends are dropped
//           | "'" text without "'" "'"
//           | text without "#"             blanks at its end are dropped
//   include = "include" blank path         path = 1*( A-Z a-z 0-9 - _ . * / )
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/file_source.h"

namespace vmq::config {

/// `key = value` as written, before substitution.
struct Entry {
    std::string key;  // words joined by dots; a dot within a word is still written `\.`
    std::string value;
    Location at;  // of the key
    std::uint32_t value_column = 0;

    [[nodiscard]] Location value_at() const { return {at.file, at.line, value_column}; }
};

struct ConfFile {
    std::vector<Entry>
        entries;  // in the order read, includes spliced in; the last one of a key counts
    std::vector<Diagnostic> errors;
    std::vector<Diagnostic> warnings;
};

/// Reads `path` and everything it includes. A line that cannot be read is reported and skipped, so
/// one run shows every syntax error.
[[nodiscard]] ConfFile parse_conf(FileSource& files, const std::string& path);

/// Whether `name` matches `pattern`, in which `*` stands for any run of characters. A name with a
/// leading dot is matched only by a pattern with one.
[[nodiscard]] bool matches_glob(std::string_view pattern, std::string_view name);

/// The words of a key, cut at unescaped dots and with `\.` turned into a dot.
[[nodiscard]] std::vector<std::string> words_of(std::string_view key);

}  // namespace vmq::config
