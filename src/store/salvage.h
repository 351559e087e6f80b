// Opening a store whose files may be damaged. Internal to this folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/database.h"

namespace vmq::store {

/// Opens or makes the database. If it is damaged, copies of its small files and whatever has to be
/// taken out go to DIRECTORY/damaged-TIME, and what is whole is made consistent; `notices` says
/// what happened. Blocks for as long as that takes. Errors: it is in use, of a newer format, the
/// disk does not answer, or nothing helps; nothing has been thrown away then.
[[nodiscard]] Result<std::unique_ptr<Database>> open_or_salvage(const DatabaseOptions& options,
                                                                std::vector<std::string>& notices);

}  // namespace vmq::store
