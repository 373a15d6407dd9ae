// Where the store is.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace synergy {

// `given` where it is not empty (--store). Otherwise synergy/synergy.db under XDG_DATA_HOME, or
// under
// ~/.local/share; with `create_folder` its folder is made. FailedPrecondition where neither
// XDG_DATA_HOME nor HOME is set, or the folder cannot be made.
absl::StatusOr<std::string> StorePath(const std::string& given, bool create_folder);

}  // namespace synergy
