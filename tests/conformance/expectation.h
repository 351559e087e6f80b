// What a script expects of a packet, compared with the packet that came.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "conformance/wire.h"
#include "conformance/words.h"

namespace vmq::conformance {

/// Values that the script named: `id=$first` keeps a value where it is first used.
using Variables = std::map<std::string, std::string>;

/// Why `packet` is not what `words` (packet name, then fields) expect; nothing if it is.
[[nodiscard]] std::optional<std::string> find_difference(const SeenPacket& packet,
                                                         const std::vector<Word>& words,
                                                         Variables& variables);

/// Replaces `$name` in the values of a packet to send; names that were not kept stay as they are.
[[nodiscard]] std::vector<Word> substitute(std::vector<Word> words, const Variables& variables);

}  // namespace vmq::conformance
