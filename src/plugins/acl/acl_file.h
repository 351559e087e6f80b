// The grammar of VerneMQ's ACL file: text in, rules and what is wrong with its lines out.
//
//   file    = [BOM] { line ( LF | CRLF ) }
//   line    = "" | blanks | "#" any text
//           | "user " name                       owner of the topic lines that follow
//           | "topic " [ access " " ] topic      before the first user line: for everyone
//           | "pattern " [ access " " ] topic    for everyone; the levels %u, %c and %m are
//           replaced
//   access  = "read" | "write" | "readwrite"     without it: readwrite
//
// A keyword begins in the first column and has one space behind it. Blanks and tabs around a name
// or topic are dropped, those within it belong to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/acl/acl_rules.h"

namespace vmq::plugins::acl {

/// Longest line in bytes.
inline constexpr std::size_t kMaxLineSize = 8192;
/// Most rules of a file, for some 300 bytes of memory each.
inline constexpr std::size_t kMaxRules = 1'000'000;
/// Problems that are described; of further ones only the number is known.
inline constexpr std::size_t kMaxProblems = 100;

struct Problem {
    std::uint32_t line = 0;
    std::string reason;   // a sentence for the operator
    bool skipped = true;  // false: the line counts, but perhaps not as it was meant
};

struct AclFile {
    std::vector<Rule> rules;
    std::vector<Problem> problems;  // in the order of the lines
    std::size_t problem_count = 0;
};

struct ParseLimits {
    std::uint32_t max_levels = 10;  // of a rule's topic, as topic_max_depth
    std::size_t max_rules = kMaxRules;
};

/// A line that cannot be read is reported and skipped. Skipping must not widen anybody's rights: if
/// such a line may have been a user line, the topic lines that follow are skipped as well, up to
/// the next user line. At the limit of rules reading ends.
[[nodiscard]] AclFile parse_acl_file(std::string_view text, const ParseLimits& limits = {});

}  // namespace vmq::plugins::acl
