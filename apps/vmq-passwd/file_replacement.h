// Replaces a file in one step, so that its readers see the old text or the new one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vmq::passwd_tool {

/// What may be there already.
enum class Existing : std::uint8_t { Required, Forbidden, Ignored };

using Edit = std::function<Result<std::string>(std::string_view text)>;

/// Whether rewrite_file() would find what it needs, so that nobody is asked for a password first.
/// Unavailable: the file is there and Forbidden. SystemError: it cannot be opened; `detail` is the
/// system's text alone.
[[nodiscard]] Result<void> check_existing(const std::string& path, Existing existing);

/// Puts `edit` of the text of a file in its place: by way of PATH.tmp, which is put on the disk and
/// renamed. Mode and owner stay; a new file has mode 0600. A symbolic link stays, what it points to
/// is replaced. With Ignored, `edit` gets an empty text. If the text stays the same, so does the
/// file. Callers at the same time come one after the other. On an error the file is what it was.
[[nodiscard]] Result<void> rewrite_file(const std::string& path, Existing existing,
                                        const Edit& edit);

}  // namespace vmq::passwd_tool
