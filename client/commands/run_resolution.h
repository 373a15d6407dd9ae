// Which stored run the user means.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/store/store.h"

namespace synergy {

// `text` is "last" (the newest), a short number, a run id or the beginning of one. NotFound with
// what there is, InvalidArgument where several runs begin so. Pure.
absl::StatusOr<StoredRun> ResolveRun(const std::vector<StoredRun>& runs, std::string_view text);

}  // namespace synergy
