// Small files that must never be half there, and the text of what went wrong with a file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace synergy {

// "<what> <path>: <words>", with a remedy where there is one. ENOENT is NotFound; ENOSPC, EDQUOT
// and EFBIG ResourceExhausted ("no space left ..."); EACCES, EPERM and EROFS PermissionDenied;
// EEXIST AlreadyExists; all else Internal.
absl::Status FileError(std::string_view what, std::string_view path, int error);

absl::StatusOr<UniqueFd> OpenForReading(const std::string& path);
// ResourceExhausted where it is longer than `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes);
// All of `data`, however many calls it takes; `path` is for the text of an error.
absl::Status WriteAll(int fd, std::string_view data, const std::string& path);

enum class Sync { kNo, kYes };  // kYes: durable on return

// Writes `path`.new (mode 0600) and renames it over `path`: readers see the old file or the new
// one.
absl::Status ReplaceFile(const std::string& path, std::string_view data, Sync sync);
// fsync of a file or of a folder.
absl::Status SyncPath(const std::string& path);
// With its parents (mode 0755; the folder itself `mode`); OK where it is there already.
absl::Status MakeFolder(const std::string& path, unsigned mode);

}  // namespace synergy
