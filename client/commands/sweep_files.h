// What was in the files of a sweep's networks and inputs when it was planned: a sweep that is taken
// up later measures the same, or says what has changed.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/store/sweep_table.h"

namespace synergy {

// As they are now, by their paths in folders without symbolic links. Errors end in kUsage.
absl::StatusOr<FileHashes> HashFiles(const std::set<std::string>& paths);

// kUsage with the file's name where one of `now` is none of the sweep's, or another one.
absl::Status CheckUnchanged(const StoredSweep& sweep, const FileHashes& now);

}  // namespace synergy
